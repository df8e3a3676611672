"""
The timer samples of timers_twisted.py with asyncio's calls on uvloop: ``WORK COUNT``.

Prints nanoseconds per operation.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Callable
from time import perf_counter_ns

import uvloop

loop = uvloop.new_event_loop()
work, count = sys.argv[1], int(sys.argv[2])


def nothing() -> None:
    """What is called."""


def finish(elapsed: int) -> None:
    name = f"{type(loop).__module__}.{type(loop).__name__}"
    print(json.dumps({"value": elapsed / count, "runs_on": name}), flush=True)
    loop.stop()


def finish_from(start: int) -> None:
    finish(perf_counter_ns() - start)


def schedule() -> None:
    delays = [random.Random(1).uniform(1000, 2000) for _ in range(count)]
    handles = []
    start = perf_counter_ns()
    for delay in delays:
        handles.append(loop.call_later(delay, nothing))
    finish(perf_counter_ns() - start)


def due_batch() -> None:
    source = random.Random(1)
    for _ in range(count):
        loop.call_later(source.uniform(0, 0.1), nothing)
    last: list[int] = []
    loop.call_later(0.102, lambda: finish_from(last[0]))
    time.sleep(0.15)
    last.append(perf_counter_ns())


def hop() -> None:
    left = count
    start = perf_counter_ns()

    def again() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(again)
        else:
            finish_from(start)

    loop.call_soon(again)


def from_thread() -> None:
    def producer() -> None:
        start = perf_counter_ns()
        for _ in range(count - 1):
            loop.call_soon_threadsafe(nothing)
        loop.call_soon_threadsafe(finish_from, start)

    threading.Thread(target=producer).start()


def from_own_thread() -> None:
    start = perf_counter_ns()
    for _ in range(count - 1):
        loop.call_soon_threadsafe(nothing)
    loop.call_soon_threadsafe(finish_from, start)


WORKS: dict[str, Callable[[], None]] = {
    "schedule": schedule,
    "due_batch": due_batch,
    "hop": hop,
    "from_thread": from_thread,
    "from_own_thread": from_own_thread,
}
loop.call_later(0.01, WORKS[work])
loop.run_forever()
