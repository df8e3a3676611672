"""Random programs that log, by Twisted's own code and by ours: the same events and lines."""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    LegacyLogObserverWrapper,
    LimitedHistoryLogObserver,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    LogPublisher,
    PredicateResult,
    STDLibLogObserver,
    _logger,
    textFileLogObserver,
)
from twisted.logger._observer import bitbucketLogObserver
from twisted.python import context, log
from twisted.python.failure import Failure

from tests.log.own_code import own_code

EXAMPLES = int(os.environ.get("PYREACTOR_TEST_EXAMPLES", "200"))
TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[+-]\d{4}|\d{9,}\.\d+|0x[0-9a-f]+")
# Lines of a traceback that are in Twisted's own code, or in ours for it.
FRAMES = re.compile(
    r'\n[\t ]*File "[^"]*/(?:twisted/|pyreactor/|string\.py)[^"]*", line .*(?:\n[\t]* {4,}.*)*'
    r"|\n[\t ]*/[^ ]*/(?:twisted|pyreactor)/[^ ]*:\d+:\w+"
)
LEVELS = list(LogLevel.iterconstants())


class Value:
    """Something that is logged; what it does depends on its kind."""

    attribute = "an attribute"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        if self.kind == "no repr":
            raise ValueError("no repr")
        return f"<{self.kind}>"

    def __str__(self) -> str:
        if self.kind == "no str":
            raise KeyError("no str")
        return f"str of {self.kind}"

    def __format__(self, spec: str) -> str:
        if self.kind == "no format":
            raise ZeroDivisionError("no format")
        return f"{self.kind} as {spec!r}"

    def __getitem__(self, key: object) -> str:
        if type(key) is int and key > 3:
            raise IndexError  # so that what iterates over it ends
        return f"item {key!r}"

    def __call__(self) -> str:
        return "called"


class Text(str):
    """A subclass of str."""


class Loud(Logger):
    """A logger of the program's own."""

    def emit(self, level: Any, format: Any = None, **kwargs: Any) -> None:
        super().emit(level, format, loud=True, **kwargs)


class Counting(LogPublisher):
    """A publisher of the program's own."""

    count = 0

    def __call__(self, event: Any) -> None:
        self.count += 1
        super().__call__(event)


class Maybe(LogLevelFilterPredicate):
    """A predicate of the program's own."""

    def __call__(self, event: Any) -> Any:
        return PredicateResult.yes if "a" in event else super().__call__(event)


# ---- what the observers are ----

leaves = st.sampled_from(
    ["record", "raise", "history", "history of 2", "bitbucket", "text", "bytes", "file"]
    + ["legacy", "legacy file", "change"]
)
predicates = st.tuples(
    st.sampled_from(LEVELS),
    st.dictionaries(
        st.sampled_from(["a", "a.b", "a.b.c", "log_legacy", ""]), st.sampled_from(LEVELS)
    ),
    st.booleans(),
)
trees = st.recursive(
    leaves,
    lambda below: st.one_of(
        st.tuples(st.just("publisher"), st.lists(below, max_size=3), st.booleans()),
        st.tuples(st.just("filter"), below, below, st.lists(predicates, max_size=2)),
    ),
    max_leaves=5,
)

# ---- what is logged ----

values = st.one_of(
    st.sampled_from(["text", "ünicode", "two\nlines", "", 17, -1.5, None, b"bytes", b"\xff", True]),
    # Of what cannot be shown, only the name is here; see `made`.
    st.sampled_from(["plain", "no repr", "no str", "no format"]).map(lambda kind: (Value, kind)),
    st.just(Text("a text")),
)
formats = st.one_of(
    st.none(),
    st.sampled_from(
        ["plain", "", "{a}", "{a!r} and {b!s}", "{a:>10}|{b!r:<8}|{b!a}", "{a.attribute}", "{a[k]}"]
        + ["{a()}", "{a.attribute.upper()}", "{{}} {a}", "{", "}", "{0}", "{}", "{a:{b}}", "{a!x}"]
        + ["{missing}", "{log_level.name}", "{log_source}", "two\nlines {a}", "{a b}", "%(a)s"]
        + [b"bytes {a}", b"\xff", 17, Text("{a}")]
    ),
)
keys = st.sampled_from(
    ["a", "b", "system", "log_system", "log_namespace", "log_time", "log_text", "log_flattened"]
    + ["message", "time", "isError", "why", "failure", "log_failure", "logLevel", "log_trace"]
)
keywords = st.dictionaries(keys, values, max_size=3)
loggers = st.sampled_from(["plain", "a", "a.b.c", "", "loud", "own emit", "source", "class"])
calls = st.one_of(
    st.tuples(
        st.just("emit"), loggers, st.sampled_from([*LEVELS, None, "info"]), formats, keywords
    ),
    st.tuples(
        st.just("level"),
        loggers,
        st.sampled_from([level.name for level in LEVELS]),
        formats,
        keywords,
    ),
    st.tuples(st.just("keyword"), loggers, st.just("info"), formats, keywords),
    st.tuples(st.just("msg"), st.lists(values, max_size=3), keywords, st.booleans()),
    st.tuples(st.just("err"), st.sampled_from(["exception", "text", "failure"]), keywords),
    st.tuples(st.just("io"), loggers, st.sampled_from(["line\n", "two\nlines\n", "part"])),
)


