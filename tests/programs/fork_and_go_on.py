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
        if os.getpid() == parent:
            os.write(parent_heard[1], b"x")
            print("child exited with", os.waitpid(child, 0)[1], flush=True)
            reactor.stop()
        else:
            os.write(child_heard[1], b"x")
            when_told(parent_heard[0], reactor.stop)


def when_told(pipe, function):
    """Call it when the other process has written to a pipe."""
    try:
        os.read(pipe, 1)
    except BlockingIOError:
        common.later(0.01, when_told, pipe, function)
    else:
        function()


def go():
    common.connect(common.listen(Echo), Client)


def fork():
    global child
    child = os.fork()
    if child == 0:
        # The child leaves the parent's connections alone and makes its own.
        for _selectable in reactor.removeAll():
            pass
        common.later(0.1, go)
    else:
        when_told(child_heard[0], go)


child_heard, parent_heard = os.pipe(), os.pipe()
for reading in (child_heard[0], parent_heard[0]):
    os.set_blocking(reading, False)
first = common.listen(Echo)
common.later(0.1, fork)
reactor.run()
sys.stdout.flush()
os._exit(0)
