"""
The README's table of what is measured here: ``python -m benchmarks.readme RUN.json...``

Each file is what ``--json`` wrote on one Python.  A cell has the ratio of what the row measures
and, in brackets, that of the server's CPU time for each unit where something puts load on a
server, as then the core of the load may be the limit.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Run = dict[str, Any]

ROWS = (
    ("TCP echo, 10 connections, 1 KB", "TCP echo", ["10 x 1 KB"]),
    ("TCP echo, 100 connections, 100 B", "TCP echo", ["100 x 100 B"]),
    ("TCP echo, 10 connections, 100 KB", "TCP echo", ["10 x 100 KB"]),
    ("UNIX stream echo, 10 connections, 1 KB", "UNIX stream echo", ["UNIX 10 x 1 KB"]),
    ("UDP echo, 10 peers, 100 B", "UDP echo", ["UDP 10 x 100 B"]),
    ("accept, one message, close", "accept, serve one message, close", ["16 at a time"]),
    ("line echo, 10 connections, 64 lines each", "TCP echo", ["10 x 64 lines of 32 B"]),
    ("TLS echo, 10 connections, 1 KB", "applications", ["TLS echo, 10 x 1 KB"]),
    (
        "`twisted.web` under wrk, 32 connections",
        "applications",
        ["web hello world, 32 keep-alive"],
    ),
    (
        "AMP calls, one at a time; 16 under way",
        "applications",
        ["AMP calls, one at a time", "AMP calls, 16 under way"],
    ),
    (
        "PB calls, one at a time; 16 under way",
        "applications",
        ["PB calls, one at a time", "PB calls, 16 under way"],
    ),
    ("SFTP by OpenSSH: put; get", "SFTP", ["put", "get"]),
    ("upload, 64 blocks of 1 KiB under way", "windowed upload", ["slide 64 x 1 KiB"]),
    ("`spawnProcess` of `/bin/true`", "applications", ["spawnProcess of /bin/true"]),
    ("`callLater`: schedule", "timers and threads", ["callLater, schedule"]),
    (
        "`callLater`: a due batch of 100,000",
        "timers and threads",
        ["callLater, a due batch of 100,000"],
    ),
    ("`callLater(0)`, one hop", "timers and threads", ["callLater(0), hop"]),
    (
        "`callFromThread`, from another thread",
        "timers and threads",
        ["callFromThread, other thread"],
    ),
    ("memory of an idle connection", "memory", ["per idle connection"]),
)
"""The README's name of a row, the title of the benchmark, and the works."""


COLUMNS = (("stock", "stock"), ("uvloop", "uvloop"), ("bare libuv in C", "libuv"))
"""Headings, and the sides that they are of."""

# -- cells --------------------------------------------------------------------------------------


def cell(run: Run, title: str, works: Sequence[str], side: str) -> str:
    """How many times better pyreactor is than a side at some works, or nothing if none has it."""
    sides = {
        work["name"]: work["sides"]
        for comparison in run["comparisons"]
        if comparison["title"] == title
        for work in comparison["works"]
    }
    known = [sides[name] for name in works if sides.get(name, {}).get(side, {}).get("ratio")]
    return "; ".join(ratios(each[side], each["pyreactor"]) for each in known)


def ratios(other: Run, here: Run) -> str:
    """The ratio, and that of CPU time in brackets."""
    costs = [
        (theirs["cpu"], ours["cpu"])
        for theirs, ours in zip(other["samples"], here["samples"], strict=False)
        if theirs and ours and "load" in ours
    ]
    cpu = [theirs / ours for theirs, ours in costs if theirs and ours]
    ratio = f"{other['ratio']['median']:.2f}"
    return f"{ratio} ({statistics.median(cpu):.2f})" if cpu else ratio


def table(runs: Sequence[Run]) -> list[list[str]]:
    """The cells of the heading and of each row that was measured, in columns that have any."""
    rows = list(_all_cells(runs))
    filled = [any(column) for column in zip(*rows[1:], strict=True)]
    return [
        [each for each, is_filled in zip(row, filled, strict=False) if is_filled] for row in rows
    ]


def _all_cells(runs: Sequence[Run]) -> Iterator[list[str]]:
    versions = [run["machine"]["python"].split()[-1].rpartition(".")[0] for run in runs]
    yield ["work", *(f"{head}, {each}" for head, _ in COLUMNS for each in versions)]
    for label, title, works in ROWS:
        cells = [cell(run, title, works, side) for _, side in COLUMNS for run in runs]
        if any(cells):
            yield [label, *cells]


def main(paths: Sequence[str]) -> int:
    """The command line."""
    if not paths:
        print(__doc__, file=sys.stderr)
        return 2
    rows = table([json.loads(Path(path).read_text(encoding="utf-8")) for path in paths])
    if not rows[0]:
        print("none of the rows was measured", file=sys.stderr)
        return 1
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])])
    for number, (first, *rest) in enumerate(rows):
        if number == 1:
            print(f"|{'|'.join([first, *rest])}|")
            continue
        numbers = [word.rjust(width) for word, width in zip(rest, widths[1:], strict=True)]
        print(f"| {' | '.join([first.ljust(widths[0]), *numbers])} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
