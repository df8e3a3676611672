"""
Calls every public method with wrong arguments, and tells what comes of each call.

    python [-m pyreactor] -m tests.misuse.calls [--all] [--private] [SUBJECT...]

A line is written before each call and its end after it, so that a crash has a name.  --all tries
each pair of values; without it, each value at each place, the others being good ones.  --private
tries also methods with a leading underscore, and those that stock does not have.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import inspect
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet import defer
from twisted.logger import globalLogBeginner, globalLogPublisher

from tests.misuse.subjects import CLASSES, FOLDER, SUBJECTS, Subject, real
from tests.misuse.values import VALUES, Refused, raising

#: Seconds after which a subject hangs.
TOO_LONG = int(os.environ.get("MISUSE_SECONDS", "200"))

#: Good values, by the names that Twisted's parameters have.
GOOD: dict[str, Any] = {
    "data": b"data",
    "line": b"line",
    "string": b"string",
    "datagram": b"datagram",
    "delay": 1000,
    "secondsFromNow": 1000,
    "secondsLater": 1000,
    "callable": int,
    "callback": lambda r, *a, **k: r,
    "errback": lambda r, *a, **k: r,
    "f": int,
    "result": 3,
    "name": b"name",
    "value": b"value",
    "iovec": [b"one", b"two"],
    "_f": int,
}

#: Not called: they wait, end the process, start another one, or reach beyond it.
LEFT_OUT = {
    "run", "mainLoop", "startRunning", "spawnProcess", "resolve", "connectTCP", "connectUDP",
    "connectSSL", "listenTCP", "listenUDP", "listenUNIX", "listenSSL", "listenMulticast",
    "listenUNIXDatagram", "connectUNIX", "connectUNIXDatagram", "adoptDatagramPort",
    "adoptStreamPort", "adoptStreamConnection", "suggestThreadPoolSize", "callInThread",
    "getThreadPool", "installNameResolver", "installResolver", "installWaker", "uninstallHandler",
    "fireSystemEvent", "disconnectAll", "removeAll", "asFuture", "fromFuture", "mktime",
    "installHandler", "addSystemEventTrigger", "threadpool", "joinGroup", "leaveGroup",
    "setOutgoingInterface", "abstract", "resolveAddress", "stopConsuming_", "closed",
    "startDebugMode", "_base", "setPrefixLimit", "startListening",
    "connectionMade", "failIfNotConnected", "wait", "_adopt",  # which takes over any descriptor
}  # fmt: skip

#: What is called after each, and tells in what state the object is.
LOOKS = ("called", "paused", "connected", "disconnected", "disconnecting", "disconnected")


def tell(text: str) -> None:
    os.write(1, text.encode("utf-8", "backslashreplace"))


def public(kind: type, private: bool) -> list[str]:
    """The names of the methods of a class."""
    found = []
    for name in sorted(dir(kind)):
        if name in LEFT_OUT or (name.startswith("_") and not private):
            continue
        if not name.startswith("__") and callable(getattr(kind, name, None)):
            found.append(name)
    return found


def parameters(method: Any) -> list[Any]:
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [one for one in signature.parameters.values() if one.kind in kinds]


def good(parameter: Any) -> Any:
    if parameter.name in GOOD:
        return GOOD[parameter.name]
    return None if parameter.default is inspect.Parameter.empty else parameter.default


def arguments(method: Any, every: bool) -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
    """What a method is called with, and how that is named."""
    known = parameters(method)
    goods = [good(one) for one in known]
    yield "", [], {}
    yield "good", goods, {}
    yield "one too many", [*goods, None], {}
    yield "unknown keyword", goods, {"unknown_": 1}
    yield "twice", goods, {known[0].name if known else "self": 1}
    for place in range(max(1, min(len(known), 4))):
        for name, make in VALUES.items():
            given = list(goods) or [None]
            given[place] = make()
            yield f"{place}: {name}", given, {}
    for name, make in VALUES.items():
        yield f"all: {name}", [make() for _ in range(max(2, len(known)))], {}
        if known:
            yield f"keyword: {name}", goods[:-1], {known[-1].name: make()}
    if every:
        for one, first in VALUES.items():
            for two, second in VALUES.items():
                yield f"{one}, {two}", [first(), second()], {}


class Heard:
    """The errors that are logged."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __call__(self, event: Any) -> None:
        failure = event.get("log_failure")
        # What a Deferred says of its end comes when it is collected.
        if failure is not None and event.get("log_namespace") != defer.__name__:
            self.found.append(failure.type.__name__)

    def take(self) -> str:
        found, self.found = self.found, []
        return "" if not found else f" logged {','.join(found)}"


