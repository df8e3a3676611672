"""
One timer sample on whatever reactor is the default: ``twisted_timers.py WORK COUNT``.

An ordinary Twisted program; prints nanoseconds per operation.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, cast

from measured import Stopwatch, tell
from twisted.internet import reactor as default_reactor

reactor = cast(Any, default_reactor)
work, count = sys.argv[1], int(sys.argv[2])


def nothing() -> None:
    """What is called."""


def finish(watch: Stopwatch) -> None:
    """Tell the time since the watch was made."""
    tell(reactor, count, watch.passed())
    reactor.stop()


def schedule() -> None:
    """callLater, with deadlines in no order and far away, as timeouts are."""
    delays = [random.Random(1).uniform(1000, 2000) for _ in range(count)]
    watch = Stopwatch()
    for delay in delays:
        reactor.callLater(delay, nothing)
    finish(watch)


def due_batch() -> None:
    """The reactor finds that many calls due at once; from then until the last has run."""
    source = random.Random(1)
    for _ in range(count):
        reactor.callLater(source.uniform(0, 0.1), nothing)
    last: list[Stopwatch] = []
    reactor.callLater(0.101, lambda: finish(last[0]))
    time.sleep(0.15)
    last.append(Stopwatch())


def hop() -> None:
    """callLater(0) from the function that callLater(0) called."""
    left = count
    watch = Stopwatch()

    def again() -> None:
        nonlocal left
        left -= 1
        if left:
            reactor.callLater(0, again)
        else:
            finish(watch)

    reactor.callLater(0, again)


def from_thread() -> None:
    """callFromThread as fast as another thread can, until the last has run."""

    def producer() -> None:
        watch = Stopwatch()
        for _ in range(count - 1):
            reactor.callFromThread(nothing)
        reactor.callFromThread(finish, watch)

    threading.Thread(target=producer).start()


def from_own_thread() -> None:
    """callFromThread without a second thread that wants the interpreter, until the last has run."""
    watch = Stopwatch()
    for _ in range(count - 1):
        reactor.callFromThread(nothing)
    reactor.callFromThread(finish, watch)


WORKS: dict[str, Callable[[], None]] = {
    "schedule": schedule,
    "due_batch": due_batch,
    "hop": hop,
    "from_thread": from_thread,
    "from_own_thread": from_own_thread,
}
reactor.callWhenRunning(reactor.callLater, 0.01, WORKS[work])
reactor.run()
