"""
Processes per second, or bytes through their pipes: ``spawn.py true|cat COUNT``.

``true`` starts /bin/true so many times, four at a time, each until ``processEnded``.  ``cat``
sends so many MiB through one cat and takes them back.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter
from typing import Any, cast

from twisted.internet import defer, error, protocol, task
from twisted.internet import reactor as default_reactor

reactor = cast(Any, default_reactor)
work, count = sys.argv[1], int(sys.argv[2])
AT_ONCE = 4
PIECE = b"x" * 65536


class Ending(protocol.ProcessProtocol):
    """Fires ``ended`` when the process has ended; with the reason if not well."""

    def __init__(self) -> None:
        self.ended: defer.Deferred[None] = defer.Deferred()

    def processEnded(self, reason: Any) -> None:
        if reason.check(error.ProcessDone):
            self.ended.callback(None)
        else:
            self.ended.errback(reason)


class Through(Ending):
    """Keeps one piece under way until all have come back."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.unsent, self.missing = pieces, pieces * len(PIECE)

    def connectionMade(self) -> None:
        self.send()

    def send(self) -> None:
        self.unsent -= 1
        self.owed = len(PIECE)
        self.transport.write(PIECE)

    def outReceived(self, data: bytes) -> None:
        self.missing -= len(data)
        self.owed -= len(data)
        if self.owed:
            return
        if self.unsent:
            self.send()
        else:
            assert self.missing == 0
            self.transport.closeStdin()


async def true() -> float:
    """Processes per second."""

    async def worker(times: int) -> None:
        for _ in range(times):
            one = Ending()
            reactor.spawnProcess(one, "/bin/true", ["true"], env={})
            await one.ended

    times = -(-count // AT_ONCE)
    began = perf_counter()
    await defer.gatherResults([defer.ensureDeferred(worker(times)) for _ in range(AT_ONCE)])
    return AT_ONCE * times / (perf_counter() - began)


async def cat() -> float:
    """MiB per second, there and back."""
    through = Through(16 * count)
    began = perf_counter()
    reactor.spawnProcess(through, "/bin/cat", ["cat"], env={})
    await through.ended
    return count / (perf_counter() - began)


async def measure(_: object) -> None:
    """Print what came out."""
    value = await {"true": true, "cat": cat}[work]()
    name = f"{type(reactor).__module__}.{type(reactor).__name__}"
    print(json.dumps({"value": value, "runs_on": name}), flush=True)


task.react(lambda reactor: defer.ensureDeferred(measure(reactor)))
