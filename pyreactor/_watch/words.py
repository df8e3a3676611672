"""What an activity of the loop's is, in words."""

from __future__ import annotations

from typing import Any

EVENT, TIMED_CALL, THREAD_CALL, SHUTDOWN = 1, 2, 3, 4


def describe(kind: int, what: Any) -> str:
    """
    A few words.

    @param kind: one of the numbers above, as csrc/loop/watchdog.h has them.
    @param what: the selectable, or the function.
    """
    if kind == EVENT:
        return _event(what)
    if kind == TIMED_CALL:
        return f"timed call of {function(what)}"
    if kind == THREAD_CALL:
        return f"call from a thread of {function(what)}"
    return "shutdown of the reactor" if kind == SHUTDOWN else "a callback"


def function(what: Any) -> str:
    """
    The qualified name of a function, with its module; what it wraps, if that is known.

    Of an object that refuses to tell, or has every attribute that it is asked for, as a mock: the
    class.
    """
    try:
        return _function(what, 3)
    except Exception:
        return _class(what)


def _function(what: Any, depth: int) -> str:
    """The same, following as many wrappers."""
    inner = getattr(what, "func", None) or getattr(what, "f", None)
    if depth and callable(inner) and not hasattr(what, "__qualname__"):
        return f"{type(what).__name__} of {_function(inner, depth - 1)}"
    name = getattr(what, "__qualname__", None)
    if name is None:
        return f"{type(what).__module__}.{type(what).__qualname__}"
    owner = getattr(what, "__self__", None)
    if owner is not None and "." in name and not isinstance(owner, type):
        name = f"{type(owner).__qualname__}.{name.rpartition('.')[2]}"
        return f"{type(owner).__module__}.{name}"
    return f"{getattr(what, '__module__', None) or '?'}.{name}"


def _event(selectable: Any) -> str:
    """Whom it is for, and where it comes from."""
    protocol = getattr(selectable, "protocol", None)
    if protocol is not None:
        peer = _peer(selectable)
        return f"event for {_class(protocol)}{f', {peer}' if peer else ''}"
    factory = getattr(selectable, "factory", None)
    if factory is not None:
        return f"connection for {_class(factory)}"
    return f"event for {_class(selectable)}"


def _class(thing: object) -> str:
    kind = type(thing)
    return f"{kind.__module__}.{kind.__qualname__}"


def _peer(selectable: Any) -> str:
    """The address of the other end, or of a port's own."""
    for ask in ("getPeer", "getHost"):
        method = getattr(selectable, ask, None)
        if method is None:
            continue
        try:
            address = method()
        except Exception:
            return ""
        host = getattr(address, "host", None)
        word = "from" if ask == "getPeer" else "at"
        return f"{word} {host}:{address.port}" if host is not None else ""
    return ""
