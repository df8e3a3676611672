"""
Nanoseconds per operation of Deferreds: ``twisted_deferred.py WORK SECONDS [COUNT]``.

Each work takes Twisted's module ``defer`` and a count, and gives the number of operations that it
did and the time that they took.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from measured import Stopwatch, for_so_long, tell

Result = tuple[int, tuple[int, int]]
STEPS = 100


def same(result: Any) -> Any:
    """Hand the result on."""
    return result


def swallow(failure: object) -> None:
    """Take the error away."""


def explode(result: object) -> None:
    """Fail."""
    raise ValueError("no")


def create_add_fire(defer: Any, count: int) -> Result:
    """A Deferred with ten callbacks that fires."""
    watch = Stopwatch()
    Deferred = defer.Deferred
    for _ in range(count):
        d = Deferred()
        d.addCallback(same)
        d.addCallback(same)
        d.addCallback(same)
        d.addCallback(same)
        d.addCallback(same)
        d.addCallback(same)
        d.addCallback(same)
        d.addCallback(same)
        d.addCallback(same)
        d.addCallback(same)
        d.callback(1)
    return count, watch.passed()


def raises(defer: Any, count: int) -> Result:
    """A callback raises, an errback handles it."""
    watch = Stopwatch()
    Deferred = defer.Deferred
    for _ in range(count):
        d = Deferred()
        d.addCallback(explode)
        d.addErrback(swallow)
        d.callback(None)
    return count, watch.passed()


def one_by_one(defer: Any, count: int, start_run: Callable[[list[Any]], object]) -> Result:
    """Fire Deferreds that a generator or coroutine waits for, one after the other."""
    Deferred = defer.Deferred
    ready = [[Deferred() for _ in range(STEPS)] for _ in range(max(count // STEPS, 1))]
    watch = Stopwatch()
    for deferreds in ready:
        start_run(deferreds)
        for deferred in deferreds:
            deferred.callback(1)
    return len(ready) * STEPS, watch.passed()


def inline_unfired(defer: Any, count: int) -> Result:
    """A generator yields what has not fired."""

    @defer.inlineCallbacks
    def run(deferreds: list[Any]) -> Any:
        for deferred in deferreds:  # noqa: UP028 - the yield is what is measured
            yield deferred

    return one_by_one(defer, count, run)


def coroutine_unfired(defer: Any, count: int) -> Result:
    """A coroutine awaits what has not fired."""

    async def run(deferreds: list[Any]) -> None:
        for deferred in deferreds:
            await deferred

    def start_run(deferreds: list[Any]) -> None:
        defer.Deferred.fromCoroutine(run(deferreds))

    return one_by_one(defer, count, start_run)


def await_succeed(defer: Any, count: int) -> Result:
    """A coroutine awaits what succeed() gives."""
    watch = Stopwatch()
    succeed = defer.succeed

    async def run() -> None:
        for number in range(STEPS):
            await succeed(number)

    runs = max(count // STEPS, 1)
    for _ in range(runs):
        defer.ensureDeferred(run())
    return runs * STEPS, watch.passed()


def nested(defer: Any, count: int) -> Result:
    """Generators that wait for generators, twenty deep; a level is an operation."""
    watch = Stopwatch()

    @defer.inlineCallbacks
    def level(depth: int, deferred: Any) -> Any:
        if depth == 0:
            result = yield deferred
        else:
            result = yield level(depth - 1, deferred)
        return result

    runs = max(count // 20, 1)
    for _ in range(runs):
        deferred = defer.Deferred()
        level(19, deferred)
        deferred.callback(1)
    return runs * 20, watch.passed()


def gather(defer: Any, count: int) -> Result:
    """gatherResults of a hundred; a Deferred is an operation."""
    watch = Stopwatch()
    Deferred = defer.Deferred
    runs = max(count // STEPS, 1)
    for _ in range(runs):
        deferreds = [Deferred() for _ in range(STEPS)]
        defer.gatherResults(deferreds)
        for deferred in deferreds:
            deferred.callback(1)
    return runs * STEPS, watch.passed()


def chain(defer: Any, count: int) -> Result:
    """One chain of ``count`` Deferreds, each waiting for the one before."""
    watch = Stopwatch()
    Deferred = defer.Deferred
    first = previous = Deferred()
    for _ in range(count - 1):
        following = Deferred()
        following.addCallback(lambda _, previous=previous: previous)
        following.callback(None)
        previous = following
    first.callback(1)
    return count, watch.passed()


WORKS: dict[str, Callable[[Any, int], Result]] = {
    "callbacks": create_add_fire,
    "raises": raises,
    "inline_unfired": inline_unfired,
    "coroutine_unfired": coroutine_unfired,
    "await_succeed": await_succeed,
    "nested": nested,
    "gather": gather,
    "chain": chain,
}


def main(name: str, seconds: float, count: int) -> None:
    """Measure in a reactor that runs, and tell."""
    from twisted.internet import defer, reactor

    def run() -> None:
        result = for_so_long(lambda n: WORKS[name](defer, n), count, seconds)
        tell(reactor, *result)
        reactor.stop()

    reactor.callWhenRunning(run)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int((sys.argv[3:] or ["2000"])[0]))
