"""An echo server that spoils one byte of every 1000, for the tests of the load generator."""

from twisted.internet import protocol, reactor


class CorruptingEcho(protocol.Protocol):
    """Send back what comes, with one bit changed every thousand bytes."""

    seen = 0

    def dataReceived(self, data: bytes) -> None:
        spoiled = bytearray(data)
        for position in range(-self.seen % 1000, len(spoiled), 1000):
            spoiled[position] ^= 1
        self.seen += len(data)
        self.transport.write(bytes(spoiled))


port = reactor.listenTCP(0, protocol.Factory.forProtocol(CorruptingEcho), interface="127.0.0.1")
print(port.getHost().port, f"{type(reactor).__module__}.{type(reactor).__qualname__}", flush=True)
reactor.run()
