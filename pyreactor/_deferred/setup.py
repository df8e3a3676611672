"""
Give ``pyreactor._core`` what it uses of Twisted, and the C classes their rare methods.

Runs once, when :mod:`pyreactor.defer` is imported, and before anything was replaced in
``twisted.internet.defer``: the names called *stock* here are Twisted's own for good.
"""

from __future__ import annotations

import copyreg
import inspect
import traceback
import warnings
from asyncio import iscoroutine
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, TracebackType
from typing import Any

from twisted.internet import defer as stock_module
from twisted.python import failure as failure_module

from pyreactor import _core as core_module
from pyreactor._standin import stand_in

# Attributes are read and set here that the types do not tell of.
stock: Any = stock_module
Failure: Any = failure_module.Failure
_core: Any = core_module

StockDeferred = stock.Deferred
StockDeferredList = stock.DeferredList

#: Stock's methods in Python that do their work through other methods.
BORROWED_METHODS = ("addTimeout", "asFuture", "fromFuture", "callbacks", "__parameters__")

#: What drives a generator in stock; where a program replaces one, stock's code drives it.
INTERNALS = (
    "_inlineCallbacks",
    "_gotResultInlineCallbacks",
    "_CancellationStatus",
    "_addCancelCallbackToDeferred",
    "_handleCancelInlineCallbacks",
    "_copy_context",
)

#: What C code uses as it was at set-up, whatever a program puts under these names.
USED_AS_THEY_WERE = {
    name: vars(stock)[name]
    for name in ("CancelledError", "DebugInfo", "Failure", "FirstError", "passthru")
    if name in vars(stock)
}

TracePoint = tuple[CodeType, dict[str, Any], int, int]


def call_with(callback: Callable[..., Any], result: Any, args: Any, keywords: Any) -> Any:
    """
    Call a callback whose arguments are not simply a tuple and a dict.

    :param result: the first argument.
    :param args: more of them, any iterable.
    :param keywords: any mapping.
    :raise TypeError: they are no such things; in the words of the interpreter.
    """
    return callback(result, *args, **keywords)


def _visible_call(point: TracePoint | None) -> Callable[..., Any]:
    """
    A function that runs a callback, and that tracebacks show as the line of Twisted
    which does so there.
    """

    def _runCallbacks(self: Any, call: tuple[Any, Any, Any]) -> Any:
        callback, args, kwargs = call
        return callback(self.result, *args, **kwargs)

    if point is not None:
        code, line = point[0], point[3]
        _runCallbacks.__code__ = _runCallbacks.__code__.replace(
            co_filename=code.co_filename, co_firstlineno=line - 2
        )
    return _runCallbacks


def is_coroutine(value: object) -> bool:
    """Whether Twisted would drive this object."""
    return iscoroutine(value) or inspect.isgenerator(value)


def cancel_all(deferreds: Iterable[Any]) -> None:
    """Cancel each, and log what their cancellers raise."""
    for deferred in deferreds:
        try:
            deferred.cancel()
        except BaseException:  # noqa: BLE001 - whatever a canceller raises
            stock.log.failure("Exception raised from user supplied canceller")


def misplaced_return(exc: BaseException, thrown: bool) -> None:
    """
    Warn if ``returnValue`` was not called by the very generator that it ended.

    The traceback starts at that generator.  Two frames belong to ``returnValue`` (it is
    wrapped by its deprecation), so more than these mean that somebody else called it.
    """
    entries = list(_entries(exc.__traceback__))
    if thrown and entries[0].tb_frame.f_code.co_name == "throwExceptionIntoGenerator":
        del entries[0]
    caller = len(entries) - 3
    if caller <= 0:
        return
    culprit = entries[caller]
    warnings.warn_explicit(
        f"returnValue() in {culprit.tb_frame.f_code.co_name!r} causing "
        f"{entries[0].tb_frame.f_code.co_name!r} to exit: returnValue should only be "
        "invoked by functions decorated with inlineCallbacks",
        DeprecationWarning,
        culprit.tb_frame.f_code.co_filename,
        culprit.tb_lineno,
    )


def _entries(tb: TracebackType | None) -> Iterator[TracebackType]:
    while tb is not None:
        yield tb
        tb = tb.tb_next


class _Probe(Exception):
    """Raised to see which lines of Twisted show in a traceback."""


def _raise_probe(*_: object) -> None:
    raise _Probe


def _probe_callback() -> Any:
    deferred: Any = StockDeferred()
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
    waiting: Any = StockDeferred()

    @stock.inlineCallbacks  # type: ignore[untyped-decorator]
    def generator() -> Any:
        yield waiting

    running = generator()
    waiting.errback(Failure(_Probe()))
    return _take_failure(running)


