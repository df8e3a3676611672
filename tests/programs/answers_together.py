"""
A server that gets more input while it handles what came before: small answers to much input leave
together, on TCP and (with "unix") on UNIX sockets.
"""

from __future__ import annotations

import fcntl
import select
import socket
import struct
import sys
import termios
import time
from typing import Any

from twisted.internet import protocol, reactor

BLOCK = b"x" * 50_000


def unread(transport: Any) -> int:
    """How many bytes the kernel has for `transport`."""
    answer = fcntl.ioctl(transport.fileno(), termios.FIONREAD, bytes(4))
    return int(struct.unpack("i", answer)[0])


class Server(protocol.Protocol):
    calls = 0

    def connectionMade(self) -> None:
        self.transport.bufferSize = len(BLOCK)

    def dataReceived(self, data: bytes) -> None:
        self.calls += 1
        # It surely gets the two answers then, though on a busy machine not at once.
        ready = bool(select.select([peer], [], [], 60 if self.calls == 3 else 0)[0])
        print("call", self.calls, "the peer has an answer:", ready, flush=True)
        if self.calls < 3:
            peer.sendall(BLOCK)
            deadline = time.monotonic() + 60
            while unread(self.transport) < len(BLOCK) and time.monotonic() < deadline:
                time.sleep(0.001)
        self.transport.write(b"answer %d;" % self.calls)
        if self.calls == 3:
            reactor.callLater(0.1, self.ask_for_answers, b"")

    def ask_for_answers(self, got: bytes) -> None:
        # Without waiting: what has not left yet is sent by this very thread.
        if select.select([peer], [], [], 0)[0]:
            got += peer.recv(1000)
        if got.count(b";") < 3:
            reactor.callLater(0.01, self.ask_for_answers, got)
            return
        print("the peer has got", got)
        reactor.stop()


factory = protocol.Factory.forProtocol(Server)
if "unix" in sys.argv:
    reactor.listenUNIX("./socket", factory)
    peer = socket.socket(socket.AF_UNIX)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * len(BLOCK))
    peer.connect("./socket")
else:
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    peer = socket.create_connection(("127.0.0.1", port.getHost().port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
peer.sendall(BLOCK)
reactor.run()
