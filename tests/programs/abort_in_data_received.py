"""abortConnection inside dataReceived, with data waiting on both sides."""

import common
from twisted.internet import protocol, reactor


class Aborting(protocol.Protocol):
    calls = 0

    def dataReceived(self, data):
        self.calls += 1
        self.transport.write(b"never sent")
        self.transport.abortConnection()
        self.transport.abortConnection()
        self.transport.write(b"nor this")
        self.transport.loseConnection()
        print("aborted; connected:", bool(self.transport.connected))

    def connectionLost(self, reason):
        print("server lost", reason.type.__name__, "after calls:", self.calls)


class Client(protocol.Protocol):
    received = b""

    def connectionMade(self):
        self.transport.write(b"x" * 1_000_000)

    def dataReceived(self, data):
        self.received += data

    def connectionLost(self, reason):
        print("client lost", reason.type.__name__, self.received)
        common.later(0.1, reactor.stop)


common.connect(common.listen(Aborting), Client)
common.run()
