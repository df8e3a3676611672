"""
Messages per second of a TCP echo server.

Each of 1, 10 and 100 connections has one message of 100 B to 100 KB in flight.  The Twisted
servers are one unchanged script.  Run as ``python -m benchmarks.echo``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from benchmarks import harness
from benchmarks.harness import BIN, Comparison, Sample, Side, Work

PROGRAMS: dict[str, dict[bool, tuple[str, ...]]] = {
    "stock": {False: ("twisted_echo.py",), True: ("line_echo.py",)},
    "asyncioreactor": {False: ("twisted_echo.py",), True: ("line_echo.py",)},
    "uvloop": {False: ("asyncio_echo.py",), True: ("asyncio_echo.py", "--lines")},
    "aiofastnet": {False: ("asyncio_echo.py",), True: ("asyncio_echo.py", "--lines")},
    "libuv": {False: (str(BIN / "uv_echo"),), True: (str(BIN / "uv_echo"),)},
    "pyreactor": {False: ("twisted_echo.py",), True: ("line_echo.py",)},
}
"""What each side runs: for plain messages, and for lines."""

SIZES = {"100 B": 100, "1 KB": 1024, "10 KB": 10 * 1024, "100 KB": 100 * 1024}
CONNECTIONS = (1, 10, 100)
SMALL_AIMS = {"stock": 2.5, "uvloop": 1.0, "libuv": 0.9}
AIMS: dict[tuple[int, str], dict[str, float]] = {
    (10, "1 KB"): SMALL_AIMS,
    (100, "100 B"): SMALL_AIMS,
    (10, "100 KB"): {"uvloop": 1.0},
}
LINES = "10 x 64 lines of 32 B"
LINE_LOAD = ("--connections", "10", "--size", "2048", "--line-length", "32")


def works() -> dict[Work, tuple[str, ...]]:
    """The rows, each with the load generator's options."""
    rows: dict[str, tuple[Work, tuple[str, ...]]] = {}
    for connections in CONNECTIONS:
        for label, size in SIZES.items():
            name = f"{connections} x {label}"
            work = Work(name, "messages/s", AIMS.get((connections, label), {}))
            rows[name] = (work, ("--connections", str(connections), "--size", str(size)))
    rows[LINES] = (Work(LINES, "requests/s", {"stock": 4.0}), LINE_LOAD)
    return dict(rows.values())


def compare_echo(
    options: argparse.Namespace,
    title: str,
    rows: Mapping[Work, Sequence[str]],
    sides: Sequence[str],
    program_of: Callable[[Work, Side], Sequence[str]],
    note: str,
) -> Comparison:
    """A comparison of echo servers; ``rows`` has the load generator's options."""
    duration = harness.scaled(options, 1.0, 0.5, 0.05)
    warmup = harness.scaled(options, 0.2, 0.15, 0.02)
    loads = {work.name: load for work, load in rows.items()}

    def measure(work: Work, side: Side) -> Sample:
        with harness.serving(side, program_of(work, side)) as server:
            result = harness.load(
                *loads[work.name],
                # A tiny run counts messages: on a busy machine, none may come in its time.
                *(("--messages", "50") if options.tiny else ("--duration", str(duration))),
                *("--warmup", str(warmup)),
                *("--server-pid", str(server.pid)),
                *(("--spin",) if options.spin else ()),
                server.target,
            )
        return {
            "value": result["messages_per_s"],
            "p50": result["latency_us"]["p50"],
            "p99": result["latency_us"]["p99"],
            "cpu": result["server_cpu_us_per_message"],
            "load": 100 * result["load_cpu"],
            "lost": result["lost"],
        }

    return Comparison(
        title,
        harness.chosen_works(options, list(rows)),
        harness.chosen_sides(options, sides),
        measure,
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=duration + warmup + 0.6,
        columns={
            "p50": "p50 µs",
            "p99": "p99 µs",
            "cpu": "server CPU µs/msg",
            "load": "load CPU %",
        },
        notes=(note,),
    )


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    return compare_echo(
        options,
        "TCP echo",
        works(),
        list(PROGRAMS),
        lambda work, side: PROGRAMS[side.name][work.name == LINES],
        "one message in flight on each connection; libuv echoes lines without parsing",
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
