"""A fork in a running reactor: both processes keep their own connections and timers."""

import os
import sys

import common
from twisted.internet import protocol, reactor

parent = os.getpid()


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class Client(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(b"ping")

    def dataReceived(self, data):
        who = "parent" if os.getpid() == parent else "child"
        print(who, "received", data, flush=True)
        reactor.callLater(0.05, finish)


def finish():
    if os.getpid() == parent:
        print("child exited with", os.waitpid(child, 0)[1], flush=True)
    reactor.stop()


def go():
    global child
    common.connect(common.listen(Echo), Client)


def fork():
    global child
    child = os.fork()
    if child == 0:
        # The child leaves the parent's connections alone and makes its own.
        for _selectable in reactor.removeAll():
            pass
        reactor.callLater(0.1, go)
    else:
        reactor.callLater(0.5, go)


first = common.listen(Echo)
reactor.callLater(0.1, fork)
reactor.run()
sys.stdout.flush()
os._exit(0)
