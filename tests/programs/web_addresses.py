"""Whose addresses requests of one connection have, when the program changes them between."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import address, protocol, task
from twisted.internet.defer import Deferred
from twisted.web import resource, server

OTHER = address.IPv4Address("TCP", "10.0.0.9", 9)


def on_instance(channel: Any) -> None:
    channel.transport.getPeer = lambda: OTHER


def host_on_instance(channel: Any) -> None:
    channel.transport.getHost = lambda: OTHER


def instance_again(channel: Any) -> None:
    del channel.transport.getPeer, channel.transport.getHost


def on_channel(channel: Any) -> None:
    channel.getHost = lambda: OTHER


def channel_again(channel: Any) -> None:
    del channel.getHost


def other_client(channel: Any) -> None:
    channel.transport.client = ("10.0.0.8", 8)


def on_class(channel: Any) -> None:
    channel.transport.__class__.getHost, CHANGED["getHost"] = (
        (lambda self: OTHER),
        channel.transport.__class__.getHost,
    )


def class_again(channel: Any) -> None:
    channel.transport.__class__.getHost = CHANGED.pop("getHost")


def nothing(channel: Any) -> None:
    pass


CHANGED: dict[str, Any] = {}
STEPS = [
    nothing,
    nothing,
    on_instance,
    host_on_instance,
    instance_again,
    on_channel,
    channel_again,
    other_client,
    nothing,
    on_class,
    class_again,
    nothing,
]


class Page(resource.Resource):
    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.steps = iter(STEPS)
        self.port = 0

    def known(self, port: int) -> str:
        """The same in each run, for the ports that the system chose."""
        return "port" if port == self.port else str(port) if port < 10 else "x"

    def render_GET(self, request: Any) -> bytes:
        told = [request.client, request.host, request.channel.getPeer(), request.channel.getHost()]
        names = [f"{each.host}:{self.known(each.port)}" for each in told]
        step = next(self.steps)
        step(request.channel)
        print(*names, "then", step.__name__)
        return b"page"


class Client(protocol.Protocol):
    def connectionMade(self) -> None:
        self.left = len(STEPS)
        self.got = b""
        self.done: Deferred[None] = Deferred()
        self.ask()

    def ask(self) -> None:
        assert self.transport is not None
        self.left -= 1
        self.transport.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.got += data
        if self.got.endswith(b"page"):
            self.got = b""
            if self.left:
                self.ask()
            else:
                self.transport.loseConnection()  # type: ignore[union-attr]

    def connectionLost(self, reason: Any = None) -> None:
        self.done.callback(None)


async def main(reactor: Any) -> None:
    page = Page()
    port = reactor.listenTCP(0, server.Site(page), interface="127.0.0.1")
    page.port = port.getHost().port
    client = await protocol.ClientCreator(reactor, Client).connectTCP("127.0.0.1", page.port)
    await client.done
    await port.stopListening()
    print("all steps were taken")


sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
task.react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
