"""
What Twisted's own benchmarks measure of its web client and server, its timers and its SSH.

Those of Deferred and of line receivers are in bench_deferred.py and bench_framing.py.  Run as
``python -m benchmarks.twisted_own``.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from benchmarks import harness
from benchmarks.harness import SAMPLES, Comparison, Sample, Side, Work

SIDES = ("stock", "pyreactor")
NOT_BEHIND = {"stock": 1.0}
WORKS = {
    Work(name, "µs", NOT_BEHIND, True): sample
    for name, sample in {
        "100 calls on ReactorBase": "call_later",
        "100 calls on ReactorBase, reversed": "call_later_reversed",
        "web client, small response": "web_client",
        "web server, empty request": "web_empty",
        "web server, demanding resource": "web_demanding",
        "web server, many headers": "web_many_headers",
        "web server, chunked request": "web_chunked_request",
        "web server, chunked response": "web_chunked_response",
        "SSH, connect and disconnect": "ssh",
    }.items()
}


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    seconds = harness.scaled(options, 1.0, 0.5, 0.02)
    samples = {work.name: sample for work, sample in WORKS.items()}

    def measure(work: Work, side: Side) -> Sample:
        program = [str(SAMPLES / "twisted_own.py"), samples[work.name], str(seconds)]
        return harness.run_sample(side, program)

    return Comparison(
        "what Twisted's own benchmarks measure",
        harness.chosen_works(options, list(WORKS)),
        harness.chosen_sides(options, list(SIDES)),
        measure,
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=seconds + 0.7,
        notes=("no bytes go through the kernel but for SSH",),
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
