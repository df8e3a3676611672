"""A child that goes on in the middle of an event takes no event away from its parent."""

import os
import socket
import sys

import common
from twisted.internet import protocol, reactor
from twisted.internet.abstract import FileDescriptor

parent = os.getpid()


class Paused(protocol.Protocol):
    def connectionMade(self):
        global paused
        paused = self.transport
        self.transport.pauseProducing()
        common.later(0.05, send_to_both)

    def dataReceived(self, data):
        print("parent" if os.getpid() == parent else "child", "received", data, flush=True)
        if data == b"first":
            os.write(go_on[1], b"x")
            wait_for_the_child()
        else:
            common.later(0.1, reactor.stop)


class Forks(FileDescriptor):
    def fileno(self):
        return mine.fileno()

    def doRead(self):
        mine.recv(1)
        if os.fork() == 0:
            os.read(go_on[0], 1)
            common.later(0.05, os._exit, 0)
        else:
            common.later(0.1, paused.resumeProducing)


def wait_for_the_child():
    if os.waitpid(-1, os.WNOHANG)[0]:
        client.send(b"second")
    else:
        common.later(0.01, wait_for_the_child)


def send_to_both():
    other.send(b"x")
    client.send(b"first")


def begin():
    global mine, other, client
    mine, other = socket.socketpair()
    Forks(reactor).startReading()
    client = common.raw(common.listen(Paused))


go_on = os.pipe()
reactor.callWhenRunning(begin)
common.run()
sys.stdout.flush()
