"""
Messages per second of an echo server on a UNIX stream socket.

Run as ``python -m benchmarks.unix_echo``.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from benchmarks import harness
from benchmarks.echo import compare_echo
from benchmarks.harness import Comparison, Work

PROGRAMS: dict[str, tuple[str, ...]] = {
    "stock": ("twisted_unix_echo.py",),
    "asyncioreactor": ("twisted_unix_echo.py",),
    "uvloop": ("asyncio_echo.py", "--unix"),
    "pyreactor": ("twisted_unix_echo.py",),
}
WORKS = {
    Work("UNIX 10 x 1 KB", "messages/s", {"stock": 2.5}): (
        *("--connections", "10"),
        *("--size", "1024"),
    ),
    Work("UNIX 10 x 100 KB", "messages/s"): ("--connections", "10", "--size", "102400"),
    Work("UNIX 1 x 100 B", "messages/s"): ("--connections", "1", "--size", "100"),
}


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    return compare_echo(
        options,
        "UNIX stream echo",
        WORKS,
        list(PROGRAMS),
        lambda work, side: PROGRAMS[side.name],
        "one message in flight on each connection",
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
