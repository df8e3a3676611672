"""
One sample on Twisted's asyncioreactor: ``asyncio_calls.py WORK COUNT``.

An ordinary Twisted program, started by one that installs the reactor; prints the nanoseconds of
CPU time per operation.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable
from time import process_time_ns, sleep, thread_time_ns
from typing import Any, cast

from twisted.internet import defer
from twisted.internet import reactor as default_reactor

reactor = cast(Any, default_reactor)
work, count = sys.argv[1], int(sys.argv[2])


def nothing() -> None:
    """What is called."""


def finish(elapsed: int) -> None:
    name = f"{type(reactor).__module__}.{type(reactor).__qualname__}"
    print(json.dumps({"value": elapsed / count, "runs_on": name}), flush=True)
    reactor.stop()


def finish_from(start: int) -> None:
    finish(process_time_ns() - start)


def hop() -> None:
    """callLater(0) from the function that callLater(0) called."""
    left = count
    start = process_time_ns()

    def again() -> None:
        nonlocal left
        left -= 1
        if left:
            reactor.callLater(0, again)
        else:
            finish_from(start)

    reactor.callLater(0, again)


def from_own_thread() -> None:
    """callFromThread without a second thread that wants the interpreter, until the last has run."""
    start = process_time_ns()
    for _ in range(count - 1):
        reactor.callFromThread(nothing)
    reactor.callFromThread(finish_from, start)


def from_thread() -> None:
    """callFromThread in another thread, each a while after the one before: it wakes the reactor."""
    start = thread_time_ns()

    def producer() -> None:
        for _ in range(count - 1):
            reactor.callFromThread(nothing)
            sleep(1e-6)
        reactor.callFromThread(lambda: finish(thread_time_ns() - start))

    threading.Thread(target=producer).start()


def future() -> None:
    """A coroutine of Twisted's awaits futures of asyncio's, which asyncio fires."""

    async def wait() -> None:
        loop = asyncio.get_running_loop()
        start = process_time_ns()
        for _ in range(count):
            made = loop.create_future()
            loop.call_soon(made.set_result, None)
            await defer.Deferred.fromFuture(made)
        finish_from(start)

    defer.ensureDeferred(wait())


def as_future() -> None:
    """A task of asyncio's awaits Deferreds, which the reactor fires."""

    async def wait() -> None:
        loop = asyncio.get_running_loop()
        start = process_time_ns()
        for _ in range(count):
            fired: defer.Deferred[None] = defer.Deferred()
            reactor.callLater(0, fired.callback, None)
            await fired.asFuture(loop)
        finish_from(start)

    tasks.append(asyncio.ensure_future(wait()))


tasks: list[asyncio.Future[None]] = []
WORKS: dict[str, Callable[[], None]] = {
    "hop": hop,
    "from_own_thread": from_own_thread,
    "from_thread": from_thread,
    "future": future,
    "as_future": as_future,
}
reactor.callWhenRunning(reactor.callLater, 0.01, WORKS[work])
reactor.run()
