"""
What README and docs/performance say of speed: ``python -m benchmarks.readme`` writes it.

The table of CPU time is of docs/performance.json, which ``pyreactor bench --json`` wrote.  That of
rates and memory is of benchmarks/measured.json, where there is one: what no Python program can
tell, as it wants a load or a server in C.  With ``--measure`` that is measured now, and so are the
rows of the first that were not in its run; about five minutes, for which the machine should have
nothing else to do.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import accept, application, echo, harness, memory, udp_echo, unix_echo, windowed
from pyreactor._bench import page, results

Run = dict[str, Any]

README = harness.ROOT / "README.md"
DOCS = harness.ROOT / "docs"
SAMPLES = DOCS / "performance.json"
MEASURED = harness.HERE / "measured.json"
BEGIN, END = "<!-- from here on by python -m benchmarks.readme -->", "<!-- to here -->"

ROWS = (
    ("TCP echo, 10 connections, 1 KB", "TCP echo", "10 x 1 KB"),
    ("TCP echo, 100 connections, 100 B", "TCP echo", "100 x 100 B"),
    ("TCP echo, 10 connections, 100 KB", "TCP echo", "10 x 100 KB"),
    ("UNIX stream echo, 10 connections, 1 KB", "UNIX stream echo", "UNIX 10 x 1 KB"),
    ("UDP echo, 10 peers, 100 B", "UDP echo", "UDP 10 x 100 B"),
    ("accept, one message, close", "accept, serve one message, close", "16 at a time"),
    ("line echo, 10 connections, 64 lines each", "TCP echo", "10 x 64 lines of 32 B"),
    ("TLS echo, 10 connections, 1 KB", "applications", "TLS echo, 10 x 1 KB"),
    ("`twisted.web` under wrk, 32 connections", "applications", "web hello world, 32 keep-alive"),
    ("upload, 64 blocks of 1 KiB under way", "windowed upload", "slide 64 x 1 KiB"),
    ("memory of an idle connection", "memory", "per idle connection"),
)
"""The README's name of a row, the title of the benchmark, and the work."""
COLUMNS = (("stock", "stock"), ("uvloop", "uvloop"), ("bare libuv in C", "libuv"))
"""Headings, and the sides that they are of."""
COMPARES = (accept, application, echo, memory, udp_echo, unix_echo, windowed)

# -- rates and memory ---------------------------------------------------------------------------


def cell(run: Run, title: str, work: str, side: str) -> str:
    """How many times better pyreactor is than a side at a work, or nothing if that has it not."""
    for comparison in run["comparisons"]:
        for each in comparison["works"] if comparison["title"] == title else []:
            if each["name"] == work and each["sides"].get(side, {}).get("ratio"):
                return ratio(each["sides"][side], each["sides"]["pyreactor"])
    return ""


def ratio(other: Run, here: Run) -> str:
    """The ratio, and that of CPU time in brackets."""
    costs = [
        (theirs["cpu"], ours["cpu"])
        for theirs, ours in zip(other["samples"], here["samples"], strict=False)
        if theirs and ours and "load" in ours
    ]
    cpu = [theirs / ours for theirs, ours in costs if theirs and ours]
    found = f"{other['ratio']['median']:.2f}"
    return f"{found} ({statistics.median(cpu):.2f})" if cpu else found


def rates(run: Run) -> Iterator[str]:
    """The table of rates and memory."""
    yield f"| work | {' | '.join(heading for heading, _ in COLUMNS)} |"
    yield f"|---|{'--:|' * len(COLUMNS)}"
    for label, title, work in ROWS:
        cells = [cell(run, title, work, side) for _, side in COLUMNS]
        if any(cells):
            yield f"| {' | '.join([label, *cells])} |"


# -- the section --------------------------------------------------------------------------------


def wrapped(words: str) -> list[str]:
    """A paragraph."""
    return ["", *textwrap.wrap(words, 110, break_on_hyphens=False)]


def section(document: results.Document, run: Run | None) -> str:
    """What stands between the marks."""
    facts = document["machine"]
    versions = ", ".join(
        [facts["python"], *(f"{each} {facts[each]}" for each in ("twisted", "uvloop"))]
    )
    rows = [row for row in document["rows"] if row["group"] != "growth"]
    sides = [side for side in document["sides"] if side != results.WATCHED]
    shown = page.markdown_table(sides, rows)
    lines = wrapped(
        "CPU time of one operation, of the side's own process, medians of interleaved rounds on a"
        f" machine that did nothing else ({facts['processor']}; {versions}). What is below 1 is"
        " slower; `noisy` is where the rounds differ by more than the sides do. uvloop is"
        " `asyncio.Protocol` and asyncio's own calls, without Twisted, and for daphne's row another"
        " server, uvicorn."
    )
    lines += ["", *shown]
    if run is not None:
        lines += wrapped(
            "How many times better the rate is, under a load generator in C, and in brackets how"
            " many times less CPU time an operation takes the server: the load's own core is the"
            f" limit in some rows (`python -m benchmarks`, {run['machine']['python']})."
        )
        lines += ["", *rates(run)]
    return "\n".join([BEGIN, *lines[1:], "", END])


def with_section(text: str, made: str) -> str:
    """A README with that between its marks."""
    before, _, rest = text.partition(BEGIN)
    return before + made + rest.partition(END)[2]


def made() -> str:
    """The README, as it is to be."""
    document = json.loads(SAMPLES.read_text(encoding="utf-8"))
    run = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else None
    return with_section(README.read_text(encoding="utf-8"), section(document, run))


# -- measuring ----------------------------------------------------------------------------------


def bench(*options: str | Path) -> None:
    """Run pyreactor bench, whose progress is seen."""
    command = [sys.executable, "-m", "pyreactor", "bench", *map(str, options)]
    subprocess.run(command, check=True, cwd=harness.ROOT, stdout=subprocess.DEVNULL)


def measure() -> None:
    """Take what is lacking."""
    into = ("--into", SAMPLES)
    bench("--only", "nobody hears;into", "--rounds", "5", *into)
    watched = "TCP echo, 10 x 1 KB;twisted.web, 32 connections"
    bench("--only", watched, "--against", "stock,uvloop,watched", "--rounds", "9", *into)
    rows = ",".join(work.replace(",", "?") for _, _, work in ROWS)
    options = harness.parser(None).parse_args(
        [
            *("--quick", "--sides", "stock,uvloop,libuv,pyreactor", "--rows", rows),
            "--json",
            str(MEASURED),
        ]
    )
    harness.execute([each.compare for each in COMPARES], options)


def write_pages() -> None:
    """Make docs/performance of the samples as they are."""
    pages = (
        f"--{name}={DOCS / 'performance'}.{end}"
        for name, end in (("markdown", "md"), ("html", "html"))
    )
    bench("--from", SAMPLES, *pages)


def main(arguments: Sequence[str]) -> int:
    """The command line."""
    if arguments not in ([], ["--measure"]):
        print(__doc__, file=sys.stderr)
        return 2
    if arguments:
        measure()
    write_pages()
    README.write_text(made(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
