"""Push and pull producers, with back-pressure from a slow reader."""

import common
from twisted.internet import interfaces, protocol, reactor
from zope.interface import implementer

CHUNK = b"z" * 100_000


@implementer(interfaces.IPushProducer)
class Push:
    paused = resumed = sent = 0

    def __init__(self, transport, done):
        self.transport, self.done, self.running = transport, done, True
        transport.registerProducer(self, True)
        try:
            transport.registerProducer(self, True)
        except RuntimeError as error:
            print(str(error).split(" <")[0])
        self.produce()

    def produce(self):
        while self.running and self.sent < 200:
            self.sent += 1
            self.transport.write(CHUNK)
        if self.sent == 200:
            self.sent += 1
            print("paused", self.paused > 0, "resumed", self.resumed > 0)
            self.transport.unregisterProducer()
            self.done()

    def pauseProducing(self):
        self.paused += 1
        self.running = False

    def resumeProducing(self):
        self.resumed += 1
        self.running = True
        reactor.callLater(0, self.produce)

    def stopProducing(self):
        print("push stopped")


@implementer(interfaces.IPullProducer)
class Pull:
    left = 20

    def __init__(self, transport):
        self.transport = transport
        transport.registerProducer(self, False)

    def resumeProducing(self):
        self.left -= 1
        self.transport.write(b"p")
        if not self.left:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def stopProducing(self):
        print("pull stopped")


class Server(protocol.Protocol):
    def connectionMade(self):
        Push(self.transport, lambda: Pull(self.transport))

    def connectionLost(self, reason):
        print("server lost", reason.type.__name__)


class Slow(protocol.Protocol):
    received = 0

    def dataReceived(self, data):
        self.received += len(data)
        self.transport.pauseProducing()
        reactor.callLater(0.0005, self.transport.resumeProducing)

    def connectionLost(self, reason):
        print("client received", self.received, reason.type.__name__)
        common.later(0.1, reactor.stop)


common.connect(common.listen(Server), Slow)
common.run()
