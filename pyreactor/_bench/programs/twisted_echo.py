"""An echo server, as any Twisted program would write it.  Prints its port and its reactor."""

from twisted.internet import protocol, reactor


class Echo(protocol.Protocol):
    """Send back what comes."""

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)


port = reactor.listenTCP(0, protocol.Factory.forProtocol(Echo), interface="127.0.0.1")
print(port.getHost().port, f"{type(reactor).__module__}.{type(reactor).__qualname__}", flush=True)
reactor.run()
