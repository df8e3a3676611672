"""
Nanoseconds per call from a client to a server in the same process:
``twisted_remote_calls.py amp|pb AT_ONCE COUNT``.

An ordinary Twisted program; so many calls are under way at any time, over one TCP connection of
the loopback interface.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from measured import Stopwatch, tell
from twisted.internet import defer, protocol, task
from twisted.internet import reactor as default_reactor
from twisted.protocols import amp
from twisted.spread import pb

reactor = cast(Any, default_reactor)
work, at_once, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


class Sum(amp.Command):
    """Two numbers and a name go there, a number comes back."""

    arguments = [(b"a", amp.Integer()), (b"b", amp.Integer()), (b"name", amp.Unicode())]
    response = [(b"total", amp.Integer())]


class Calculator(amp.AMP):
    """Answers Sum."""

    @Sum.responder
    def sum(self, a: int, b: int, name: str) -> dict[str, int]:
        """The answer."""
        return {"total": a + b}


class Root(pb.Root):
    """Answers the same by Perspective Broker."""

    def remote_sum(self, a: int, b: int, name: str) -> int:
        """The answer."""
        return a + b


async def amp_call(port: int) -> Any:
    """A function that makes one AMP call."""
    creator = protocol.ClientCreator(reactor, amp.AMP)
    client = await creator.connectTCP("127.0.0.1", port)

    async def call(number: int) -> int:
        answer = await client.callRemote(Sum, a=number, b=1, name="sum")
        return cast(int, answer["total"])

    return call


async def pb_call(port: int) -> Any:
    """A function that makes one Perspective Broker call."""
    factory = pb.PBClientFactory()
    reactor.connectTCP("127.0.0.1", port, factory)
    root = await factory.getRootObject()

    async def call(number: int) -> int:
        return cast(int, await root.callRemote("sum", number, 1, "sum"))

    return call


FACTORIES = {
    "amp": (lambda: protocol.Factory.forProtocol(Calculator), amp_call),
    "pb": (lambda: pb.PBServerFactory(Root()), pb_call),
}


async def measure(_: object) -> None:
    """Call, and print what came out."""
    server, client = FACTORIES[work]
    port = reactor.listenTCP(0, server(), interface="127.0.0.1")
    call = await client(port.getHost().port)

    async def worker(first: int, upto: int) -> None:
        for number in range(first, upto, at_once):
            assert await call(number) == number + 1

    async def all_of(upto: int) -> tuple[int, int]:
        watch = Stopwatch()
        workers = [worker(first, upto) for first in range(at_once)]
        await defer.gatherResults([defer.ensureDeferred(each) for each in workers])
        return watch.passed()

    await all_of(count // 10 + at_once)
    tell(reactor, count, await all_of(count))


task.react(lambda reactor: defer.ensureDeferred(measure(reactor)))
