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

from pyreactor._bench import measuring, own, page, processes, results, rounds, sides, text, works
from pyreactor._bench.measuring import Timing
from pyreactor._bench.processes import BenchError
from pyreactor._bench.results import Document

BUDGET = 125.0
"""Seconds that a run without options may take; what begins after it is a round less."""

DESCRIPTION = """\
Run Twisted programs on stock Twisted and on pyreactor, in turns, and compare the CPU time that
each operation takes.  Without options: a selection, in about two minutes.

With a program after -- that one is run, to its end, in turns: wall time, CPU time, memory and exit
status are compared.  With --url or --tcp it is a server, and is put under load.
"""
EPILOG = """\
A row whose rounds differ by more than the sides do is called noisy.  Charts and colours need
what `pip install pyreactor[bench]` brings.
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="pyreactor bench",
        usage="pyreactor bench [options] [-- script.py args...]",
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
    options.add_argument(
        "--minutes", type=float, metavar="M", help="rounds that would not end in this are left out"
    )
    options.add_argument("--quick", action="store_true", help="one round, to see that it works")
    options.add_argument(
        "--against",
        default="stock",
        metavar="SIDES",
        help="what to compare with, by commas: stock, uvloop, aiofastnet, asyncio, pypy; watched:"
        " pyreactor with --slow and --stats",
    )
    options.add_argument("--pypy", metavar="PATH", help="a PyPy that has Twisted (pypy3)")
    options.add_argument(
        "--list", action="store_true", help="only list the rows, and what they lack here"
    )
    options.add_argument("--json", metavar="FILE", help="write all samples there")
    options.add_argument(
        "--into", metavar="FILE", help="put the rows among those that --json wrote there"
    )
    options.add_argument("--html", metavar="FILE", help="write a page with charts there")
    options.add_argument("--markdown", metavar="FILE", help="write a page of Markdown there")
    options.add_argument(
        "--from", dest="source", metavar="FILE", help="measure nothing: show what --json wrote"
    )
    mine = options.add_argument_group("your own program, after --")
    mine.add_argument("--url", help="it is a web server: GET this, of 127.0.0.1, again and again")
    mine.add_argument("--tcp", type=int, metavar="PORT", help="it is a server, of this port")
    mine.add_argument("--send", metavar="FILE", help="what is sent to it, again and again")
    mine.add_argument("--connections", type=int, default=10, metavar="N", help="at once (10)")
    mine.add_argument("--seconds", type=float, metavar="S", help="of load for each sample (3)")
    options.add_argument("--plain", action="store_true", help="plain text, even where rich is")
    return options


def main(arguments: Sequence[str]) -> int:
    """
    Run ``pyreactor bench``.

    @param arguments: what follows ``bench``.
    @return: the exit code: 1 if a sample failed, 2 if it cannot be done, 130 after Ctrl-C.
    """
    given = list(arguments)
    at = given.index("--") if "--" in given else len(given)
    options = parser().parse_args(given[:at])
    options.program = given[at + 1 :] if at < len(given) else None
    try:
        if options.list:
            _list(options)
            return 0
        into = _among(options)
        document = _document(options)
    except BenchError as error:
        print(f"pyreactor bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pyreactor bench: interrupted; nothing is left running", file=sys.stderr)
        return 130
    if document.get("own"):
        print(own.table(document))
    else:
        _show(document, options.plain)
    wrong = document["failures"] or (document.get("own") and own.differs(document))
    if into is not None:
        options.json, document = options.into, results.merged(into, document)
    return _write(document, options) or (1 if wrong else 0)


def _list(options: argparse.Namespace) -> None:
    """The rows, each with what keeps a side from doing it here."""
    chosen = works.chosen(options.only, options.full)
    plan = rounds.Plan(chosen, sides.chosen(options.against, options.pypy), rounds=0)
    plan.look(text.PlainProgress())
    for work in chosen:
        print(f"{work.name} (per {work.operation}){_lacks(plan, work)}")


def _lacks(plan: rounds.Plan, work: works.Work) -> str:
    """Why sides cannot do a work, after a colon; or nothing."""
    reasons = {
        side.name: plan.missing[work.name, side.name]
        for side in plan.sides
        if (work.name, side.name) in plan.missing
    }
    if not reasons:
        return ""
    if len(reasons) == len(plan.sides) and len(set(reasons.values())) == 1:
        return f": {next(iter(reasons.values()))}"
    return ": " + "; ".join(f"{side}: {why}" for side, why in reasons.items())


def _among(options: argparse.Namespace) -> Document | None:
    """The rows among which those that are measured are to be put, if --into says so."""
    if options.into and (options.json or options.program is not None):
        raise BenchError("--into is for rows of the bench's own, and without --json")
    return _read(options.into) if options.into else None


def _document(options: argparse.Namespace) -> Document:
    """What is to be shown: measured now, or before."""
    if options.source:
        return _read(options.source)
    if options.rounds is not None and options.rounds < 1:
        raise BenchError("--rounds: at least 1")
    if options.program is not None:
        return _own(options)
    for name in ("url", "tcp", "send"):
        if getattr(options, name) is not None:
            raise BenchError(f"--{name} is for a program of yours, after --")
    chosen = works.chosen(options.only, options.full)
    if not chosen:
        raise BenchError(f"no row has {options.only!r} in its name (see --list)")
    count = options.rounds or (1 if options.quick else 5 if options.full else 3)
    ordinary = not (options.full or options.only or options.rounds)
    budget = options.minutes * 60 if options.minutes else BUDGET if ordinary else None
    plan = rounds.Plan(
        chosen,
        sides.chosen(options.against, options.pypy),
        count,
        budget=budget,
    )
    timing = _timing(options)
    return measure(plan, lambda work, side: measuring.take(work, side, timing), options)


def _own(options: argparse.Namespace) -> Document:
    """The user's program, measured."""
    own.check_command(options.program)
    load = None
    if options.url is not None:
        load = own.by_url(options.url, options.connections)
    elif options.tcp is not None:
        load = own.by_file(options.tcp, options.send, options.connections)
    work = own.work(options.program, load)
    known = sides.chosen("stock")
    timing = Timing(seconds=options.seconds or 3.0, warmup=0.5)
    if options.quick:
        timing = Timing(warmup=0.0, operations=50)
    count = options.rounds or (1 if options.quick else 5)
    taking: rounds.Take = lambda _, side: own.take(options.program, load, side, timing)  # noqa: E731
    return measure(rounds.Plan([work], known, count), taking, options, {"own": True})