class World:
    """One run of a program: what was seen."""

    def __init__(self, tree: Any) -> None:
        self.seen: list[Any] = []
        self.files: list[Any] = []
        self.histories: list[Any] = []
        self.root: Any = LogPublisher()
        self.root.addObserver(self.observer(tree))
        self.legacy: Any = log.LogPublisher(observerPublisher=self.root, publishPublisher=self.root)

    def observer(self, tree: Any) -> Callable[[Any], None]:
        """Make the observers."""
        if isinstance(tree, str):
            return self.leaf(tree)
        if tree[0] == "publisher":
            made = Counting() if tree[2] else LogPublisher()
            made._observers = [self.observer(each) for each in tree[1]]
            return made
        _, positive, negative, levels = tree
        return FilteringLogObserver(
            self.observer(positive), [predicate(*each) for each in levels], self.observer(negative)
        )

    def leaf(self, kind: str) -> Callable[[Any], None]:
        """An observer without any below it."""
        if kind == "bitbucket":
            return bitbucketLogObserver
        if kind.startswith("history"):
            self.histories.append(LimitedHistoryLogObserver(2 if "2" in kind else None))
            return self.histories[-1]
        if kind in ("text", "bytes", "file", "legacy file"):
            return self.file(kind)
        return {
            "record": self.record,
            "raise": self.fail,
            "change": lambda event: event.update(a="changed"),
            "legacy": LegacyLogObserverWrapper(self.record),
        }[kind]

    def file(self, kind: str) -> Callable[[Any], None]:
        """An observer that writes."""
        made: Any = io.BytesIO() if kind == "bytes" else io.StringIO()
        self.files.append(made)
        if kind == "legacy file":
            return LegacyLogObserverWrapper(log.FileLogObserver(made).emit)
        if kind == "file":
            return FileLogObserver(made, lambda event: f"{event.get('log_format')}\n")
        return textFileLogObserver(made)

    def record(self, event: Any) -> None:
        """Note an event as it is now."""
        self.seen.append(shown(event))

    def fail(self, event: Any) -> None:
        """An observer that raises."""
        self.record(event)
        raise RuntimeError("an observer raised")

    def logger(self, kind: str) -> Any:
        """The logger of a call."""
        if kind in ("plain", "a", "a.b.c", ""):
            return Logger("plain" if kind == "plain" else kind, observer=self.root)
        if kind == "loud":
            return Loud("loud", observer=self.root)
        if kind == "source":
            return Logger("sourced", source=Value("source"), observer=self.root)
        if kind == "class":
            return type("Owner", (), {"log": Logger(observer=self.root), "__module__": "a.b"})().log
        made: Any = Logger("own", observer=self.root)
        stock = made.emit
        made.emit = lambda *args, **kwargs: stock(*args, own=True, **kwargs)
        return made

    def run(self, calls: list[Any]) -> list[Any]:
        """Make the calls, and tell all that can be seen of them."""
        for call in calls:
            try:
                result = self.call(*call)
            except Exception as error:
                result = type(error), str(error)
            self.seen.append(result)
        self.seen += [[shown(event) for event in each._buffer] for each in self.histories]
        for each in self.files:
            value = each.getvalue()
            value = value if isinstance(value, str) else value.decode()
            self.seen.append(FRAMES.sub("", TIMES.sub("TIME", value)))
        return self.seen

    def call(self, kind: str, *rest: Any) -> Any:
        """One call."""
        if kind == "msg":
            messages, keys, inside = rest
            messages = [made(each) for each in messages]
            keys = {key: made(each) for key, each in keys.items()}
            if inside:
                state = {log.ILogContext: {"system": "inside", **keys}}
                return context.call(state, self.legacy.msg, *messages, **keys)
            return self.legacy.msg(*messages, **keys)
        if kind == "err":
            what, keys = rest
            stuff = {
                "exception": ValueError("v"),
                "text": "text",
                "failure": Failure(KeyError("k")),
            }
            return self.legacy.msg(**{**keys, "failure": stuff[what], "isError": 1})
        logger, *rest = rest
        own = self.logger(logger)
        if kind == "io":
            from twisted.logger._io import LoggingFile

            return LoggingFile(own).write(rest[0])
        level, format, keys = rest
        keys = {key: made(each) for key, each in keys.items()}
        if kind == "emit":
            return own.emit(level, format, **keys)
        if kind == "keyword":
            return own.info(format=format, **keys)
        return getattr(own, level)(format, **keys)


