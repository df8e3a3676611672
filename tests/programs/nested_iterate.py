"""reactor.iterate inside a callback: events are handled, and the outer ones go on."""

import common
from twisted.internet import protocol, reactor


class Server(protocol.Protocol):
    depth = 0

    def dataReceived(self, data):
        print("received", data)
        if data == b"nest":
            self.transport.write(b"reply")
            for _ in range(50):
                reactor.iterate(0.01)
            print("back")
            self.transport.loseConnection()

    def connectionLost(self, reason):
        print("server lost", reason.type.__name__)


class Client(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(b"nest")

    def dataReceived(self, data):
        print("client received", data)
        self.transport.write(b"inner")

    def connectionLost(self, reason):
        print("client lost", reason.type.__name__)
        common.later(0.1, reactor.stop)


common.connect(common.listen(Server), Client)
common.run()
