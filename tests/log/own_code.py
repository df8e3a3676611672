"""Twisted's own code for the log, and ours, in turns in one process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyreactor import _code, _core, _versions
from pyreactor._activation import log as part
from pyreactor._log import setup, texts

for _name in part.TARGETS:
    part.activate(importlib.import_module(_name))


def _methods() -> Iterator[tuple[Any, str, _core.StandIn]]:
    """The methods in C: class, name, method."""
    for module in ("twisted.logger._logger", "twisted.python.log"):
        for name in ("Logger", "LogPublisher"):
            cls: Any = getattr(sys.modules[module], name, object)
            for name, found in list(vars(cls).items()):
                if isinstance(found, _core.StandIn):
                    yield cls, name, found


METHODS = list(_methods())
#: The functions with other code, that code, and Twisted's.
FUNCTIONS = [
    (function, function.__code__, texts.stock[own].__code__)
    for module, paths in setup.TEXTS.items()
    for path, (own, _) in paths.items()
    for function in [_versions.function_of(sys.modules[module], path)]
]
assert len(METHODS) == 7
assert all(_code.is_given(function) for function, _, _ in FUNCTIONS)


@contextmanager
def own_code() -> Iterator[None]:
    """Run with Twisted's own functions."""
    for cls, name, method in METHODS:
        setattr(cls, name, method.__wrapped__)
    for function, _, stock in FUNCTIONS:
        function.__code__ = stock
    try:
        yield
    finally:
        for cls, name, method in METHODS:
            setattr(cls, name, method)
        for function, code, _ in FUNCTIONS:
            function.__code__ = code
