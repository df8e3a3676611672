"""Sockets that a program puts in the place of Twisted's: their recv, send and accept are called."""

import socket
import sys

HOW = sys.argv[1]
told = []
MUCH = b"w" * 3_000_000


class Slow(socket.socket):
    """Takes a byte at a time."""

    def recv(self, size):
        told.append(("recv", 1))
        return super().recv(min(size, 1))

    def send(self, data):
        told.append(("send", 1))
        return super().send(bytes(data[:1]))


if HOW == "patched":
    socket.socket = Slow

import common  # noqa: E402
from twisted.internet import protocol, reactor, tcp, unix  # noqa: E402


class Wrapper:
    """Passes all on to a socket."""

    def __init__(self, skt):
        self.skt = skt

    def recv(self, size):
        data = self.skt.recv(size)
        told.append(("recv", data))
        return data

    def recvmsg(self, *arguments):
        found = self.skt.recvmsg(*arguments)
        told.append(("recvmsg", found[0]))
        return found

    def send(self, data):
        sent = self.skt.send(data)
        if HOW not in ("writing", "written"):  # else the kernel tells how much each time
            told.append(("send", sent))
        return sent

    def accept(self):
        found = self.skt.accept()
        told.append(("accept", found[1] != ""))
        return found

    def __getattr__(self, name):
        return getattr(self.skt, name)


class Numberless(Wrapper):
    """Does not tell its descriptor: it is that of the first."""

    def fileno(self):
        raise OSError("nobody asks for it")


def make_slow(self):
    skt = Slow(self.addressFamily, self.socketType)
    skt.setblocking(False)
    return skt


class Server(protocol.Protocol):
    def connectionMade(self):
        if HOW == "made":
            self.transport.socket = Wrapper(self.transport.socket)
        elif HOW == "numberless":
            self.transport.socket = Numberless(self.transport.socket)
        elif HOW == "writing":
            self.transport.write(MUCH)
            self.transport.socket = Wrapper(self.transport.socket)
        elif HOW == "written":
            first = self.transport.socket
            self.transport.socket = Wrapper(first)
            self.transport.write(MUCH)
            self.transport.socket = first
        elif HOW == "moved":
            first = self.transport.socket
            self.transport.stopReading()
            self.transport.socket = first.dup()
            self.transport.fileno = self.transport.socket.fileno
            first.close()
            self.transport.startReading()

    def dataReceived(self, data):
        if HOW not in ("slow", "patched"):
            told.append(("server received", data))
        if HOW == "received" and not isinstance(self.transport.socket, Wrapper):
            self.transport.write(b"[")
            self.transport.socket = Wrapper(self.transport.socket)
        elif HOW == "back" and len(data) == 1:
            self.transport.socket = Wrapper(self.transport.socket)
        elif HOW == "back" and len(data) == 2:
            self.transport.socket = self.transport.socket.skt
        self.transport.write(data)

    def connectionLost(self, reason):
        told.append(("server lost", reason.type.__name__))
        common.later(0.05, reactor.stop)


class Client(protocol.Protocol):
    answers = b""

    def connectionMade(self):
        if HOW not in ("writing", "written"):
            self.transport.write(b"b")

    def dataReceived(self, data):
        self.answers += data
        if HOW in ("writing", "written"):
            if len(self.answers) == len(MUCH):
                self.answers = b"all"
                self.transport.loseConnection()
            return
        for word, following in ((b"b", b"cc"), (b"cc", b"ddd")):
            if self.answers.endswith(word) and len(self.answers) < 4 + (HOW == "received"):
                self.transport.write(following)
                return
        if self.answers.endswith(b"ddd"):
            self.transport.loseConnection()

    def connectionLost(self, reason):
        print("client lost", reason.type.__name__, self.answers)


def begin():
    if HOW == "slow":
        tcp.BaseClient.createInternetSocket = make_slow
        tcp.Port.createInternetSocket = unix.Port.createInternetSocket = make_slow
    port = common.listen(Server)
    if HOW == "listening":
        port.socket = Wrapper(port.socket)
    common.connect(port, Client)


reactor.callWhenRunning(begin)
common.run()
for one in sorted(told) if HOW in ("slow", "patched") else told:
    print(*one)
