"""
Datagrams per second of a UDP echo server.

Run as ``python -m benchmarks.udp_echo``.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from benchmarks import harness
from benchmarks.echo import compare_echo
from benchmarks.harness import Comparison, Work

PROGRAMS: dict[str, tuple[str, ...]] = {
    "stock": ("twisted_udp_echo.py",),
    "asyncioreactor": ("twisted_udp_echo.py",),
    "uvloop": ("asyncio_udp_echo.py",),
    "pyreactor": ("twisted_udp_echo.py",),
}
UDP = ("--mode", "udp")
WORKS = {
    Work("UDP 10 x 100 B", "datagrams/s", {"stock": 1.6, "uvloop": 1.0}): (
        *(*UDP, "--connections", "10"),
        *("--size", "100"),
    ),
    Work("UDP 1 x 100 B", "datagrams/s"): (*UDP, "--size", "100"),
    Work("UDP 10 x 16 x 100 B", "datagrams/s"): (
        *(*UDP, "--connections", "10"),
        *("--size", "100", "--depth", "16"),
    ),
}


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    comparison = compare_echo(
        options,
        "UDP echo",
        WORKS,
        list(PROGRAMS),
        lambda work, side: PROGRAMS[side.name],
        "peers x datagrams that each has in flight x size",
    )
    comparison.columns = {**comparison.columns, "lost": "lost"}
    return comparison


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
