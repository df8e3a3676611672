"""
Programs that run on asyncio by themselves: CPU time of a server by daphne and of a Scrapy crawl.

They are unchanged, and install Twisted's asyncio reactor as they do everywhere, on the standard
library's event loop or on uvloop's.  Run as ``python -m benchmarks.asyncio_programs``.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from dataclasses import replace
from functools import partial

from benchmarks import asyncio_sides, harness
from benchmarks.asyncio_sides import STOCK
from benchmarks.harness import Comparison, Sample, Side, Work

DAPHNE = Work("daphne hello, 32 connections", "us of CPU", {STOCK: 2.0}, True)
SCRAPY = Work("Scrapy, 2,000 pages", "us of CPU", {STOCK: 1.06}, True)
NEEDS = {DAPHNE: "daphne", SCRAPY: "scrapy"}
REQUESTS, PAGES = 10_000, 2_000


def by_itself(side: Side) -> tuple[Side, list[str]]:
    """The side without what installs a reactor before the program, and the program's arguments."""
    *argv, installs = side.argv
    return replace(side, argv=tuple(argv)), ["uvloop"] if "uvloop" in installs else []


def daphne(side: Side, options: argparse.Namespace) -> Sample:
    """A server, asked so often."""
    side, arguments = by_itself(side)
    count = int(harness.scaled(options, REQUESTS, REQUESTS // 5, 20))
    with harness.serving(side, ["web_daphne.py", *arguments]) as server:
        command = [sys.executable, "web_load.py", server.target, str(server.pid)]
        command += [str(min(32, count)), str(count), "hello"]
        result = harness.run_json(command, harness.cores()[1], harness.STOCK_ENV, 120)
    return {"value": result["cpu"] * 1e6, "rate": result["rate"]}


def scrapy(side: Side, options: argparse.Namespace) -> Sample:
    """A crawl, of which the number of items and what is in them is looked at."""
    side, arguments = by_itself(side)
    count = int(harness.scaled(options, PAGES, PAGES // 5, 20))
    sample = harness.run_sample(side, ["twisted_scrapy.py", str(count), *arguments])
    return {"value": sample["cpu"] / 1e3, "rate": 1e9 / sample["value"]}


def missing() -> dict[str, str]:
    """Rows that need what is not installed."""
    return {
        work.name: f"{module} is not installed"
        for work, module in NEEDS.items()
        if importlib.util.find_spec(module) is None
    }


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    return asyncio_sides.comparison(
        options,
        "programs on asyncio",
        {DAPHNE: daphne, SCRAPY: scrapy},
        6.0,
        columns={"rate": "a second"},
        missing=missing(),
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