heard = Heard()


def outcome(call: Callable[[], Any], made: Any) -> str:
    """How a call ends."""
    try:
        result = call()
        name = type(result).__name__
        ended = (
            "self"
            if result is made
            else name
            if result is None or isinstance(result, (bool, int, bytes, str, list, tuple))
            else "object"
        )
    except Refused:
        ended = "Refused"
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        ended = type(error).__name__
        if ended == "SystemError":
            ended += f" {error}"
    return ended + heard.take()


def state(made: Any) -> str:
    """What the object shows of itself."""
    shown = []
    for name in LOOKS:
        try:
            shown.append(str(int(getattr(made, name))))
        except BaseException:
            shown.append("-")
    return "".join(shown)


class Calls:
    """The calls of one subject."""

    def __init__(self, name: str, subject: Subject, every: bool) -> None:
        self.name = name
        self.subject = subject
        self.every = every
        self.made = 0

    def one(self, method: str, how: str, given: list[Any], keywords: dict[str, Any]) -> None:
        made = self.subject.make()
        heard.take()
        real.wakeUp()  # so that an iteration does not wait
        tell(f"{self.name}.{method}({how})\t")
        bound = getattr(made, method, None)
        ended = outcome(lambda: bound(*given, **keywords), made)
        tell(f"{ended} {state(made)}\n")
        self.made += 1
        with contextlib.suppress(Exception):
            self.subject.end(made)
        if self.made % 400 == 0:
            gc.collect()

    def methods(self, private: bool) -> None:
        made = self.subject.make()
        if made is real:
            private = False  # what ends the reactor's own descriptors, or waits, is there
        for method in public(type(made), private):
            for how, given, keywords in arguments(getattr(made, method, None), self.every):
                self.one(method, how, given, keywords)
        self.subject.end(made)

    def attributes(self) -> None:
        """Each attribute gets each value, and then all that needs no argument is called."""
        made = self.subject.make()
        names = [
            name
            for name in sorted(dir(type(made)))
            if not name.startswith("__")
            and not callable(inspect.getattr_static(type(made), name, None))
        ]
        self.subject.end(made)
        for name in names:
            for how, make in [*VALUES.items(), ("deleted", None)]:
                self.set_one(name, how, make)

    def set_one(self, name: str, how: str, make: Callable[[], Any] | None) -> None:
        made = self.subject.make()
        tell(f"{self.name}.{name} = {how}\t")
        if make is None:
            ended = outcome(lambda: delattr(made, name), None)
        else:
            value = make()
            ended = outcome(lambda: setattr(made, name, value), None)
        tell(f"{ended}\n")
        for method in public(type(made), False):
            tell(f"{self.name}.{name} = {how}; {method}()\t")
            bound = getattr(made, method, None)
            tell(f"{outcome(lambda b=bound: b(), made)}\n")
            self.made += 1
        with contextlib.suppress(Exception):
            self.subject.end(made)


def uninitialised(make: Callable[[], type]) -> Subject:
    """Objects of a class of which __init__ is not called."""
    found: list[type] = []

    def new() -> Any:
        if not found:
            found.append(make())
        return found[0].__new__(found[0])

    return Subject(new)


def expect_trouble() -> None:
    """Only crashes are told from now on: no warnings, no log, nothing that nobody waits for."""
    faulthandler.enable()
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda unraisable: None
    globalLogBeginner.beginLoggingTo([lambda event: None], redirectStandardIO=False)


def make_calls(calls: Callable[[], int]) -> None:
    """Let `calls` make them and count them; this process ends with that, whatever they left."""
    expect_trouble()
    try:
        tell(f"made {calls()} calls\n")
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    os._exit(0)


def watch() -> None:
    """What takes too long from now on hangs."""
    faulthandler.dump_traceback_later(TOO_LONG, exit=True)


def call(options: argparse.Namespace) -> int:
    globalLogPublisher.addObserver(heard)
    assert callable(raising)
    everything = dict(SUBJECTS)
    for name, kind in CLASSES.items():
        everything[f"{name} without __init__"] = uninitialised(kind)
    total = 0
    for name in options.subjects or everything:
        watch()
        calls = Calls(name, everything[name], options.all)
        if options.attributes:
            calls.attributes()
        else:
            calls.methods(options.private)
        gc.collect()
        total += calls.made
    return total


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--private", action="store_true")
    parser.add_argument("--attributes", action="store_true")
    parser.add_argument("subjects", nargs="*")
    make_calls(lambda: call(parser.parse_args()))


if __name__ == "__main__":
    main()
