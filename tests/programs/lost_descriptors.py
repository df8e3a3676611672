"""
Somebody closes descriptors that are not his, the reactor's own among them.

The first argument says when: after the reactor was imported, after a port was opened, in a timed
call, in a thread while the reactor sleeps, or in a forked child.  With "reuse" the numbers belong
to other files afterwards, which must stay as they are.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

from twisted.internet import protocol, reactor

when = sys.argv[1]
reuse = "reuse" in sys.argv
others: list[int] = []


def close_all() -> None:
    os.closerange(3, 64)
    if reuse:
        while len(others) < 40:
            others.extend(os.pipe())


class Echo(protocol.Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)
        self.transport.loseConnection()


class Client(protocol.Protocol):
    got = b""

    def connectionMade(self) -> None:
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: object) -> None:
        print("echoed", self.got, flush=True)
        reactor.stop()


def serve() -> None:
    port = reactor.listenTCP(0, protocol.Factory.forProtocol(Echo), interface="127.0.0.1")
    factory = protocol.ClientFactory.forProtocol(Client)
    reactor.connectTCP("127.0.0.1", port.getHost().port, factory)


def check_others() -> None:
    """What others opened is still open, and has got nothing from the reactor."""
    for read, write in zip(others[::2], others[1::2], strict=True):
        os.write(write, b"mine")
        if os.read(read, 100) != b"mine":
            print("somebody wrote to", read)
    print("others checked")


if when == "imported":
    close_all()
    reactor.callLater(0.05, serve)
elif when == "opened":
    reactor.listenTCP(0, protocol.Factory.forProtocol(Echo), interface="127.0.0.1")
    close_all()
    reactor.callLater(0.05, serve)
elif when == "running":
    reactor.callLater(0.05, close_all)
    reactor.callLater(0.1, serve)
elif when == "thread":
    closed = threading.Event()

    def work() -> None:
        time.sleep(0.3)
        close_all()
        # It may end the sleep of who sleeps on what was closed, or not.
        reactor.callFromThread(int)
        closed.set()

    def serve_when_closed() -> None:
        if closed.is_set():
            serve()
        else:
            reactor.callLater(1, serve_when_closed)

    threading.Thread(target=work, daemon=True).start()
    reactor.callLater(1, serve_when_closed)
elif when == "child":
    reactor.listenTCP(0, protocol.Factory.forProtocol(Echo), interface="127.0.0.1")
    reactor.iterate(0)
    if os.fork() != 0:
        sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
    close_all()
    reactor.callLater(0.05, serve)
elif when == "own":
    # Only the numbers of the reactor's own descriptors, and those get other files at once.
    before = set(os.listdir("/proc/self/fd"))
    reactor.iterate(0)
    for name in sorted(set(os.listdir("/proc/self/fd")) - before, key=int):
        ours, theirs = socket.socketpair()
        os.dup2(ours.detach(), int(name))
    reactor.callLater(0.05, serve)
reactor.callLater(100, os._exit, 1)
reactor.run()
check_others()
