"""
Resident memory per idle connection of an echo server.

Some connections are open before the first look at the process, so that what a server allocates
once does not count.  Every connection has echoed one message.  Run as
``python -m benchmarks.memory``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks import harness
from benchmarks.harness import BIN, BenchmarkError, Comparison, Sample, Side, Work
from pyreactor._bench.sides import last_line

PROGRAMS: dict[str, tuple[str, ...]] = {
    "stock": ("twisted_echo.py",),
    "asyncioreactor": ("twisted_echo.py",),
    "uvloop": ("asyncio_echo.py",),
    "libuv": (str(BIN / "uv_echo"),),
    "pyreactor": ("twisted_echo.py",),
}
AIMS = {"stock": 1.0}


@contextmanager
def idle(connections: int, target: str) -> Iterator[None]:
    """Hold that many idle connections while the block runs."""
    with harness.starting_on(harness.cores()[1]):
        process = subprocess.Popen(
            [harness.tool("loadgen"), "--mode", "idle", "--connections", str(connections), target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        if not line:
            raise BenchmarkError(last_line(process.stderr.read()))
        assert json.loads(line)["connections"] == connections
        yield
    finally:
        process.communicate(timeout=30)


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    connections = int(harness.scaled(options, 5000, 2000, 50))
    before = int(harness.scaled(options, 200, 200, 10))

    def measure(work: Work, side: Side) -> Sample:
        with harness.serving(side, PROGRAMS[side.name]) as server, idle(before, server.target):
            base = server.resident_bytes()
            with idle(connections, server.target):
                full = server.resident_bytes()
        # A floor of one byte: in a tiny run all of it may fit into memory that is there already.
        return {"value": max(full - base, 1) / connections, "base": base / 2**20}

    return Comparison(
        "memory",
        harness.chosen_works(
            options,
            [Work("per idle connection", "bytes", AIMS, less_is_better=True)],
        ),
        harness.chosen_sides(options, list(PROGRAMS)),
        measure,
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=harness.scaled(options, 2.0, 1.2, 0.8),
        columns={"base": "process MiB"},
        notes=(f"{connections} connections more; a ratio over 1 means that less is used",),
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