def _probe_await(fired: bool) -> Any:
    waiting: Any = StockDeferred()

    async def coroutine() -> None:
        await waiting

    if fired:
        waiting.errback(Failure(_Probe()))
    running: Any = StockDeferred.fromCoroutine(coroutine())
    if not fired:
        waiting.errback(Failure(_Probe()))
    return _take_failure(running)


def _probe_twice(method: str, debug: bool = False) -> Any:
    deferred: Any = StockDeferred()
    deferred.debug = debug
    deferred.callback(None)
    try:
        getattr(deferred, method)(_Probe())
    except stock.AlreadyCalledError:
        return Failure()


def _probe_ended(error: bool) -> Any:
    waiting: Any = StockDeferred()

    @stock.inlineCallbacks  # type: ignore[untyped-decorator]
    def generator() -> Any:
        yield waiting
        if error:
            raise _Probe

    generator().callback(None)
    waiting.callback(None)
    return _take_failure(waiting)


def _probe_cancel() -> Any:
    inner: Any = StockDeferred(_raise_probe)
    outer: Any = StockDeferred()
    outer.addCallback(lambda _: inner)
    outer.callback(None)

    @stock.inlineCallbacks  # type: ignore[untyped-decorator]
    def generator() -> Any:
        yield outer

    running = generator()
    running.cancel()
    return _take_failure(running)


def _take_failure(deferred: Any) -> Any:
    failures: list[Any] = []
    deferred.addErrback(failures.append)
    return failures[0]


def _point(failure: Any, name: str, last: bool = False) -> TracePoint | None:
    """Where the function called ``name`` stands in the failure's traceback."""
    entries = list(_entries(failure.getTracebackObject()))
    for entry in reversed(entries) if last else entries:
        frame = entry.tb_frame
        if frame.f_code.co_name == name:
            return frame.f_code, frame.f_globals, entry.tb_lasti, entry.tb_lineno
    return None


def trace_points() -> dict[str, TracePoint | None]:
    """The lines of Twisted that tracebacks show where C code runs now."""
    in_await = _probe_await(fired=True)
    thrown = _probe_throw()
    twice = _probe_twice("callback")
    ended = _probe_ended(error=False)
    cancelled = _probe_cancel()
    return {
        "run_callbacks": _point(_probe_callback(), "_runCallbacks"),
        "send": _point(_probe_send(), "_inlineCallbacks"),
        "throw": _point(thrown, "_inlineCallbacks"),
        "throw_into": _point(thrown, "throwExceptionIntoGenerator"),
        "await_raise": _point(in_await, "__iter__"),
        "raise": _point(in_await, "raiseException"),
        "await_yield": _point(_probe_await(fired=False), "__iter__"),
        "callback": _point(twice, "callback"),
        "errback": _point(_probe_twice("errback"), "errback"),
        "already_called": _point(twice, "_startRunCallbacks"),
        "already_called_debug": _point(_probe_twice("callback", debug=True), "_startRunCallbacks"),
        "got_result": _point(ended, "_gotResultInlineCallbacks"),
        "callback_ended": _point(ended, "_inlineCallbacks"),
        "errback_ended": _point(_probe_ended(error=True), "_inlineCallbacks"),
        "cancel": _point(cancelled, "cancel", last=True),
        "cancel_other": _point(cancelled, "cancel"),
        "cancel_awaited": _point(cancelled, "_handleCancelInlineCallbacks"),
        "maybe_deferred": _point(_probe_maybe(), "maybeDeferred"),
    }


FAILURE_TEMPLATE = {"count": 0, "type": None, "value": None, "captureVars": False, "tb": None}


def failures_are_plain() -> bool:
    """Whether a Failure is no more than the attributes that C code would fill in."""
    value = _Probe()
    try:
        raise value
    except _Probe:
        handled = Failure()
    given = Failure(value)
    for made in (handled, given):
        expected = dict(
            FAILURE_TEMPLATE,
            count=made.count,
            type=_Probe,
            value=value,
            tb=value.__traceback__,
        )
        if list(made.__dict__.items()) != list(expected.items()):
            return False
    return made.count == failure_module.count and Failure.__new__ is BaseException.__new__


