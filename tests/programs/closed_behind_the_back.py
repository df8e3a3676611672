"""Selectables whose descriptor is closed, and its number reused, without telling."""

import socket

import common
from twisted.internet import protocol, reactor
from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_DONE


class Plain(FileDescriptor):
    def __init__(self, name, skt):
        FileDescriptor.__init__(self, reactor)
        self.name, self.skt = name, skt
        self.connected = 1

    def fileno(self):
        return self.skt.fileno()

    def doRead(self):
        data = self.skt.recv(100)
        if not data:
            return CONNECTION_DONE
        print(self.name, "read", data)

    def connectionLost(self, reason):
        print(self.name, "lost", reason.type.__name__)
        FileDescriptor.connectionLost(self, reason)


def first():
    global one, other, number
    mine, other = socket.socketpair()
    one = Plain("one", mine)
    one.startReading()
    other.send(b"1")
    common.later(0.05, close_it)


def close_it():
    number = one.skt.fileno()
    one.skt.close()
    one.stopReading()
    print("one is a reader:", one in reactor.getReaders())
    mine, peer = socket.socketpair()
    print("number reused:", number in (mine.fileno(), peer.fileno()))
    if peer.fileno() == number:
        mine, peer = peer, mine
    two = Plain("two", mine)
    two.startReading()
    peer.send(b"2")
    common.later(0.05, transport, peer)


def transport(peer):
    peer.close()
    client = common.raw(common.listen(Server))
    client.send(b"data")
    common.later(0.05, client.send, b"more")
    common.later(0.3, reactor.stop)


class Server(protocol.Protocol):
    def dataReceived(self, data):
        print("server received", data)
        self.transport.socket.close()
        try:
            self.transport.write(b"to nobody")
        except ValueError as error:
            print(error)

    def connectionLost(self, reason):
        print("server lost", reason.type.__name__)


reactor.callWhenRunning(first)
common.run()
