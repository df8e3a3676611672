"""
Nanoseconds of CPU time for each event that is logged, to a file or to nowhere.

Run as ``python -m benchmarks.log``.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from benchmarks import harness
from benchmarks.harness import Comparison, Sample, Side, Work

NAMES = {"msg": "log.msg", "info": "Logger.info", "access": "Site.log"}
#: What is logged, where it goes, how much faster that is to be, how many.
ROWS = [
    ("msg", "nowhere", 10.0, 100_000),
    ("info", "nowhere", 10.0, 100_000),
    ("info", "filter", 10.0, 100_000),
    ("msg", "twistd", 3.0, 20_000),
    ("info", "twistd", 3.0, 20_000),
    ("access", "twistd", 3.0, 20_000),
    ("msg", "start", 0.0, 20_000),
    ("info", "start", 0.0, 20_000),
    ("msg", "begin", 0.0, 50_000),
    ("info", "begin", 0.0, 50_000),
]
PLACES = {
    "nowhere": "no observer",
    "filter": "dropped by its level",
    "twistd": "twistd's file",
    "start": "startLogging",
    "begin": "before logging has begun",
}
WORKS = {
    Work(f"{NAMES[what]}, {PLACES[where]}", "ns of CPU", {"stock": aim} if aim else {}, True): (
        what,
        where,
        count,
    )
    for what, where, aim, count in ROWS
}


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    samples = {work.name: sample for work, sample in WORKS.items()}

    def measure(work: Work, side: Side) -> Sample:
        what, where, count = samples[work.name]
        scaled = int(harness.scaled(options, count, count, 100))
        command = ["twisted_logging.py", what, where, str(scaled)]
        return {"value": harness.run_sample(side, command)["cpu"]}

    return Comparison(
        "logging",
        harness.chosen_works(options, list(WORKS)),
        harness.chosen_sides(options, ["stock", "pyreactor"]),
        measure,
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=1.0,
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
