"""
Calls on asyncio: CPU time of timed calls, calls from threads, and awaiting across the two.

Run as ``python -m benchmarks.asyncio_calls``.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from benchmarks import harness
from benchmarks.harness import SAMPLES, Comparison, Sample, Side, Work

SUBJECT = "pyreactor on asyncio"
SIDES = ("stock on asyncio", "asyncioreactor", SUBJECT, "pyreactor on uvloop")
PROGRAM = str(SAMPLES / "asyncio_calls.py")
COUNT = 50_000
STOCK = "stock on asyncio"
WORKS = {
    Work("callLater(0), hop", "ns CPU", {STOCK: 4.0}, True): "hop",
    Work("callFromThread, own thread", "ns CPU", {STOCK: 7.0}, True): "from_own_thread",
    Work("callFromThread, wakes the reactor", "ns CPU", {}, True): "from_thread",
    Work("await of an asyncio Future", "ns CPU", {STOCK: 1.0}, True): "future",
    Work("await of a Deferred in a task", "ns CPU", {}, True): "as_future",
}


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    count = int(harness.scaled(options, COUNT, COUNT // 2, 100))
    samples = {work.name: sample for work, sample in WORKS.items()}

    def measure(work: Work, side: Side) -> Sample:
        return harness.run_sample(side, [PROGRAM, samples[work.name], str(count)])

    return Comparison(
        "calls on asyncio",
        harness.chosen_works(options, list(WORKS)),
        harness.chosen_sides(options, list(SIDES)),
        measure,
        harness.rounds_of(options),
        SUBJECT if options.subject == "pyreactor" else options.subject,
        seconds_per_sample=1.5,
        notes=("asyncioreactor is Twisted's on uvloop; a ratio over 1 means less CPU time",),
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
