"""
Calls what the type stubs name, method by method, with wrong arguments.

    python -m pyreactor -m tests.misuse.stubs [--pairs] [CLASS...]

A line is written before each call.  --pairs tries each pair of values.
"""

from __future__ import annotations

import argparse
import ast
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.internet import defer as _stock_defer

import pyreactor
from pyreactor import defer
from tests.misuse.calls import Calls, arguments, make_calls, outcome, tell, watch
from tests.misuse.subjects import SUBJECTS, Subject, own

STUBS = Path(pyreactor.__file__).parent

#: What is not called, and why.
LEFT_OUT = {
    "Loop.run": "it waits until the reactor is stopped",
    "StandIn.__new__": "types.py makes each type",
    "Loop.__new__": "types.py makes each type",
    "FramingMethod.__new__": "types.py makes each type",
    "Deferred.__setattr__": "calls.py --attributes sets each attribute",
    "Deferred.asFuture": "it is Twisted's own, and wants a loop of asyncio's that runs",
    "Deferred.fromFuture": "as asFuture",
}

#: Of which subject the instances of a class are, where that has another name.
SUBJECTS_OF = {
    "Selectable": "tcp.Server",
    "StreamConnection": "tcp.Server",
    "DatagramPort": "udp.Port",
    "FileStream": "ProcessReader",
}


def tree(name: str) -> ast.Module:
    return ast.parse((STUBS / name).read_text())


def functions(body: list[ast.stmt]) -> list[str]:
    """The names of the functions in a module or class, but for properties."""
    return list(
        dict.fromkeys(
            each.name
            for each in body
            if isinstance(each, ast.FunctionDef)
            and not any(isinstance(d, ast.Name) and d.id == "property" for d in each.decorator_list)
        )
    )


def classes() -> dict[str, list[str]]:
    """The methods of each class of the extension, by its name."""
    body = tree("_core.pyi").body
    return {each.name: functions(each.body) for each in body if isinstance(each, ast.ClassDef)}


def expected() -> set[str]:
    """All that has to be called."""
    methods = {f"{name}.{each}" for name, names in classes().items() for each in names}
    methods |= {f"defer.{each}" for each in functions(tree("defer.pyi").body)}
    return methods - set(LEFT_OUT)


def subject_of(name: str) -> Subject:
    found = {**SUBJECTS, **own()}
    return found[SUBJECTS_OF.get(name, name)]


def call_methods(name: str, methods: list[str], every: bool) -> int:
    calls = Calls(name, subject_of(name), every)
    for method in methods:
        if f"{name}.{method}" in LEFT_OUT:
            continue
        made = calls.subject.make()
        for how, given, keywords in arguments(getattr(made, method, None), every):
            calls.one(method, how, given, keywords)
        calls.subject.end(made)
    gc.collect()
    return calls.made


def call_functions(every: bool) -> int:
    """Those of pyreactor.defer."""
    made = 0
    before = _stock_defer.getDebugging()
    for name in functions(tree("defer.pyi").body):
        function: Any = getattr(defer, name)
        for how, given, keywords in arguments(function, every):
            tell(f"defer.{name}({how})\t")
            tell(f"{outcome(lambda f=function, g=given, k=keywords: f(*g, **k), None)}\n")
            made += 1
    _stock_defer.setDebugging(before)
    gc.collect()
    return made


def call(names: list[str], every: bool) -> Iterator[int]:
    stubs = classes()
    for name in names or [*stubs, "defer"]:
        watch()
        yield call_functions(every) if name == "defer" else call_methods(name, stubs[name], every)


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--pairs", action="store_true")
    parser.add_argument("classes", nargs="*")
    options = parser.parse_args()
    make_calls(lambda: sum(call(options.classes, options.pairs)))


if __name__ == "__main__":
    main()
