"""Half-close, seen from both ends."""

import common
from twisted.internet import interfaces, protocol, reactor
from zope.interface import implementer


@implementer(interfaces.IHalfCloseableProtocol)
class Half(protocol.Protocol):
    name = "server"

    def dataReceived(self, data):
        print(self.name, "received", len(data))

    def readConnectionLost(self):
        print(self.name, "read side lost")
        self.transport.write(b"y" * 1000)
        self.transport.loseConnection()

    def writeConnectionLost(self):
        print(self.name, "write side lost")
        self.transport.write(b"ignored")

    def connectionLost(self, reason):
        print(self.name, "lost", reason.type.__name__)
        if self.name == "client":
            common.later(0.1, reactor.stop)


class Client(Half):
    name = "client"

    def connectionMade(self):
        self.transport.write(b"x" * 1000)
        self.transport.loseWriteConnection()


common.connect(common.listen(Half), Client)
common.run()
