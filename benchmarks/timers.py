"""
Nanoseconds of timers and of calls from threads.

The other side of callLater(0) on uvloop is call_soon, of callFromThread call_soon_threadsafe.
Run as ``python -m benchmarks.timers``.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from benchmarks import harness
from benchmarks.harness import Comparison, Sample, Side, Work

TWISTED, UVLOOP = "twisted_timers.py", "asyncio_timers.py"
PROGRAMS = {"stock": TWISTED, "asyncioreactor": TWISTED, "uvloop": UVLOOP, "pyreactor": TWISTED}
COUNT = 100_000
THREAD_AIMS = {"stock": 7.0, "uvloop": 1.0}
WORKS = {
    Work("callLater, schedule", "ns", {"stock": 10.0}, True): "schedule",
    Work("callLater, a due batch of 100,000", "ns each", {"stock": 10.0}, True): "due_batch",
    Work("callLater(0), hop", "ns", {"stock": 5.0, "uvloop": 1.0}, True): "hop",
    Work("callFromThread, own thread", "ns", THREAD_AIMS, True): "from_own_thread",
    Work("callFromThread, other thread", "ns", THREAD_AIMS, True): "from_thread",
}


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    count = int(harness.scaled(options, COUNT, COUNT, 100))
    samples = {work.name: sample for work, sample in WORKS.items()}

    def measure(work: Work, side: Side) -> Sample:
        return harness.run_sample(side, [PROGRAMS[side.name], samples[work.name], str(count)])

    return Comparison(
        "timers and threads",
        harness.chosen_works(options, list(WORKS)),
        harness.chosen_sides(options, list(PROGRAMS)),
        measure,
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=1.0,
        notes=(f"{count:,} operations in each sample; a ratio over 1 means faster",),
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
