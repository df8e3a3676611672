"""The web client by Twisted's own code and by ours, in turns in one process."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from pyreactor._web import client as ours
from tests.given_code import given_functions, own_code_of

for _name in ours.FUNCTIONS:
    ours.install(importlib.import_module(_name))

FUNCTIONS = given_functions(ours.FUNCTIONS)


def own_code() -> AbstractContextManager[None]:
    """Run with Twisted's own functions."""
    return own_code_of(FUNCTIONS)


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
