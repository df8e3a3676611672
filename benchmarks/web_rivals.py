"""
Microseconds of CPU time for a request: twisted.web without a log, and what others serve by.

Run as ``python -m benchmarks.web_rivals``.  The rivals are uvicorn with httptools on uvloop, where
these are installed, and Twisted on PyPy, where there is a ``pypy3`` that has Twisted: `PYPY` in the
environment says which.  The ratios aimed at are below one: a rival's time over pyreactor's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from functools import partial

from benchmarks import harness
from benchmarks.harness import ALL_SIDES, STOCK_ENV, Comparison, Sample, Side, Work, matching
from benchmarks.web import COLUMNS, measure_one

CONNECTIONS = 32
AIMS = {"uvicorn": 0.9, "twisted on pypy": 0.9}
WORKS = {
    Work("hello", "us of CPU", AIMS, True): ("hello", 20_000),
    Work("hello, 20 headers", "us of CPU", {}, True): ("headers", 20_000),
}


def pypy() -> str:
    """The PyPy that is meant, or a name that is not found."""
    return os.environ.get("PYPY") or shutil.which("pypy3") or "pypy3"


SIDES = [
    ALL_SIDES["stock"],
    ALL_SIDES["pyreactor"],
    Side("uvicorn", (sys.executable,), STOCK_ENV, "uvloop.", "import uvicorn, httptools, uvloop"),
    Side(
        "twisted on pypy",
        (pypy(),),
        STOCK_ENV,
        "twisted.internet.epollreactor.",
        "import twisted.web.server, twisted.internet.epollreactor",
    ),
]


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    samples = {work.name: sample for work, sample in WORKS.items()}

    def measure(work: Work, side: Side) -> Sample:
        request, full = samples[work.name]
        count = int(harness.scaled(options, full, full // 5, 20))
        program = ["web_uvicorn.py"] if side.name == "uvicorn" else ["web_site.py", "none"]
        if side.name == "twisted on pypy":
            # Its compiler goes on for some thousand requests before it is as fast as it gets.
            warm_up = int(harness.scaled(options, full, full, 20))
            return measure_one(side, request, CONNECTIONS, count, program, warm_up)
        return measure_one(side, request, CONNECTIONS, count, program)

    return Comparison(
        "twisted.web's server and its rivals",
        harness.chosen_works(options, list(WORKS)),
        [side for side in SIDES if matching(side.name, options.sides)],
        measure,
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=2.5,
        columns=COLUMNS,
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
