"""
Microseconds of CPU time for each request of the web client, 16 at once on connections of a pool.

Run as ``python -m benchmarks.web_client``.  treq is measured where it is installed.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from importlib.util import find_spec

from benchmarks import harness
from benchmarks.harness import SAMPLES, Comparison, Sample, Side, Work

PROGRAM = str(SAMPLES / "web_client.py")
COUNT = 5000
WORKS = {
    Work("Agent with a pool", "us of CPU", {"stock": 3.3}, True): "agent",
    Work("treq with a pool", "us of CPU", {"stock": 2.1}, True): "treq",
}


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    count = int(harness.scaled(options, COUNT, COUNT, 40))
    samples = {work.name: sample for work, sample in WORKS.items()}

    def measure(work: Work, side: Side) -> Sample:
        return harness.run_sample(side, [PROGRAM, samples[work.name], str(count)])

    missing = {} if find_spec("treq") else {"treq with a pool": "treq is not installed"}
    return Comparison(
        "web client",
        harness.chosen_works(options, list(WORKS)),
        harness.chosen_sides(options, ["stock", "pyreactor"]),
        measure,
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=2.0,
        notes=(f"{count:,} requests in each sample, 16 at once; the server is another process",),
        missing=missing,
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
