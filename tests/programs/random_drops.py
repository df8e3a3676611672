"""Thousands of connections dropped at random: connectionLost once each, nothing left."""

import random
import sys

import common
from twisted.internet import protocol, reactor

TOTAL = int(sys.argv[1])
AT_ONCE = 100
random.seed(7)
lost = {}


class Server(protocol.Protocol):
    def connectionMade(self):
        lost[self] = 0
        choice = random.random()
        if choice < 0.2:
            self.transport.loseConnection()
        elif choice < 0.3:
            self.transport.abortConnection()
        elif choice < 0.4:
            self.transport.pauseProducing()
            reactor.callLater(0.01, self.transport.resumeProducing)

    def dataReceived(self, data):
        choice = random.random()
        self.transport.write(data)
        if choice < 0.2:
            self.transport.loseConnection()
        elif choice < 0.4:
            self.transport.abortConnection()
        elif choice < 0.5:
            self.transport.loseWriteConnection()

    def connectionLost(self, reason):
        lost[self] += 1


def wave(left):
    clients = [common.raw(port) for _ in range(min(AT_ONCE, left))]
    reactor.callLater(0.005, drop, clients, left - len(clients))


def drop(clients, left):
    for client in clients:
        choice = random.random()
        try:
            if choice < 0.7:
                client.send(b"x" * random.randrange(1, 100_000))
        except OSError:
            pass
        if choice < 0.5:
            common.reset(client)
        else:
            client.close()
    if left:
        reactor.callLater(0.002, wave, left)
    else:
        when_all_are_lost()


def when_all_are_lost(patience=3000):
    if patience and (len(lost) < TOTAL or not all(lost.values())):
        reactor.callLater(0.01, when_all_are_lost, patience - 1)
    else:
        common.later(0.1, finish)


def finish():
    port.stopListening().addCallback(lambda ignored: reactor.callLater(0.1, reactor.stop))


before = common.descriptors()
port = common.listen(Server, backlog=500)
reactor.callWhenRunning(wave, TOTAL)
common.run()
print("connections", len(lost))
print("connectionLost calls", sorted(set(lost.values())))
print("descriptors left", len(common.descriptors() - before))
