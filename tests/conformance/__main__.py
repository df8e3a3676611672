"""The command line: ``python -m tests.conformance``."""

from __future__ import annotations

import argparse
import sys
import time

from tests.conformance.compare import (
    ALL,
    CORE,
    PAIRS,
    Comparison,
    compare,
    compare_pairs,
    read_known,
)
from tests.conformance.sides import PARTS

MOST_SHOWN = 100

DESCRIPTION = """\
Runs Twisted's own suite by trial on stock Twisted (epoll) and on pyreactor, and prints the set
of tests that pass on stock and not here.  Exit code 0 if every test in it is a documented
difference, else 1.
"""


def main() -> int:
    options = parse()
    names = tuple(options.names) or (ALL if options.all else CORE)
    parts = [part.strip() for part in options.parts.split(",")]
    start = time.monotonic()
    if options.every_setup:
        comparisons = compare_pairs(names, PAIRS, timeout=options.timeout, say=say)
    else:
        comparisons = [compare(names, parts, timeout=options.timeout, say=say, jobs=options.jobs)]
    say(f"took {time.monotonic() - start:.0f} s")
    return max(report(comparison) for comparison in comparisons)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=DESCRIPTION)
    parser.add_argument(
        "names", nargs="*", help="tests as trial takes them; by default those around the reactor"
    )
    parser.add_argument("--all", action="store_true", help="the whole suite")
    parser.add_argument(
        "--parts", default=",".join(PARTS), help="accelerated parts to switch on (%(default)s)"
    )
    parser.add_argument(
        "--jobs", type=int, default=0, help="worker processes on each side, as trial -j"
    )
    parser.add_argument(
        "--every-setup",
        action="store_true",
        help="all parts, without each single part, by trial -j2, on asyncio and on uvloop",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=300.0,
        help="seconds without a word of any test, after which a side is killed (%(default)s)",
    )
    return parser.parse_args()


def say(text: str) -> None:
    print(text, flush=True)


def report(comparison: Comparison) -> int:
    known = read_known()
    say(f"{comparison.ours.side}:")
    for line in comparison.trouble:
        say(f"TROUBLE: {line}")
    say(f"passes on stock, not here: {len(comparison.lost)}")
    for test, outcome in sorted(comparison.lost.items())[:MOST_SHOWN]:
        say(f"  {test}\n    {known.get(test, outcome)}")
    if len(comparison.lost) > MOST_SHOWN:
        say(f"  and {len(comparison.lost) - MOST_SHOWN} more")
    for test in comparison.outdated(known):
        say(f"listed as a known difference, but passes: {test}")
    fine = not (comparison.trouble or comparison.unexplained(known) or comparison.outdated(known))
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
