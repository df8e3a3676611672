"""
One timer sample on whatever reactor is the default: ``timers_twisted.py WORK COUNT``.

An ordinary Twisted program; prints nanoseconds per operation.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, cast

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
    finish(perf_counter_ns() - start)


def schedule() -> None:
    """callLater, with deadlines in no order and far away, as timeouts are."""
    delays = [random.Random(1).uniform(1000, 2000) for _ in range(count)]
    start = perf_counter_ns()
    for delay in delays:
        reactor.callLater(delay, nothing)
    finish(perf_counter_ns() - start)


def due_batch() -> None:
    """The reactor finds that many calls due at once; from then until the last has run."""
    source = random.Random(1)
    for _ in range(count):
        reactor.callLater(source.uniform(0, 0.1), nothing)
    last: list[int] = []
    reactor.callLater(0.101, lambda: finish_from(last[0]))
    time.sleep(0.15)
    last.append(perf_counter_ns())


def hop() -> None:
    """callLater(0) from the function that callLater(0) called."""
    left = count
    start = perf_counter_ns()

    def again() -> None:
        nonlocal left
        left -= 1
        if left:
            reactor.callLater(0, again)
        else:
            finish_from(start)

    reactor.callLater(0, again)


def from_thread() -> None:
    """callFromThread as fast as another thread can, until the last has run."""

    def producer() -> None:
        start = perf_counter_ns()
        for _ in range(count - 1):
            reactor.callFromThread(nothing)
        reactor.callFromThread(finish_from, start)

    threading.Thread(target=producer).start()


def from_own_thread() -> None:
    """callFromThread without a second thread that wants the interpreter, until the last has run."""
    start = perf_counter_ns()
    for _ in range(count - 1):
        reactor.callFromThread(nothing)
    reactor.callFromThread(finish_from, start)


WORKS: dict[str, Callable[[], None]] = {
    "schedule": schedule,
    "due_batch": due_batch,
    "hop": hop,
    "from_thread": from_thread,
    "from_own_thread": from_own_thread,
}
reactor.callWhenRunning(reactor.callLater, 0.01, WORKS[work])
reactor.run()
