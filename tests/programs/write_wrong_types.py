"""What write and writeSequence say to what is not bytes."""

import common
from twisted.internet import protocol, reactor


class Wrong(protocol.Protocol):
    def connectionMade(self):
        for method, data in [
            (self.transport.write, "text"),
            (self.transport.write, 5),
            (self.transport.write, None),
            (self.transport.write, bytearray(b"mutable")),
            (self.transport.writeSequence, [b"bytes", "text"]),
            (self.transport.writeSequence, 5),
            (self.transport.writeSequence, iter([b"lost, as in stock"])),
        ]:
            try:
                print(method(data))
            except Exception as error:
                print(type(error).__name__, error)
        self.transport.writeSequence(())
        self.transport.writeSequence((b"a", b"", b"b"))
        self.transport.write(b"")
        self.transport.write(b"c")
        self.transport.loseConnection()


class Client(protocol.Protocol):
    received = b""

    def dataReceived(self, data):
        self.received += data

    def connectionLost(self, reason):
        print(self.received, reason.type.__name__)
        reactor.stop()


common.connect(common.listen(Wrong), Client)
common.run()
