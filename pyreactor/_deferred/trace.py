"""
Which lines of Twisted tracebacks show, where C code runs in the place of Twisted's.

Found by running Twisted's own code once, while nothing of it is replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any

from twisted.internet import defer
from twisted.python.failure import Failure

from pyreactor._core import _empty_frame

stock: Any = defer


def entries(tb: TracebackType | None) -> Iterator[TracebackType]:
    """The entries of a traceback, outermost first."""
    while tb is not None:
        yield tb
        tb = tb.tb_next


class _Probe(Exception):
    """Raised to see which lines of Twisted show in a traceback."""


def _raise_probe(*_: object) -> None:
    raise _Probe


def _probe_callback() -> Any:
    deferred: Any = stock.Deferred()
    deferred.addCallback(_raise_probe)
    deferred.callback(None)
    return _take_failure(deferred)


def _probe_maybe() -> Any:
    return _take_failure(stock.maybeDeferred(_raise_probe))


def _probe_send() -> Any:
    @stock.inlineCallbacks  # type: ignore[untyped-decorator]
    def generator() -> Any:
        yield None
        raise _Probe

    return _take_failure(generator())


def _probe_throw() -> Any:
    waiting: Any = stock.Deferred()

    @stock.inlineCallbacks  # type: ignore[untyped-decorator]
    def generator() -> Any:
        yield waiting

    running = generator()
    waiting.errback(Failure(_Probe()))
    return _take_failure(running)


def _probe_ended(error: bool) -> Any:
    waiting: Any = stock.Deferred()

    @stock.inlineCallbacks  # type: ignore[untyped-decorator]
    def generator() -> Any:
        yield waiting
        if error:
            raise _Probe

    generator().callback(None)
    waiting.callback(None)
    return _take_failure(waiting)


def _probe_cancel() -> Any:
    try:
        stock.Deferred(_raise_probe).cancel()
    except _Probe:
        return Failure()


def _take_failure(deferred: Any) -> Any:
    failures: list[Any] = []
    deferred.addErrback(failures.append)
    return failures[0]


def _point(failure: Any, name: str) -> tuple[Any, ...]:
    """
    Where the function called ``name`` stands in the failure's traceback.

    :return: an empty frame of it, the place in its code, the line; nothing if it is not there.
    """
    for entry in entries(failure.getTracebackObject()):
        code = entry.tb_frame.f_code
        if code.co_name == name:
            frame = _empty_frame(code, entry.tb_frame.f_globals)
            return frame, entry.tb_lasti, entry.tb_lineno
    return ()


def trace_points() -> dict[str, tuple[Any, ...]]:
    """The lines of Twisted that tracebacks show where C code runs now."""
    ended = _probe_ended(error=False)
    return {
        "trace_run_callbacks": _point(_probe_callback(), "_runCallbacks"),
        "trace_send": _point(_probe_send(), "_inlineCallbacks"),
        "trace_throw": _point(_probe_throw(), "_inlineCallbacks"),
        "trace_got_result": _point(ended, "_gotResultInlineCallbacks"),
        "trace_callback_ended": _point(ended, "_inlineCallbacks"),
        "trace_errback_ended": _point(_probe_ended(error=True), "_inlineCallbacks"),
        "trace_cancel": _point(_probe_cancel(), "cancel"),
        "trace_maybe_deferred": _point(_probe_maybe(), "maybeDeferred"),
    }