def made(value: Any) -> Any:
    """The value that is logged."""
    return Value(value[1]) if type(value) is tuple else value


def predicate(level: Any, levels: Any, own: bool) -> Any:
    """A filter's predicate."""
    made = (Maybe if own else LogLevelFilterPredicate)(level)
    for name, each in levels.items():
        made.setLogLevelForNamespace(name, each)
    return made


def shown(event: Any) -> Any:
    """An event's keys in their order, with what can be compared of the values."""
    return [(key, shown_value(key, value)) for key, value in event.items()]


def shown_value(key: str, value: Any) -> Any:
    if key in ("log_time", "time") and type(value) is float and value > 1e9:
        return "now"
    if isinstance(value, Failure):
        return "failure", value.type, FRAMES.sub("", TIMES.sub("TIME", value.getTraceback()))
    if isinstance(value, Value):
        return value.kind
    # The text of an event that could not be formatted has a traceback in it.
    text = str.__str__(value) if isinstance(value, str) else repr_of(value)
    return type(value).__name__, FRAMES.sub("", TIMES.sub("TIME", text))


def repr_of(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:
        return f"cannot be shown: {error}"


@given(trees, st.lists(calls, min_size=1, max_size=6))
@settings(max_examples=EXAMPLES)
@example("record", [("level", "plain", "info", "{a}", {"a": 1})])
@example(("filter", "record", "bitbucket", []), [("msg", ["text"], {}, False)])
@example("legacy file", [("msg", ["text", "more"], {"system": "s"}, True)])
def test_same_events_and_lines(tree: Any, calls: list[Any]) -> None:
    """What observers get, files have, histories keep, and callers see, is the same."""
    with own_code():
        stock = World(tree).run(calls)
    assert World(tree).run(calls) == stock


class Named(Logger):
    """A logger whose namespace changes each time that it is asked for."""

    asked = 0

    @property
    def namespace(self) -> str:  # type: ignore[override]
        self.asked += 1
        return f"asked {self.asked} times"

    @namespace.setter
    def namespace(self, value: str) -> None:
        pass


def named() -> Any:
    """The namespaces of events of such a logger."""
    seen: list[Any] = []
    logger = Named(observer=LogPublisher(lambda event: seen.append(event["log_namespace"])))
    logger.info("text")
    logger.emit(LogLevel.warn, "text")
    return seen


def test_a_namespace_is_asked_for_once() -> None:
    """It may be a property of a program's class."""
    with own_code():
        stock = named()
    assert named() == stock == ["asked 1 times", "asked 2 times"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_observers_are_called_in_their_order(count: int) -> None:
    """Also those that are added or removed while an event is published."""
    for side in (own_code, None):
        seen: list[str] = []
        publisher: Any = LogPublisher()

        def late(event: Any, seen: list[str] = seen) -> None:
            seen.append("late")

        def first(event: Any, seen: list[str] = seen, late: Any = late) -> None:
            seen.append("first")
            event["log_logger"].observer.addObserver(late)

        for number in range(count):
            publisher.addObserver(lambda event, n=number, seen=seen: seen.append(str(n)))
        publisher.addObserver(first)
        if side is not None:
            with side():
                Logger("a", observer=publisher).info("text")
        else:
            Logger("a", observer=publisher).info("text")
        assert seen == [*map(str, range(count)), "first", "late"]


def callers(depth: int, wrap: Callable[[Any], Any], patched: bool) -> list[tuple[str, str]]:
    """Who logged, as the standard library's logging is told: files, functions."""
    seen: list[tuple[str, str]] = []
    own = logging.Handler()
    own.emit = lambda record: seen.append(  # type: ignore[method-assign]
        (record.filename, record.funcName or "")
    )
    logger = logging.getLogger("pyreactor.test")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(own)
    observer = wrap(STDLibLogObserver("pyreactor.test", depth))
    with pytest.MonkeyPatch.context() as patch:
        if patched:
            patch.setattr(_logger, "time", lambda: 1.0)
        Logger("a", observer=observer).emit(LogLevel.info, "text")
        legacy: Any = log.LogPublisher(observerPublisher=observer, publishPublisher=observer)
        legacy.msg("the first makes the lock")
        legacy.msg("the second has it")
    logger.removeHandler(own)
    return seen


@pytest.mark.parametrize("patched", [False, True])
@pytest.mark.parametrize("depth", [4, 5, 6])
@pytest.mark.parametrize("wrap", [lambda observer: observer, LogPublisher])
def test_logging_is_told_of_the_same_callers(
    wrap: Callable[[Any], Any], depth: int, patched: bool
) -> None:
    """Also if the bridge is a logger's own observer, or the clock is a program's."""
    with own_code():
        stock = callers(depth, wrap, patched)
    assert callers(depth, wrap, patched) == stock
    assert len(stock) == 3
