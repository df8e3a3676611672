"""
A server that has 10,000 idle connections beside 100 busy ones.

The CPU time of a message beside the others; and while the busy ones are alone, over that: 1 means
that the idle ones cost nothing.  Run as ``python -m benchmarks.idle``.
"""

from __future__ import annotations

import argparse
import resource
import sys
from functools import partial

from benchmarks import harness
from benchmarks.harness import BIN, BenchmarkError, Comparison, Sample, Server, Side, Work
from benchmarks.memory import idle

PROGRAMS: dict[str, tuple[str, ...]] = {
    "stock": ("twisted_echo.py",),
    "uvloop": ("asyncio_echo.py",),
    "libuv": (str(BIN / "uv_echo"),),
    "pyreactor": ("twisted_echo.py",),
}
BUSY = 100


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    duration = harness.scaled(options, 1.0, 0.5, 0.05)
    warmup = harness.scaled(options, 0.2, 0.15, 0.02)
    connections = int(harness.scaled(options, 10_000, 10_000, 200))

    def cpu_of_a_message(server: Server) -> float:
        result = harness.load(
            *("--connections", str(BUSY), "--size", "1024"),
            # A tiny run counts messages: on a busy machine, none may come in its time.
            *(("--messages", "500") if options.tiny else ("--duration", str(duration))),
            *("--warmup", str(warmup)),
            *("--server-pid", str(server.pid)),
            server.target,
        )
        cpu: float = result["server_cpu_us_per_message"]
        return cpu

    def measure(work: Work, side: Side) -> Sample:
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if 0 <= most < connections + BUSY + 100:
            raise BenchmarkError(f"a process may have no more than {most} descriptors")
        with harness.serving(side, PROGRAMS[side.name]) as server:
            alone = cpu_of_a_message(server)
            with idle(connections, server.target):
                beside = cpu_of_a_message(server)
        # A run too short for the clock of CPU time measures nothing.
        return {"value": beside, "alone": alone, "kept": alone / beside if beside else 0.0}

    name = f"{BUSY} busy beside {connections:,} idle"
    return Comparison(
        "idle connections",
        harness.chosen_works(options, [Work(name, "µs/message", less_is_better=True)]),
        harness.chosen_sides(options, list(PROGRAMS)),
        measure,
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=2 * (duration + warmup) + 2.0,
        columns={"alone": "µs alone", "kept": "alone over beside"},
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
