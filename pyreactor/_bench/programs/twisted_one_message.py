"""Answers one message on each connection and closes it.  Prints its port and its reactor."""

from twisted.internet import protocol, reactor


class OneMessage(protocol.Protocol):
    """Send the first piece back, then close."""

    def dataReceived(self, data: bytes) -> None:
        """Send it back, and close."""
        self.transport.write(data)
        self.transport.loseConnection()


port = reactor.listenTCP(0, protocol.Factory.forProtocol(OneMessage), interface="127.0.0.1")
print(port.getHost().port, f"{type(reactor).__module__}.{type(reactor).__qualname__}", flush=True)
reactor.run()
