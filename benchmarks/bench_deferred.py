"""
Speed of Deferreds: stock Twisted, pyreactor, asyncio's C Future and Task, and PyPy.

    python benchmarks/bench_deferred.py [--rounds N] [--pypy PATH] [--twisted PATH] [--json FILE]

Each side runs in processes of its own, which take turns; the table has the medians over
all rounds in nanoseconds per operation, their spread, and stock's median divided by
pyreactor's.  Twisted is left alone in the stock processes: pyreactor is not imported there.
PyPy, a virtual environment of one that has Twisted, gets time to compile what it measures.

The rows called "Twisted's" do what the tests in Twisted's own benchmarks/test_deferred.py do.
With the path of a checkout of Twisted, that file itself is run as well, as it is.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

PROGRAMS = Path(__file__).resolve().parents[1] / "pyreactor" / "_bench" / "programs"
sys.path.insert(0, str(PROGRAMS))

import asyncio_deferred as aio  # noqa: E402
import twisted_deferred as works  # noqa: E402
from twisted_deferred import STEPS, explode, same, swallow  # noqa: E402


def same_with_arguments(result, *args, **kwargs):
    return result


# --- what is measured: each takes the defer module and a count, and gives the number of
# --- operations it did


def create(defer, count):
    Deferred = defer.Deferred
    for _ in range(count):
        Deferred()
    return count


def succeed_add(defer, count):
    succeed = defer.succeed
    for _ in range(count):
        d = succeed(1)
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
    return count


def add_with_arguments(defer, count):
    Deferred = defer.Deferred
    for _ in range(count):
        d = Deferred()
        d.addCallback(same_with_arguments, 1, key=2)
        d.addCallback(same_with_arguments, 1, 2, key=2)
        d.addCallback(same_with_arguments, 1, key=2)
        d.addCallback(same_with_arguments, 1, 2, key=2)
        d.callback(1)
    return count


def returns_unfired(defer, count):
    Deferred = defer.Deferred
    for _ in range(count):
        inner = Deferred()
        outer = Deferred()
        outer.addCallback(lambda _, inner=inner: inner)
        outer.callback(None)
        inner.callback(1)
    return count


def inline_fired(defer, count):
    succeed = defer.succeed

    @defer.inlineCallbacks
    def run(deferreds):
        for deferred in deferreds:  # noqa: UP028 - the yield is what is measured
            yield deferred

    for _ in range(count // STEPS):
        run([succeed(1) for _ in range(STEPS)])
    return count // STEPS * STEPS


def inline_fired_prepared(defer, count):
    """As inline_fired, without the time that making the Deferreds takes."""
    succeed = defer.succeed

    @defer.inlineCallbacks
    def run(deferreds):
        for deferred in deferreds:  # noqa: UP028 - the yield is what is measured
            yield deferred

    ready = [[succeed(1) for _ in range(STEPS)] for _ in range(count // STEPS)]
    start = perf_counter()
    for deferreds in ready:
        run(deferreds)
    return len(ready) * STEPS, perf_counter() - start


def coroutine_fired(defer, count):
    """As await_succeed, without the time that making the Deferreds takes."""

    async def run(deferreds):
        for deferred in deferreds:
            await deferred

    ready = [defer.succeed(1) for _ in range(count)]
    start = perf_counter()
    defer.Deferred.fromCoroutine(run(ready))
    return count, perf_counter() - start


def deferred_list(defer, count):
    Deferred = defer.Deferred
    for _ in range(count // STEPS):
        deferreds = [Deferred() for _ in range(STEPS)]
        defer.DeferredList(deferreds)
        for deferred in deferreds:
            deferred.callback(1)
    return count // STEPS * STEPS


# --- the errands that Twisted's own benchmarks run ------------------------------------


def add(number, other):
    return number + other


def await_twenty(defer, count):
    """A coroutine that sums up twenty Deferreds, which fire one after the other."""
    Deferred = defer.Deferred

    async def run(deferreds):
        return sum([await deferred for deferred in deferreds])

    for _ in range(count // 20):
        deferreds = [Deferred() for _ in range(20)]
        defer.ensureDeferred(run(deferreds))
        for number in range(20):
            deferreds[number].callback(number)
    return count // 20 * 20


def fire_then_add(defer, count):
    Deferred = defer.Deferred
    for _ in range(count):
        d = Deferred()
        d.callback(2)
        for number in range(4):
            d.addCallback(add, number)
    return count


def add_then_fire(defer, count):
    Deferred = defer.Deferred
    for _ in range(count):
        d = Deferred()
        for number in range(4):
            d.addCallback(add, number)
        d.callback(2)
    return count


def raise_and_raise_again(defer, count):
    """An error that is trapped by an errback, which raises another one."""
    succeed = defer.succeed

    def again(failure):
        failure.trap(ValueError)
        raise ValueError("again")

    for _ in range(count):
        d = succeed("fine")
        d.addCallback(explode)
        d.addErrback(again)
        d.addBoth(swallow)
    return count


def returns_two_fired(defer, count):
    Deferred = defer.Deferred
    for _ in range(count):
        d, second, third = Deferred(), Deferred(), Deferred()
        second.callback(1)
        third.callback(2)
        d.addCallback(lambda _, second=second: second)
        d.addCallback(lambda _, third=third: third)
        d.callback(3)
    return count


def returns_one_that_waits(defer, count):
    Deferred = defer.Deferred
    for _ in range(count):
        d, second, third, fourth = Deferred(), Deferred(), Deferred(), Deferred()
        third.addCallback(lambda _, fourth=fourth: fourth)
        third.callback(1)
        d.addCallback(lambda _, second=second: second)
        d.addCallback(lambda _, third=third: third)
        second.callback(2)
        fourth.callback(3)
        d.callback(4)
    return count


# --- the same with asyncio --------------------------------------------------------------


def _in_loop(function):
    import asyncio

    def run(_, count):
        async def main():
            return await function(asyncio, asyncio.get_running_loop(), count)

        return asyncio.run(main())

    return run


def _work(name):
    """A work of the programs' own, as asyncio does it."""
    return lambda _, count: aio.in_new_loop(name, count)


