"""What runs as queued data goes out schedules calls, and stops the reactor, in time."""

import sys

import common
from twisted.internet import protocol, reactor


class Producer:
    """Writes a while after it was asked to."""

    written = 0

    def __init__(self, transport):
        self.transport = transport

    def resumeProducing(self):
        reactor.callLater(0.01, self.write)

    def stopProducing(self):
        print("producer stopped")

    def write(self):
        self.written += 1
        self.transport.write(b"x")
        if self.written == 5:
            print("wrote", self.written)
            self.transport.unregisterProducer()
            self.transport.loseConnection()


class Server(protocol.Protocol):
    def connectionMade(self):
        self.transport.registerProducer(Producer(self.transport), False)

    def connectionLost(self, reason):
        print("server lost", reason.type.__name__)
        reactor.stop()


def begin():
    global client
    client = common.raw(common.listen(Server))


reactor.callWhenRunning(begin)
reactor.callLater(common.GIVE_UP_AFTER, print, "came too late")
reactor.run(installSignalHandlers="signals" in sys.argv)
