"""``pyreactor bench``: the command line."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pyreactor._bench import measuring, page, processes, results, rounds, sides, text, works
from pyreactor._bench.measuring import Timing
from pyreactor._bench.processes import BenchError
from pyreactor._bench.results import Document

BUDGET = 125.0
"""Seconds that a run without options may take; what begins after it is a round less."""

DESCRIPTION = """\
Run Twisted programs on stock Twisted and on pyreactor, in turns, and compare the CPU time that
each operation takes.  Without options: a selection, in about two minutes.
"""
EPILOG = """\
A row whose rounds differ by more than the sides do is called noisy.  Charts and colours need
what `pip install pyreactor[bench]` brings.
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="pyreactor bench",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    options.add_argument("--full", action="store_true", help="all rows, whatever time it takes")
    options.add_argument(
        "--only", metavar="PATTERN", help="rows with this in their names; several by ;"
    )
    options.add_argument(
        "--rounds", type=int, metavar="N", help="rounds of all sides (3; --full 5)"
    )
    options.add_argument("--quick", action="store_true", help="one round, to see that it works")
    options.add_argument(
        "--against",
        default="stock",
        metavar="SIDES",
        help="what to compare with, by commas: stock, uvloop, aiofastnet, asyncio, pypy",
    )
    options.add_argument("--pypy", metavar="PATH", help="a PyPy that has Twisted (pypy3)")
    options.add_argument("--list", action="store_true", help="only list the rows")
    options.add_argument("--json", metavar="FILE", help="write all samples there")
    options.add_argument("--html", metavar="FILE", help="write a page with charts there")
    options.add_argument("--markdown", metavar="FILE", help="write a page of Markdown there")
    options.add_argument(
        "--from", dest="source", metavar="FILE", help="measure nothing: show what --json wrote"
    )
    options.add_argument("--plain", action="store_true", help="plain text, even where rich is")
    return options


def main(arguments: Sequence[str]) -> int:
    """
    Run ``pyreactor bench``.

    @param arguments: what follows ``bench``.
    @return: the exit code: 1 if a sample failed, 2 if it cannot be done, 130 after Ctrl-C.
    """
    options = parser().parse_args(list(arguments))
    try:
        if options.list:
            _list(options)
            return 0
        document = _document(options)
    except BenchError as error:
        print(f"pyreactor bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pyreactor bench: interrupted; nothing is left running", file=sys.stderr)
        return 130
    _show(document, options.plain)
    return _write(document, options) or (1 if document["failures"] else 0)


def _list(options: argparse.Namespace) -> None:
    for work in works.chosen(options.only, options.full):
        print(f"{work.name} (per {work.operation})")


def _document(options: argparse.Namespace) -> Document:
    """What is to be shown: measured now, or before."""
    if options.source:
        return _read(options.source)
    if options.rounds is not None and options.rounds < 1:
        raise BenchError("--rounds: at least 1")
    chosen = works.chosen(options.only, options.full)
    if not chosen:
        raise BenchError(f"no row has {options.only!r} in its name (see --list)")
    count = options.rounds or (1 if options.quick else 5 if options.full else 3)
    ordinary = not (options.full or options.only or options.rounds)
    plan = rounds.Plan(
        chosen,
        sides.chosen(options.against, options.pypy),
        count,
        budget=BUDGET if ordinary else None,
    )
    return measure(plan, _timing(options), options.plain)


def _timing(options: argparse.Namespace) -> Timing:
    if options.quick:
        return Timing(seconds=0.02, warmup=0.0, share=0.01, operations=50)
    return Timing(seconds=1.0, warmup=0.3) if options.full else Timing()


def measure(plan: rounds.Plan, timing: Timing, plain: bool) -> Document:
    """Take all samples; what was measured until Ctrl-C is shown, if a round was whole."""
    processes.adopt_orphans()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, processes.end_as_told)
    shown = progress(plain)
    plan.look(shown)
    document = rounds.new_document(plan)
    try:
        rounds.run(plan, lambda work, side: measuring.take(work, side, timing), shown, document)
    except KeyboardInterrupt:
        if document["rounds"] == 0:
            raise
        shown.note(f"interrupted in round {document['rounds'] + 1}; nothing is left running")
    return document


def progress(plain: bool) -> rounds.Progress:
    """What shows how far the samples are: by rich, where that is and a terminal."""
    if not plain and sys.stderr.isatty():
        try:
            from pyreactor._bench.screen import RichProgress
        except ImportError:
            pass
        else:
            return RichProgress()
    return text.PlainProgress()


def _read(path: str) -> Document:
    try:
        document: Document = json.loads(Path(path).read_text(encoding="utf-8"))
        known = document["format"] == results.FORMAT
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise BenchError(f"{path} is not what --json of this pyreactor wrote")
    return document


def _show(document: Document, plain: bool) -> None:
    if not plain and sys.stdout.isatty():
        try:
            from pyreactor._bench import screen
        except ImportError:
            pass
        else:
            screen.show(document)
            return
    width = shutil.get_terminal_size((80, 24)).columns
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    ascii_only = not encoding.startswith("utf")
    shown = text.report(document, max(width, 60), ascii_only)
    if ascii_only:
        shown = shown.replace("µ", "u").replace("–", "-")
    print(shown)


def _write(document: Document, options: argparse.Namespace) -> int:
    """Write what was asked for; the exit code."""
    wanted = {
        options.json: lambda: json.dumps(document, indent=1) + "\n",
        options.html: lambda: page.html(document),
        options.markdown: lambda: page.markdown(document),
    }
    for path, content in wanted.items():
        if path:
            try:
                Path(path).write_text(content(), encoding="utf-8")
            except OSError as error:
                print(f"pyreactor bench: {path}: {error.strerror}", file=sys.stderr)
                return 2
    return 0


def run(arguments: Sequence[str]) -> int:
    """As `main`, where a reader that went away (``| head``) is no error."""
    try:
        return main(arguments)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