@_in_loop
async def aio_create(asyncio, loop, count):
    Future = asyncio.Future
    for _ in range(count):
        Future(loop=loop)
    return count


@_in_loop
async def aio_add_done(asyncio, loop, count):
    Future = asyncio.Future
    for number in range(count):
        future = Future(loop=loop)
        future.set_result(1)
        for _ in range(10):
            future.add_done_callback(same)
        if number % STEPS == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    return count


@_in_loop
async def aio_await_done(asyncio, loop, count):
    futures = []
    for _ in range(count):
        future = asyncio.Future(loop=loop)
        future.set_result(1)
        futures.append(future)
    start = perf_counter()
    for future in futures:
        await future
    return count, perf_counter() - start


# name, ratio asked for, the function, asyncio's counterpart, operations per round
ROWS = [
    ("create", 2.5, create, aio_create, 40_000),
    ("create, 10 addCallback, callback", 5.5, works.create_add_fire, _work("callbacks"), 6_000),
    ("succeed, 10 addCallback", 10, succeed_add, aio_add_done, 6_000),
    ("4 addCallback with args and keywords", 5, add_with_arguments, None, 8_000),
    ("callback returns an unfired Deferred", 8, returns_unfired, None, 8_000),
    ("callback raises, errback handles", 2.5, works.raises, _work("raises"), 8_000),
    ("inlineCallbacks, per fired yield", 15, inline_fired_prepared, None, 40_000),
    ("inlineCallbacks, per unfired yield", 10, works.inline_unfired, None, 20_000),
    ("coroutine, per fired await", 8, works.await_succeed, _work("await_succeed"), 40_000),
    ("fired await, without making it", None, coroutine_fired, aio_await_done, 10_000),
    (
        "coroutine, per unfired await",
        10,
        works.coroutine_unfired,
        _work("coroutine_unfired"),
        20_000,
    ),
    ("inlineCallbacks nested 20 deep, per level", 8, works.nested, _work("nested"), 10_000),
    ("gatherResults, per Deferred", 6, works.gather, _work("gather"), 10_000),
    ("DeferredList, per Deferred", 6, deferred_list, None, 10_000),
    ("chain of 20,000, per Deferred", 5, works.chain, None, 20_000),
    ("fired yield, making it included", None, inline_fired, None, 20_000),
    ("Twisted's: await succeed, per await", 4, works.await_succeed, _work("await_succeed"), 40_000),
    ("Twisted's: sum of 20 unfired, per await", 4, await_twenty, None, 10_000),
    ("Twisted's: fire, then 4 callbacks", 4, fire_then_add, None, 8_000),
    ("Twisted's: 4 callbacks, then fire", 4, add_then_fire, None, 8_000),
    ("Twisted's: errback chain", 2, raise_and_raise_again, None, 4_000),
    ("Twisted's: chained, fired", 4, returns_two_fired, None, 6_000),
    ("Twisted's: chained, not fired", 4, returns_one_that_waits, None, 6_000),
]


# --- Twisted's own file ------------------------------------------------------------------

OWN_FILE = os.path.join("benchmarks", "test_deferred.py")


