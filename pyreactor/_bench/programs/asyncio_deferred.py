"""The works of twisted_deferred.py with Futures and Tasks: ``WORK SECONDS [COUNT]``."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable

from measured import Stopwatch, for_so_long, tell

Result = tuple[int, tuple[int, int]]
Loop = asyncio.AbstractEventLoop
STEPS = 100


def same(result: object) -> object:
    """A callback that does nothing."""
    return result


async def add_fire(loop: Loop, count: int) -> Result:
    """A Future with ten callbacks that gets its result."""
    watch = Stopwatch()
    Future = asyncio.Future
    for number in range(count):
        future = Future(loop=loop)
        for _ in range(10):
            future.add_done_callback(same)
        future.set_result(1)
        if number % STEPS == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    return count, watch.passed()


async def raises(loop: Loop, count: int) -> Result:
    """A Task raises, and what waits for it handles it."""
    watch = Stopwatch()

    async def explodes() -> None:
        raise ValueError("no")

    for _ in range(count):
        with contextlib.suppress(ValueError):
            await loop.create_task(explodes())
    return count, watch.passed()


async def await_pending(loop: Loop, count: int) -> Result:
    """A Task awaits what has no result yet."""
    futures: list[asyncio.Future[int]] = [asyncio.Future(loop=loop) for _ in range(count)]
    unfired = iter(futures)

    def fire() -> None:
        future = next(unfired, None)
        if future is not None:
            loop.call_soon(fire)
            future.set_result(1)

    watch = Stopwatch()
    loop.call_soon(fire)
    for future in futures:
        await future
    return count, watch.passed()


async def make_and_await(loop: Loop, count: int) -> Result:
    """A Task awaits what has its result."""
    watch = Stopwatch()
    for number in range(count):
        future: asyncio.Future[int] = asyncio.Future(loop=loop)
        future.set_result(number)
        await future
    return count, watch.passed()


async def nested(loop: Loop, count: int) -> Result:
    """Tasks that wait for Tasks, twenty deep."""
    watch = Stopwatch()

    async def level(depth: int, future: asyncio.Future[int]) -> int:
        if depth == 0:
            return await future
        return await loop.create_task(level(depth - 1, future))

    runs = max(count // 20, 1)
    for _ in range(runs):
        future: asyncio.Future[int] = asyncio.Future(loop=loop)
        task = loop.create_task(level(19, future))
        loop.call_soon(future.set_result, 1)
        await task
    return runs * 20, watch.passed()


async def gather(loop: Loop, count: int) -> Result:
    """gather of a hundred."""
    watch = Stopwatch()
    runs = max(count // STEPS, 1)
    for _ in range(runs):
        futures: list[asyncio.Future[int]] = [asyncio.Future(loop=loop) for _ in range(STEPS)]
        gathered = asyncio.gather(*futures)
        for future in futures:
            future.set_result(1)
        await gathered
    return runs * STEPS, watch.passed()


WORKS: dict[str, Callable[[Loop, int], Awaitable[Result]]] = {
    "callbacks": add_fire,
    "raises": raises,
    "coroutine_unfired": await_pending,
    "await_succeed": make_and_await,
    "nested": nested,
    "gather": gather,
}


def in_new_loop(name: str, count: int) -> Result:
    """Do a work once in a loop of its own."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(WORKS[name](loop, count))
    finally:
        loop.close()


def main(name: str, seconds: float, count: int) -> None:
    """Measure, and tell."""
    import asyncio_loops

    loop = asyncio_loops.new_loop()

    def once(number: int) -> Result:
        return loop.run_until_complete(WORKS[name](loop, number))

    tell(asyncio_loops.name_of(loop), *for_so_long(once, count, seconds))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int((sys.argv[3:] or ["2000"])[0]))
