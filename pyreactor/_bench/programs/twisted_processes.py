"""
Nanoseconds for each process that is started, four at a time: ``twisted_processes.py COUNT``.

An ordinary Twisted program; a process counts once ``processEnded`` was told.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from measured import Stopwatch, tell
from twisted.internet import defer, error, protocol, task
from twisted.internet import reactor as default_reactor

reactor = cast(Any, default_reactor)
count = int(sys.argv[1])


class Ending(protocol.ProcessProtocol):
    """Fires ``ended`` when the process has ended; with the reason if not well."""

    def __init__(self) -> None:
        self.ended: defer.Deferred[None] = defer.Deferred()

    def processEnded(self, reason: Any) -> None:
        """It has."""
        if reason.check(error.ProcessDone):
            self.ended.callback(None)
        else:
            self.ended.errback(reason)


async def start(left: Any) -> None:
    """One after the other, for as long as some are left."""
    for _ in left:
        one = Ending()
        reactor.spawnProcess(one, "/bin/true", ["true"], env={})
        await one.ended


async def measure(_: object) -> None:
    """Start them, and tell."""
    await start(range(count // 10))
    watch, left = Stopwatch(), iter(range(count))
    await defer.gatherResults([defer.ensureDeferred(start(left)) for _ in range(4)])
    tell(reactor, count, watch.passed())


task.react(lambda reactor: defer.ensureDeferred(measure(reactor)))