def _timing(options: argparse.Namespace) -> Timing:
    if options.quick:
        return Timing(seconds=0.02, warmup=0.0, share=0.01, operations=50)
    return Timing(seconds=0.8, warmup=0.25) if options.full else Timing()


def measure(
    plan: rounds.Plan, take: rounds.Take, options: argparse.Namespace, more: Document | None = None
) -> Document:
    """
    Take all samples.  What was measured until Ctrl-C is shown; --json has it, whatever happens.

    @param more: what the document has beside them.
    """
    processes.adopt_orphans()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, processes.end_as_told)
    shown = progress(options.plain)
    plan.look(shown)
    document = rounds.new_document(plan) | (more or {})
    try:
        rounds.run(plan, take, shown, document, lambda found: _save(found, options.json))
    except KeyboardInterrupt:
        if not any(any(taken) for row in document["rows"] for taken in row["samples"].values()):
            raise
        shown.note(f"interrupted in round {document['rounds'] + 1}; nothing is left running")
        document["interrupted"] = document["rounds"] + 1
    return document


def _save(document: Document, path: str | None) -> None:
    """Write what there is so far, so that nothing is lost whatever ends this process."""
    if path and (os.path.isfile(path) or not os.path.exists(path)):
        so_far = document | {"interrupted": document["rounds"] + 1}
        _replace(os.path.realpath(path), _as_json(so_far))


def _replace(path: str, text: str) -> None:
    """
    Put a text into a file, which has either that or what it had before.

    @raise BenchError: that cannot be.
    """
    beside = f"{path}.{os.getpid()}"
    try:
        Path(beside).write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}") from None


def _as_json(document: Document) -> str:
    return json.dumps(document, indent=1) + "\n"


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
        options.json: lambda: _as_json(document),
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
