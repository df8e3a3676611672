"""
TLS: echo servers, and connections that are made for one message.  Rates, and the server's CPU time.

The load is one thread of Python's, which shakes hands with one server at a time.  Run as
``python -m benchmarks.tls``.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import partial

from benchmarks import harness
from benchmarks.harness import Comparison, Sample, Side, Work

PROGRAMS: dict[str, tuple[str, ...]] = {
    "stock": ("twisted_tls_echo.py",),
    "uvloop": ("asyncio_echo.py", "--tls"),
    "aiofastnet": ("asyncio_echo.py", "--tls"),
    "pyreactor": ("twisted_tls_echo.py",),
}


@dataclass(frozen=True)
class Load:
    """What `closed_loop.py` is to do, and whether CPU time is what counts."""

    kind: str
    connections: int
    size: int
    cpu: bool = False


WORKS: dict[Work, Load] = {
    Work("TLS 10 x 1 KB", "messages/s", {"stock": 1.2}): Load("tls", 10, 1024),
    Work("TLS 10 x 1 KB, CPU time", "µs/message", {"aiofastnet": 1.0}, less_is_better=True): Load(
        "tls", 10, 1024, cpu=True
    ),
    Work("TLS 10 x 100 KB", "messages/s"): Load("tls", 10, 102400),
    Work("TLS 10 x 100 KB, CPU time", "µs/message", less_is_better=True): Load(
        "tls", 10, 102400, cpu=True
    ),
    Work(
        "handshake, one message, close, CPU time",
        "µs/connection",
        {"stock": 1.15},
        less_is_better=True,
    ): Load("tls-visit", 1, 1024, cpu=True),
}


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    duration = harness.scaled(options, 1.0, 0.5, 0.05)
    warmup = harness.scaled(options, 0.2, 0.15, 0.02)
    loads = {work.name: load for work, load in WORKS.items()}

    def measure(work: Work, side: Side) -> Sample:
        load = loads[work.name]
        with harness.serving(side, PROGRAMS[side.name]) as server:
            command = [sys.executable, harness.program("closed_loop.py"), "--kind", load.kind]
            command += ["--connections", str(load.connections), "--size", str(load.size)]
            command += ["--warmup", str(warmup), "--pid", str(server.pid)]
            command += ["--target", server.target]
            # A tiny run counts messages: on a busy machine, none may come in its time.
            command += ["--operations", "50"] if options.tiny else ["--seconds", str(duration)]
            result = harness.run_json(command, harness.cores()[1], harness.STOCK_ENV, 60)
        cpu = result["cpu"] * 1e6
        return {
            "value": cpu if load.cpu else result["rate"],
            "cpu": cpu,
            "load": 100 * result["load"],
        }

    return Comparison(
        "TLS",
        harness.chosen_works(options, list(WORKS)),
        harness.chosen_sides(options, list(PROGRAMS)),
        measure,
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=duration + warmup + 1.0,
        columns={"cpu": "server CPU µs", "load": "load CPU %"},
        notes=("a ratio of CPU time over 1 means that less is used",),
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
