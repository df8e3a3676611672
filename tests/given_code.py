"""Functions of Twisted's that were given other code: with that, and with their own, in turns."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, FunctionType

from pyreactor import _code, _versions

#: A function, the code that it was given, and Twisted's.
Given = tuple[FunctionType, CodeType, CodeType]


def given_functions(names: Mapping[str, Iterable[str]]) -> list[Given]:
    """Those of these paths in these modules, once they have been given other code."""
    return [
        (function, function.__code__, _code.stocks(function))
        for name, paths in names.items()
        for path in paths
        for function in [_versions.function_of(importlib.import_module(name), path)]
    ]


@contextmanager
def own_code_of(functions: list[Given]) -> Iterator[None]:
    """Run with Twisted's own code in them."""
    assert all(function.__code__ is code for function, code, _ in functions)
    for function, _, stock in functions:
        function.__code__ = stock
    try:
        yield
    finally:
        for function, code, _ in functions:
            function.__code__ = code
