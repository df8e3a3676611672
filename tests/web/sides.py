"""The web server with the methods in C, and with Twisted's own in their places."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from twisted.protocols import basic
from twisted.web import http, server, static

from pyreactor import _core
from pyreactor._activation import framing
from pyreactor._framing.members import MODULES
from pyreactor._web import setup
from pyreactor._web.known import METHODS

assert server.Site is not None  # what is compared is the server's

for each in (http, server, static):
    setup.put_in(each)


def places() -> Iterator[tuple[Any, str, Any]]:
    """Each class or module, the name of a function in it, and the method in C there."""
    for module, methods in METHODS.items():
        for path in methods:
            owner, name = setup._owner(sys.modules[module], path)
            found = vars(owner)[name]
            assert isinstance(found, _core.StandIn), path
            yield owner, name, found


def _another(function: Callable[..., Any]) -> FunctionType:
    """The same code as another object, which C takes for a function of a program's."""
    assert isinstance(function, FunctionType)
    return FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__
    )


@contextmanager
def stock() -> Iterator[None]:
    """Twisted's own functions are in their places, and heads are not taken by C."""
    put_in = list(places())
    header_received = http.HTTPChannel.headerReceived
    for owner, name, method in put_in:
        setattr(owner, name, method.__wrapped__)
    http.HTTPChannel.headerReceived = _another(header_received)  # type: ignore[method-assign]
    try:
        yield
    finally:
        http.HTTPChannel.headerReceived = header_received  # type: ignore[method-assign]
        for owner, name, method in put_in:
            setattr(owner, name, method)


@contextmanager
def lines_in_c() -> Iterator[None]:
    """``LineReceiver`` and the like have their methods in C."""
    classes = [getattr(basic, name) for name in MODULES[basic.__name__]]
    before = [(cls, dict(vars(cls))) for cls in classes]
    framing.activate(basic)
    try:
        yield
    finally:
        for cls, members in before:
            for name, value in list(vars(cls).items()):
                if name not in members:
                    delattr(cls, name)
                elif value is not members[name]:
                    setattr(cls, name, members[name])