def imports(trace: dict[str, TracePoint | None]) -> dict[str, Any]:
    """Everything of Twisted that C code uses, by the name it has there."""
    return {
        "failure_type": Failure,
        "failure_globals": vars(failure_module),
        "failure_init": Failure.__init__,
        "failure_throw": Failure.throwExceptionIntoGenerator,
        "failure_raise": Failure.raiseException,
        "failure_template": FAILURE_TEMPLATE,
        "debug_info_type": stock.DebugInfo,
        "already_called_error": stock.AlreadyCalledError,
        "cancelled_error": stock.CancelledError,
        "not_a_coroutine_error": stock.NotACoroutineError,
        "first_error": stock.FirstError,
        "internal_cancelled": stock._InternalInlineCallbacksCancelledError,
        "returned": stock._DefGen_Return,
        "no_result": stock._NO_RESULT,
        "continuation": stock._CONTINUE,
        "no_keywords": stock._NONE_KWARGS,
        "passthru": stock.passthru,
        "failthru": stock._failthru,
        "warn_about_function": stock.warnAboutFunction,
        "subclasses": stock._DEFERRED_SUBCLASSES,
        "stock_deferred": StockDeferred,
        "stock_deferred_list": StockDeferredList,
        "stock_gather": stock.gatherResults,
        "stock_parse": stock._parseDeferredListResult,
        "stock_collector": vars(StockDeferredList)["_cbDeferred"],
        "call_with": call_with,
        "call_visibly": _visible_call(trace["run_callbacks"]),
        "misplaced_return": misplaced_return,
        "is_coroutine": is_coroutine,
        "globals": vars(stock),
        "internals": {name: vars(stock)[name] for name in INTERNALS if name in vars(stock)},
        "stock_drive": stock._cancellableInlineCallbacks,
        "format_stack": traceback.format_stack,
        "cancel_all": cancel_all,
    }


#: What stock keeps in an instance's __dict__, and what is there when it is not.
_STATE = {
    "called": False,
    "paused": 0,
    "_suppressAlreadyCalled": False,
    "_runningCallbacks": False,
    "_chainedTo": None,
    "_debugInfo": None,
}
_LIST_STATE = (
    "_deferredList",
    "resultList",
    "fireOnOneCallback",
    "fireOnOneErrback",
    "consumeErrors",
    "finishedCount",
)


def _getstate(self: Any) -> dict[str, Any]:
    """What stock's instance would have in its __dict__."""
    state = {"_callbacks": self._callbacks, "_canceller": self._canceller}
    for name, default in _STATE.items():
        value = getattr(self, name)
        if value != default:
            state[name] = value
    if hasattr(self, "result"):
        state["result"] = self.result
    if isinstance(self, _core.DeferredList):
        state.update((name, getattr(self, name)) for name in _LIST_STATE)
    state.update(self.__dict__)
    return state


def _setstate(self: Any, state: dict[str, Any]) -> None:
    """Take over the __dict__ of an instance, of stock's class or of this one."""
    for name, value in state.items():
        setattr(self, name, value)


def _reduce_ex(self: Any, protocol: int) -> tuple[Any, ...]:
    """Copy and pickle by the attributes that stock's instances have."""
    new: Any = vars(copyreg)["__newobj__"]
    return new, (type(self),), self.__getstate__()


def _dir(self: Any) -> list[str]:
    """The names that stock's instance has: ``result`` is not there before there is one."""
    names = object.__dir__(self)
    return [name for name in names if name != "result" or hasattr(self, "result")]


def set_up() -> None:
    """Connect the C classes with Twisted."""
    for name in BORROWED_METHODS:
        if name in vars(StockDeferred):
            setattr(_core.Deferred, name, vars(StockDeferred)[name])
    if "callbacks" not in vars(StockDeferred):
        _core.Deferred.callbacks = vars(_core.Deferred)["_callbacks"]
    # For whom the C code cannot tell results natively: a Python function, with a __code__.
    _core.DeferredList._cbDeferred = vars(StockDeferredList)["_cbDeferred"]
    for function in (_getstate, _setstate):
        setattr(_core.Deferred, f"__{function.__name__[1:]}__", function)
    _core.Deferred.__reduce_ex__ = _reduce_ex
    _core.Deferred.__dir__ = _dir
    stand_in(_core.Deferred, StockDeferred)
    stand_in(_core.DeferredList, StockDeferredList)
    from_coroutine = _core.StandIn(
        vars(_core.Deferred)["fromCoroutine"], StockDeferred.fromCoroutine.__func__
    )
    _core.Deferred.fromCoroutine = classmethod(from_coroutine)
    # Stock code must take ours for Deferreds, in both of its ways to ask.
    StockDeferred.register(_core.Deferred)
    StockDeferredList.register(_core.DeferredList)
    for cls in (_core.Deferred, _core.DeferredList):
        if cls not in stock._DEFERRED_SUBCLASSES:
            stock._DEFERRED_SUBCLASSES.append(cls)
    trace = trace_points()
    _core._setup_deferred(imports(trace), trace, failures_are_plain())


set_up()
