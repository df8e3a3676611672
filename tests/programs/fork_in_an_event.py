"""A child that goes on in the middle of an event takes no event away from its parent."""

import os
import socket
import sys
import time

import common
from twisted.internet import protocol, reactor
from twisted.internet.abstract import FileDescriptor

parent = os.getpid()


class Paused(protocol.Protocol):
    def connectionMade(self):
        global paused
        paused = self.transport
        self.transport.pauseProducing()
        reactor.callLater(0.05, send_to_both)

    def dataReceived(self, data):
        print("parent" if os.getpid() == parent else "child", "received", data, flush=True)


class Forks(FileDescriptor):
    def fileno(self):
        return mine.fileno()

    def doRead(self):
        mine.recv(1)
        if os.fork() == 0:
            time.sleep(0.3)
            reactor.callLater(0.05, os._exit, 0)
        else:
            reactor.callLater(0.1, paused.resumeProducing)
            reactor.callLater(0.7, client.send, b"second")
            reactor.callLater(1.0, reactor.stop)


def send_to_both():
    other.send(b"x")
    client.send(b"first")


def begin():
    global mine, other, client
    mine, other = socket.socketpair()
    Forks(reactor).startReading()
    client = common.raw(common.listen(Paused))


reactor.callWhenRunning(begin)
common.run()
os.wait()
sys.stdout.flush()
