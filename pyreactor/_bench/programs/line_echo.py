"""An echo server for lines, on Twisted's LineReceiver.  Prints its port and its reactor."""

from twisted.internet import protocol, reactor
from twisted.protocols.basic import LineReceiver


class LineEcho(LineReceiver):
    """Send each line back."""

    def lineReceived(self, line: bytes) -> None:
        """Send it back."""
        self.sendLine(line)


port = reactor.listenTCP(0, protocol.Factory.forProtocol(LineEcho), interface="127.0.0.1")
print(port.getHost().port, f"{type(reactor).__module__}.{type(reactor).__qualname__}", flush=True)
reactor.run()