class Timed:
    """Stands in for the fixture of pytest-benchmark: notes nanoseconds per call."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __call__(self, function):
        calls, elapsed = 1, 0.0
        while elapsed < self.seconds / 2:
            calls *= 2
            start = perf_counter()
            for _ in range(calls):
                result = function()
            elapsed = perf_counter() - start
        self.nanoseconds = elapsed / calls * 1e9
        return result


def measure_own_file(checkout):
    """Nanoseconds per call of each test in the checkout's benchmarks/test_deferred.py."""
    spec = importlib.util.spec_from_file_location("own_file", os.path.join(checkout, OWN_FILE))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    results = {}
    for name, test in vars(module).items():
        if name.startswith("test_"):
            timed = Timed(0.1)
            test(timed)
            test(timed)
            results[name] = timed.nanoseconds
    return results


def own_rows(samples):
    """A row for each of those tests that was run."""
    return [
        (name, 2 if "errback" in name else 4)
        for name in samples["stock"][0]
        if name.startswith("test_")
    ]


# --- running and printing ----------------------------------------------------------------


def warm_up(function, defer, count):
    """Once is enough for CPython; PyPy compiles what ran often."""
    if platform.python_implementation() != "PyPy":
        measure(function, defer, max(count // 10, STEPS))
        return
    end = perf_counter() + 0.6
    while perf_counter() < end:
        measure(function, defer, count)


def measure(function, defer, count):
    """Nanoseconds per operation."""
    gc.collect()
    start = perf_counter()
    result = function(defer, count)
    elapsed = perf_counter() - start
    if isinstance(result, tuple):
        result, elapsed = result
        if isinstance(elapsed, tuple):  # nanoseconds of the wall clock, and of CPU time
            elapsed = elapsed[0] / 1e9
    return elapsed / result * 1e9


def child(side, checkout):
    if side == "pyreactor":
        from pyreactor import defer
        from pyreactor._activation.hook import activate

        activate()
    elif side == "asyncio":
        defer = None
    else:
        from twisted.internet import defer
    results = {}
    for name, _, function, counterpart, count in ROWS:
        chosen = counterpart if side == "asyncio" else function
        if chosen is not None:
            warm_up(chosen, defer, count)
            results[name] = measure(chosen, defer, count)
    if checkout and defer is not None:
        results.update(measure_own_file(checkout))
    print(json.dumps(results))


def run_side(python, side, checkout):
    env = dict(os.environ, PYTHONHASHSEED="0", PYREACTOR="0")
    if side == "pyreactor":
        del env["PYREACTOR"]
    command = [python, os.path.abspath(__file__), "--child", side]
    if checkout:
        command += ["--twisted", checkout]
    return json.loads(subprocess.check_output(command, env=env, text=True))


def find_pypy(given):
    python = given or shutil.which("pypy3")
    if python is None:
        return None
    asked = [python, "-c", "import twisted.internet.defer"]
    return (
        python if subprocess.run(asked, check=False, capture_output=True).returncode == 0 else None
    )


def spread(values):
    """Distance between the quartiles as a share of the median."""
    if len(values) < 3:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / statistics.median(values)


def print_table(samples, sides):
    titles = ["ns per operation", *(f"{side} ±" for side in sides), "ratio", "asked"]
    print("| " + " | ".join(titles) + " |")
    print("|" + "---|" * len(titles))
    for name, asked, *_ in ROWS + own_rows(samples):
        cells = [name]
        medians = {}
        for side in sides:
            values = [sample[name] for sample in samples[side] if name in sample]
            if values:
                medians[side] = statistics.median(values)
                cells.append(f"{medians[side]:.0f} ±{spread(values):.0%}")
            else:
                cells.append("")
        cells.append(f"{medians['stock'] / medians['pyreactor']:.1f}")
        cells.append("" if asked is None else f"{asked}")
        print("| " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pypy", help="a PyPy that has Twisted")
    parser.add_argument("--twisted", help="a checkout of Twisted, for its own benchmarks")
    parser.add_argument("--json", help="write all samples to this file")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.twisted)
        return
    if options.twisted and not os.path.exists(os.path.join(options.twisted, OWN_FILE)):
        parser.error(f"{options.twisted} has no {OWN_FILE}")
    pythons = dict.fromkeys(("stock", "pyreactor", "asyncio"), sys.executable)
    pypy = find_pypy(options.pypy)
    if pypy:
        pythons["pypy"] = pypy
    samples = {side: [] for side in pythons}
    for _ in range(options.rounds):
        for side, python in pythons.items():
            samples[side].append(run_side(python, side, options.twisted))
    print_table(samples, list(pythons))
    if not pypy:
        print("pypy: NOT AVAILABLE (no pypy3 that has Twisted; see --pypy)")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(samples, file, indent=1)


if __name__ == "__main__":
    main()
