"""
Calls on asyncio: CPU time of timed calls, calls from threads, and awaiting across the two.

Run as ``python -m benchmarks.asyncio_calls``.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from benchmarks import asyncio_sides, harness
from benchmarks.asyncio_sides import STOCK
from benchmarks.harness import SAMPLES, Comparison, Sample, Side, Work

PROGRAM = str(SAMPLES / "asyncio_calls.py")
COUNT = 50_000
WORKS = {
    Work("callLater(0), hop", "ns CPU", {STOCK: 4.0}, True): "hop",
    Work("callFromThread, own thread", "ns CPU", {STOCK: 7.0}, True): "from_own_thread",
    Work("callFromThread, wakes the reactor", "ns CPU", {}, True): "from_thread",
    Work("await of an asyncio Future", "ns CPU", {STOCK: 1.0}, True): "future",
    Work("await of a Deferred in a task", "ns CPU", {}, True): "as_future",
}


def measure(what: str, side: Side, options: argparse.Namespace) -> Sample:
    """One sample of a program that measures itself."""
    count = int(harness.scaled(options, COUNT, COUNT // 2, 100))
    return harness.run_sample(side, [PROGRAM, what, str(count)])


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    measures = {work: partial(measure, what) for work, what in WORKS.items()}
    return asyncio_sides.comparison(options, "calls on asyncio", measures, 1.5)


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
