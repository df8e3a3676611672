"""
Servers on asyncio: CPU time of unchanged Twisted programs that install asyncioreactor.

``pyreactor`` beside them is the same program on the reactor without asyncio.
Run as ``python -m benchmarks.asyncio_reactor``.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from benchmarks import application, asyncio_sides, harness
from benchmarks.asyncio_sides import SIDES, STOCK, Measure
from benchmarks.harness import Comparison, Sample, Side, Work


def tcp_echo(connections: int, size: int, side: Side, options: argparse.Namespace) -> Sample:
    """CPU time of a TCP echo server for a message."""
    times = ("--messages", "50") if options.tiny else ("--duration", seconds(options))
    with harness.serving(side, ["twisted_echo.py"]) as server:
        result = harness.load(
            *("--connections", str(connections), "--size", str(size), "--warmup", "0.2"),
            *("--server-pid", str(server.pid)),
            *times,
            server.target,
        )
    return {"value": result["server_cpu_us_per_message"], "rate": result["messages_per_s"]}


def tls_echo(side: Side, options: argparse.Namespace) -> Sample:
    """The same of a TLS echo server."""
    timing = application.Timing(float(seconds(options)), 0.2, options.tiny)
    sample = application.tls_echo(1024, side, timing)
    return {"value": sample["cpu"], "rate": sample["value"]}


def seconds(options: argparse.Namespace) -> str:
    """How long a sample takes."""
    return str(harness.scaled(options, 1.0, 0.5, 0.05))


AIMS = {STOCK: 2.7, "pyreactor": 0.85}
WORKS: dict[Work, Measure] = {
    Work("TCP echo, 10 x 1 KB", "µs CPU", AIMS, True): partial(tcp_echo, 10, 1024),
    Work("TCP echo, 100 x 100 B", "µs CPU", AIMS, True): partial(tcp_echo, 100, 100),
    Work("TCP echo, 1 x 100 B", "µs CPU", {}, True): partial(tcp_echo, 1, 100),
    Work("TLS echo, 10 x 1 KB", "µs CPU", {STOCK: 2.2}, True): tls_echo,
}


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    return asyncio_sides.comparison(
        options,
        "servers on asyncio",
        WORKS,
        float(seconds(options)) + 1.0,
        sides=(*SIDES, "pyreactor"),
        columns={"rate": "messages/s"},
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
