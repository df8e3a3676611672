"""What Python code sees of the links that C code keeps: the pairs stock has in ``_callbacks``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import defer

stock: Any = defer

#: (kind, target, args, keywords, named), as csrc/deferred/listed.c has it
Link = tuple[str, Any, Any, Any, bool]
Call = tuple[Any, Any, Any]

PASS_ON: Call = (stock.passthru, (), {})
FAIL_ON: Call = (stock._failthru, (), {})


def _call(link: Link) -> Call:
    """The ``(callable, args, kwargs)`` of a link."""
    _, target, args, keywords, named = link
    if named:
        values = args[len(args) - len(keywords) :]
        return target, args[: len(args) - len(keywords)], dict(zip(keywords, values, strict=True))
    return target, args, {} if keywords is None else keywords


def _both(link: Link) -> tuple[Call, Call]:
    call = _call(link)
    return call, call


def _collect(link: Link) -> tuple[Call, Call]:
    method, index = link[1]._cbDeferred, link[2]
    return (method, (index, stock.SUCCESS), {}), (method, (index, stock.FAILURE), {})


def _continue(link: Link) -> tuple[Call, Call]:
    call: Call = (stock._CONTINUE, (link[1],), stock._NONE_KWARGS)
    return call, call


def _resume(link: Link) -> tuple[Call, Call]:
    call: Call = (link[1]._resume, (), {})
    return call, call


KINDS: dict[str, Callable[[Link], tuple[Call, Call]]] = {
    "callback": lambda link: (_call(link), FAIL_ON),
    "errback": lambda link: (PASS_ON, _call(link)),
    "both": _both,
    "continue": _continue,
    "resume": _resume,
    "collect": _collect,
    "fire": lambda link: ((link[1].callback, (), {}), (link[1].errback, (), {})),
}


def append_links(callbacks: Any, links: tuple[Link, ...]) -> None:
    """Append links to a Deferred's ``_callbacks``, as stock's pairs."""
    rest = iter(links)
    for link in rest:
        if link[0] == "pair":  # the next one is its errback
            callbacks.append((_call(link), _call(next(rest))))
        else:
            callbacks.append(KINDS[link[0]](link))
