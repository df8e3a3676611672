"""A UDP echo server.  Prints its port and its reactor."""

from twisted.internet import protocol, reactor


class Echo(protocol.DatagramProtocol):
    """Send back what comes."""

    def datagramReceived(self, data: bytes, addr: tuple[str, int]) -> None:
        """Send it back."""
        self.transport.write(data, addr)


port = reactor.listenUDP(0, Echo(), interface="127.0.0.1")
print(port.getHost().port, f"{type(reactor).__module__}.{type(reactor).__qualname__}", flush=True)
reactor.run()
