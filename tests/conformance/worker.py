"""
Runs a part of Twisted's suite in this process and writes down every test's outcome.

    python worker.py RESULTS [--extend] [--uvloop] [--without=PATTERN] [--jobs=N] [--reactor=NAME]
        NAME...

RESULTS gets one JSON object per line: first what this process runs on, then an event per
started test and per outcome, at last that the run is over.  With ``--extend`` the tests of
reactor implementations run on PyReactor, too; with ``--uvloop`` asyncio's event loops are uvloop's;
tests with a name like PATTERN are left out.  The other options are trial's own.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from fnmatch import fnmatchcase
from typing import Any, TextIO

OUTCOMES = {
    "addSuccess": "success",
    "addSkip": "skip",
    "addExpectedFailure": "todo",
    "addUnexpectedSuccess": "unexpected success",
    "addFailure": "failure",
    "addError": "error",
}
# What Twisted skips on its own epoll reactor, which it knows by name, as closing a descriptor takes
# it out of the kernel's queue without a word: on PyReactor it would wait for that for two minutes.
NOT_ON_EPOLL = ["*.ReactorFDSetTestsBuilder_PyReactorTests.test_lostFileDescriptor"]


class Writer:
    """The results file."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def event(self, **fields: object) -> None:
        print(json.dumps(fields), file=self._stream, flush=True)


def identify(test: Any) -> str:
    """A test's name in the results.  What stands in for tests that cannot be loaded is none."""
    from twisted.trial.runner import TestHolder

    name = str(test.id())
    return f"cannot load {name}" if isinstance(test, TestHolder) else name


def make_reporter(writer: Writer) -> type:
    """A trial reporter class that writes to `writer`."""
    from twisted.trial.reporter import MinimalReporter

    class EventReporter(MinimalReporter):
        def startTest(self, test: Any) -> None:
            writer.event(test=identify(test), event="start")
            super().startTest(test)

    def recorded(method: str, outcome: str) -> Any:
        stock = getattr(MinimalReporter, method)

        def record(self: Any, test: Any, *details: Any, **options: Any) -> Any:
            text = ""
            if outcome not in ("success", "todo") and details:
                detail = details[0]
                text = str(detail[1] if isinstance(detail, tuple) else detail)[:500]
            writer.event(test=identify(test), event=outcome, detail=text)
            return stock(self, test, *details, **options)

        return record

    for method, outcome in OUTCOMES.items():
        setattr(EventReporter, method, recorded(method, outcome))
    return EventReporter


def leave_out(suite: Any, patterns: list[str], left_out: Counter[str]) -> None:
    """Take tests out of a suite, and count them by the pattern that their name is like."""
    for test in list(suite._tests):
        if hasattr(test, "_tests"):
            leave_out(test, patterns, left_out)
            continue
        like = [pattern for pattern in patterns if fnmatchcase(identify(test), pattern)]
        if like:
            left_out.update(like)
            suite._tests.remove(test)


def note_reactors() -> Counter[str]:
    """How many tests of reactor implementations made a reactor of which class, from now on."""
    from twisted.internet.test.reactormixins import ReactorBuilder

    made: Counter[str] = Counter()
    build = ReactorBuilder.buildReactor

    def noting(self: Any) -> Any:
        reactor = build(self)
        made[f"{type(reactor).__module__}.{type(reactor).__qualname__}"] += 1
        return reactor

    ReactorBuilder.buildReactor = noting
    return made


def have_event_loop() -> None:
    """
    Have an event loop in this thread, as Twisted's tests of reactors on asyncio expect.

    They put another in its place and are skipped where there is none; from 3.14 on Python makes
    none when it is asked for it.
    """
    if sys.version_info >= (3, 14):
        try:
            asyncio.get_event_loop()
        except RuntimeError:
            asyncio.set_event_loop(asyncio.new_event_loop())


def describe(writer: Writer, left_out: Counter[str]) -> None:
    """Say what this process runs on, as it finds itself."""
    import twisted
    import twisted.web.server  # the part web is in place where a program has one of its modules
    from twisted.internet import reactor

    from pyreactor._activation import hook

    kind = type(reactor)
    event_loop = getattr(reactor, "_asyncioEventloop", None)
    parts = {name: in_c for name, (in_c, _) in hook.statuses().items()}
    writer.event(
        event="environment",
        reactor=f"{kind.__module__}.{kind.__qualname__}",
        parts=parts,
        event_loop=None if event_loop is None else type(event_loop).__module__,
        twisted=twisted.__version__,
        left_out=left_out,
    )


def main() -> None:
    # Twisted's tests must not find this folder's modules.
    del sys.path[0]
    _, results, *arguments = sys.argv
    extend = "--extend" in arguments
    if extend:
        arguments.remove("--extend")
    if "--uvloop" in arguments:
        import uvloop

        arguments.remove("--uvloop")
        # Where the standard library has no policies any more, new loops are its own.
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    without = [each for each in arguments if each.startswith("--without=")]
    arguments = [each for each in arguments if each not in without]
    with open(results, "w", encoding="utf-8") as stream:
        run(Writer(stream), arguments, extend, [each.partition("=")[2] for each in without])


def run(writer: Writer, arguments: list[str], extend: bool, without: list[str]) -> None:
    if extend:
        from twisted.internet.test.reactormixins import ReactorBuilder

        ReactorBuilder._reactors.append("pyreactor.reactor.PyReactor")
    from twisted.scripts import trial

    config = trial.Options()
    config.parseOptions(arguments)
    config["reporter"] = make_reporter(writer)
    runner = trial._makeRunner(config)
    suite = trial._getSuite(config)
    if extend:
        leave_out(suite, NOT_ON_EPOLL, Counter())
    left_out = Counter(dict.fromkeys(without, 0))
    leave_out(suite, without, left_out)
    describe(writer, left_out)
    made = note_reactors()
    have_event_loop()
    sys.argv = ["trial", *arguments]
    runner.run(suite)
    writer.event(event="over", made=made)


if __name__ == "__main__":
    main()
