"""Exceptions out of each kind of callback are logged, and the reactor goes on."""

import common
from twisted.internet import protocol, reactor

common.log_errors()


class Raising(protocol.Protocol):
    def __init__(self, where):
        self.where = where

    def raise_in(self, where):
        if where == self.where:
            raise RuntimeError(where)

    def connectionMade(self):
        self.raise_in("connectionMade")

    def dataReceived(self, data):
        self.raise_in("dataReceived")
        self.transport.loseConnection()

    def connectionLost(self, reason):
        print(self.where, "lost", reason.type.__name__)
        self.raise_in("connectionLost")


class Factory(protocol.Factory):
    noisy = False
    plan = ["buildProtocol", "connectionMade", "dataReceived", "connectionLost", "none"]

    def buildProtocol(self, addr):
        where = self.plan.pop(0)
        if where == "buildProtocol":
            raise RuntimeError(where)
        return Raising(where)


def step(left):
    if left == 0:
        reactor.callLater(0, timer)
        return
    client = common.raw(port)
    client.sendall(b"data")
    common.later(0.1, close, client, left)


def close(client, left):
    client.close()
    common.later(0.1, step, left - 1)


def timer():
    common.later(0.05, finish)
    reactor.callFromThread(threaded)
    raise RuntimeError("timer")


def threaded():
    raise RuntimeError("threaded call")


def finish():
    print("still running")
    reactor.stop()
    raise SystemExit("from a timer")


port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
step(len(Factory.plan))
common.run()
