"""
Makes and calls what the extension has in every way that Python offers, wrongly.

    python -m pyreactor -m tests.misuse.types PART
    python -m tests.misuse.types PART

PART is types: objects of each without __init__, by object.__new__, copied, pickled, of a subclass;
descriptors: each on wrong objects; or functions: each with each value.  A line is written before
each try.
On stock the extension is imported, and nothing handed over to it: only what it has is tried then.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import pickle
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet import defer

from pyreactor import _core
from tests.misuse.calls import make_calls, outcome, tell, watch
from tests.misuse.subjects import SUBJECTS, Subject, real
from tests.misuse.values import VALUES

#: It waits for good.
LEFT_OUT = ("run",)


def generator() -> Iterator[Any]:
    yield defer.Deferred()


def hidden() -> dict[str, Any]:
    """Objects of types that no name leads to."""
    d: Any = defer.Deferred()
    awaiter = d.__await__()
    listed: Any = defer.DeferredList([d])
    run: Any = defer.inlineCallbacks(generator)()
    return {"awaiter": awaiter, "list": listed, "of a generator": run, "call": d.callback}


def types() -> dict[str, type]:
    found = {name: kind for name, kind in vars(_core).items() if isinstance(kind, type)}
    if hasattr(real, "_loop"):
        for name, subject in SUBJECTS.items():
            found[name] = type(subject.make())
        for name, made in hidden().items():
            found[name] = type(made)
    for one in gc.get_objects():
        if isinstance(one, type) and one.__module__ == "pyreactor._core":
            found[one.__name__] = one
    return found


def ways(kind: type) -> Iterator[tuple[str, Callable[[], Any]]]:
    yield "__new__", lambda: kind.__new__(kind)
    yield "object.__new__", lambda: object.__new__(kind)
    yield "()", lambda: kind()
    yield "subclass", lambda: type("Sub", (kind,), {})()
    yield "subclass __new__", lambda: kind.__new__(type("Sub", (kind,), {}))
    yield "type.__call__", lambda: type.__call__(kind)
    for name, make in VALUES.items():
        yield f"({name})", lambda make=make: kind(make())  # type: ignore[misc]
        yield (
            f"({name} three times)",
            lambda make=make: kind(make(), make(), make()),  # type: ignore[misc]
        )


def use(made: Any) -> None:
    """All that may be done with any object."""
    for attempt in (
        repr, hash, copy.copy, copy.deepcopy, pickle.dumps, weakref.ref, gc.get_referents, iter,
        len, next, sys.getsizeof, bool, dir, vars,
    ):  # fmt: skip
        with contextlib.suppress(BaseException):
            attempt(made)
    for name in dir(type(made)):
        if name.startswith(LEFT_OUT) or name in ("__class__", "__subclasshook__"):
            continue
        try:
            found = getattr(made, name)
            if name not in ("__init_subclass__", "__new__", "__dir__", "__reduce_ex__"):
                found()
        except BaseException:
            pass
    with contextlib.suppress(BaseException):
        made.__init__()


def make_each(kinds: dict[str, type]) -> int:
    tried = 0
    for name, kind in kinds.items():
        watch()
        for how, make in ways(kind):
            if kind in (type, object) or "type" in (name, kind.__name__):
                continue
            tell(f"{name}{how}\t")
            made: list[Any] = []
            tell(f"{outcome(lambda m=make, a=made: a.append(m()), None)}\n")
            for one in made:
                use(one)
            tried += 1
        gc.collect()
    return tried


def bound(found: Any, made: Any) -> Any:
    return found.__get__(made, type(made))


def wrong_selves(kinds: dict[str, type]) -> int:
    """Each descriptor of each type, on each value and on objects of the other types."""
    others = {name: subject.make for name, subject in SUBJECTS.items()}
    tried = 0
    for name, kind in kinds.items():
        watch()
        if kind.__module__ in ("builtins",):
            continue
        for key, found in list(vars(kind).items()):
            if key.startswith(LEFT_OUT) or key in ("__new__", "__class__"):
                continue
            for how, make in [*VALUES.items(), ("Deferred", others["Deferred"])]:
                tell(f"{name}.{key} of {how}\t")
                tell(f"{outcome(lambda f=found, m=make: bound(f, m())(), None)}\n")
                tell(f"{name}.{key} with {how}\t")
                tell(f"{outcome(lambda f=found, m=make: f(m(), m()), None)}\n")
                tried += 2
    return tried


def functions() -> int:
    """Each of the module, also those that are for a StandIn, which looks at the arguments."""
    tried = 0
    given_to_functions = {**{name: Subject(make) for name, make in VALUES.items()}, **SUBJECTS}
    for name in dir(_core):
        watch()
        found = getattr(_core, name)
        if isinstance(found, type) or not callable(found):
            continue
        for how, subject in given_to_functions.items():
            for count in range(5):
                tell(f"{name}({how} {count} times)\t")
                given = [subject.make() for _ in range(count)]
                tell(f"{outcome(lambda f=found, g=given: f(*g), None)}\n")
                tried += 1
                for one in given:
                    with contextlib.suppress(Exception):
                        subject.end(one)
        gc.collect()
    return tried


def call(part: str) -> int:
    if part == "functions":
        tried = functions()
    else:
        tried = {"types": make_each, "descriptors": wrong_selves}[part](types())
    gc.collect()
    return tried


if __name__ == "__main__":
    make_calls(lambda: call(sys.argv[1]))
