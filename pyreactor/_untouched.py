"""Whether a method is still the one that its module defined: C stands in for no other."""

from __future__ import annotations

from types import FunctionType
from typing import TypeGuard


def defined_by(found: object, module: str, name: str) -> TypeGuard[FunctionType]:
    """
    Whether `found` is the function that the source of a module defines by that name.

    What ``functools.wraps`` makes has the ``__module__`` and ``__name__`` of what it wraps,
    but neither where that looks its names up nor its code.

    :param found: whatever there is now.
    :param module: the full name of the module.
    :param name: the function's.
    """
    return (
        isinstance(found, FunctionType)
        and found.__globals__.get("__name__") == module
        and found.__code__.co_name == name
    )
