"""The web client by Twisted's own code and by ours, in turns in one process."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pyreactor import _code, _versions
from pyreactor._web import client as ours

for _name in ours.FUNCTIONS:
    ours.install(importlib.import_module(_name))

FUNCTIONS = [
    (function, function.__code__, _code.stocks(function))
    for name, paths in ours.FUNCTIONS.items()
    for path in paths
    for function in [_versions.function_of(importlib.import_module(name), path)]
]


@contextmanager
def own_code() -> Iterator[None]:
    """Run with Twisted's own functions."""
    assert all(function.__code__ is code for function, code, _ in FUNCTIONS)
    for function, _, stock in FUNCTIONS:
        function.__code__ = stock
    try:
        yield
    finally:
        for function, code, _ in FUNCTIONS:
            function.__code__ = code


def check(run: Callable[..., Any], *args: Any) -> Any:
    """The same outcome on both sides, which is given back; twice, as some of it is kept."""
    with own_code():
        stock = outcome(run, *args)
    assert outcome(run, *args) == stock
    assert outcome(run, *args) == stock
    return stock


def outcome(run: Callable[..., Any], *args: Any) -> Any:
    """What a call gives, or raises."""
    try:
        return run(*args)
    except Exception as error:
        return type(error), str(error)
