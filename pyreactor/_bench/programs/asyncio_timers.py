"""
The timer samples of twisted_timers.py with asyncio's calls: ``asyncio_timers.py WORK COUNT``.

Prints nanoseconds per operation.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable

import asyncio_loops
from measured import Stopwatch, tell

loop = asyncio_loops.new_loop()
work, count = sys.argv[1], int(sys.argv[2])


def nothing() -> None:
    """What is called."""


def finish(watch: Stopwatch) -> None:
    """Tell the time since the watch was made."""
    tell(asyncio_loops.name_of(loop), count, watch.passed())
    loop.stop()


def schedule() -> None:
    """call_later, with deadlines in no order and far away."""
    delays = [random.Random(1).uniform(1000, 2000) for _ in range(count)]
    handles = []
    watch = Stopwatch()
    for delay in delays:
        handles.append(loop.call_later(delay, nothing))
    finish(watch)


def due_batch() -> None:
    """The loop finds that many calls due at once."""
    source = random.Random(1)
    for _ in range(count):
        loop.call_later(source.uniform(0, 0.1), nothing)
    last: list[Stopwatch] = []
    loop.call_later(0.102, lambda: finish(last[0]))
    time.sleep(0.15)
    last.append(Stopwatch())


def hop() -> None:
    """call_soon from the function that call_soon called."""
    left = count
    watch = Stopwatch()

    def again() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(again)
        else:
            finish(watch)

    loop.call_soon(again)


def from_thread() -> None:
    """call_soon_threadsafe as fast as another thread can."""

    def producer() -> None:
        watch = Stopwatch()
        for _ in range(count - 1):
            loop.call_soon_threadsafe(nothing)
        loop.call_soon_threadsafe(finish, watch)

    threading.Thread(target=producer).start()


def from_own_thread() -> None:
    """The same without a second thread that wants the interpreter."""
    watch = Stopwatch()
    for _ in range(count - 1):
        loop.call_soon_threadsafe(nothing)
    loop.call_soon_threadsafe(finish, watch)


WORKS: dict[str, Callable[[], None]] = {
    "schedule": schedule,
    "due_batch": due_batch,
    "hop": hop,
    "from_thread": from_thread,
    "from_own_thread": from_own_thread,
}
loop.call_later(0.01, WORKS[work])
loop.run_forever()
