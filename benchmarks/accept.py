"""
Connections accepted, served one message and closed by the server, per second.

Run as ``python -m benchmarks.accept``.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from benchmarks import harness
from benchmarks.harness import BIN, Comparison, Sample, Side, Work

PROGRAMS: dict[str, tuple[str, ...]] = {
    "stock": ("twisted_one_message.py",),
    "asyncioreactor": ("twisted_one_message.py",),
    "uvloop": ("asyncio_echo.py", "--once"),
    "libuv": (str(BIN / "uv_echo"), "--once"),
    "pyreactor": ("twisted_one_message.py",),
}
AIMS = {"stock": 1.5}
CPU = "16 at a time, CPU time of the server"
WORKS = {
    Work("16 at a time", "connections/s", AIMS): "16",
    Work(CPU, "µs/connection", less_is_better=True): "16",
    Work("1 at a time", "connections/s"): "1",
}


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    duration = harness.scaled(options, 1.0, 0.5, 0.05)
    warmup = harness.scaled(options, 0.2, 0.15, 0.02)
    at_once = {work.name: connections for work, connections in WORKS.items()}

    def measure(work: Work, side: Side) -> Sample:
        with harness.serving(side, PROGRAMS[side.name]) as server:
            result = harness.load(
                *("--mode", "accept", "--connections", at_once[work.name]),
                # A tiny run counts messages: on a busy machine, none may come in its time.
                *(("--messages", "50") if options.tiny else ("--duration", str(duration))),
                *("--warmup", str(warmup)),
                *("--server-pid", str(server.pid)),
                *(("--spin",) if options.spin else ()),
                server.target,
            )
        return {
            "value": result["server_cpu_us_per_message" if work.name == CPU else "messages_per_s"],
            "p50": result["latency_us"]["p50"],
            "cpu": result["server_cpu_us_per_message"],
            "load": 100 * result["load_cpu"],
        }

    return Comparison(
        "accept, serve one message, close",
        harness.chosen_works(options, list(WORKS)),
        harness.chosen_sides(options, list(PROGRAMS)),
        measure,
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=duration + warmup + 0.6,
        notes=(
            "a load near 100 % is the limit itself and squeezes the ratio of connections/s",
            "(the client's core does most of the kernel's work): then read the CPU time, too",
        ),
        columns={"p50": "p50 µs", "cpu": "server CPU µs/conn", "load": "load CPU %"},
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
