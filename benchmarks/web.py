"""
Microseconds of CPU time that a server of twisted.web takes for a request.

Run as ``python -m benchmarks.web``.  A sample is a server of its own, whose connections are open
and have had a tenth as many requests as are measured.  That is warm-up enough: the instructions
that a request takes stay the same from the hundredth on.  The load, on the other core, may be
slower than the server, and then decides how often that sleeps; the table tells how busy both are.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import harness
from benchmarks.harness import Comparison, Sample, Side, Work

#: Name of the row, request, connections, where the access log goes, aim, how many.
ROWS = [
    ("hello, no log", "hello", 32, "none", None, 20_000),
    ("hello, log to nowhere", "hello", 32, "nowhere", 3.5, 20_000),
    ("hello, log in a file", "hello", 32, "file", 3.5, 20_000),
    ("hello, 20 headers", "headers", 32, "none", 3.3, 20_000),
    ("form POST", "form", 32, "none", 2.2, 10_000),
    ("POST of 10 KB", "post", 32, "none", 2.0, 10_000),
    ("file of 1 KB, log in a file", "small", 32, "file", 2.2, 5_000),
    ("file of 1 MB", "large", 8, "none", 3.0, 1_000),
    ("klein hello", "klein", 32, "none", 2.5, 10_000),
    ("klein JSON by a coroutine", "json", 32, "none", 2.1, 10_000),
]
WORKS = {
    Work(name, "us of CPU", {"stock": aim} if aim else {}, True): (request, connections, log, count)
    for name, request, connections, log, aim, count in ROWS
}
COLUMNS = {"rate": "requests/s", "busy": "server CPU %", "load": "load CPU %"}


def measure_one(
    side: Side, request: str, connections: int, count: int, program: Sequence[str], warm_up: int = 0
) -> Sample:
    """One server, asked so often, after so many requests more to warm up: a tenth unless told."""
    with harness.serving(side, program) as server:
        command = [sys.executable, "web_load.py", server.target, str(server.pid)]
        command += [str(min(connections, count)), str(count), request, str(warm_up)]
        result = harness.run_json(command, harness.cores()[1], harness.STOCK_ENV, 120)
    busy = {"busy": 100 * result["cpu"] * result["rate"], "load": 100 * result["load"]}
    return {"value": result["cpu"] * 1e6, "rate": result["rate"], **busy}


def missing() -> dict[str, str]:
    """Rows that need what is not installed."""
    if importlib.util.find_spec("klein") is not None:
        return {}
    return {work.name: "klein is not installed" for work in WORKS if "klein" in work.name}


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    samples = {work.name: sample for work, sample in WORKS.items()}

    def measure(work: Work, side: Side) -> Sample:
        request, connections, log, full = samples[work.name]
        count = int(harness.scaled(options, full, full // 5, 20))
        with tempfile.TemporaryDirectory() as folder:
            log = str(Path(folder) / "access.log") if log == "file" else log
            return measure_one(side, request, connections, count, ["web_site.py", log])

    return Comparison(
        "twisted.web's server",
        harness.chosen_works(options, list(WORKS)),
        harness.chosen_sides(options, ["stock", "pyreactor"]),
        measure,
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=2.0,
        columns=COLUMNS,
        missing=missing(),
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
