"""
A greenlet is parked in dataReceived, while the main one ends other connections of the same batch.

The reactor runs in a greenlet of its own, as under pytest-twisted and the like.
"""

from __future__ import annotations

import socket
from typing import Any

import greenlet
from twisted.internet import protocol, reactor

COUNT = 20


class Server(protocol.Protocol):
    def connectionMade(self) -> None:
        servers.append(self)

    def dataReceived(self, data: bytes) -> None:
        if not parked:  # on stock, those that are ended meanwhile receive, too
            parked.append(servers.index(self))
            print("received", data)
            print("back with", main.switch("parked"))
            self.transport.write(b"from the greenlet")

    def connectionLost(self, reason: Any) -> None:
        lost.append((servers.index(self), reason.type.__name__))


def deep(levels: int) -> str:
    """Use the part of the C stack that the parked greenlet had."""
    return min(map(deep, [levels - 1])) if levels else "intact"


def sockets() -> list[socket.socket]:
    port = reactor.listenTCP(0, protocol.Factory.forProtocol(Server), interface="127.0.0.1")
    made = []
    for _ in range(COUNT):
        made.append(socket.create_connection(("127.0.0.1", port.getHost().port)))
        while len(servers) < len(made):
            reactor.iterate(0.01)
    return made


servers: list[Server] = []
lost: list[tuple[int, str]] = []
parked: list[int] = []
main = greenlet.getcurrent()
peers = sockets()
for peer in peers:
    peer.send(b"x")
runner = greenlet.greenlet(reactor.run)
print("main got", runner.switch())
others = [server for server in servers if server is not servers[parked[0]]]
for server in others[::2]:
    server.transport.abortConnection()
print("the main greenlet's stack is", deep(50))
for server in others[1::2]:
    server.transport.loseConnection()
reactor.callLater(0.5, reactor.stop)
runner.switch("an answer")
while not runner.dead:
    runner.switch()
print(peers[parked[0]].recv(100))
print(len(lost), sorted({kind for _, kind in lost}))
