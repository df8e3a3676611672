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
from collections.abc import Callable
from types import FunctionType, TracebackType
from typing import Any

from twisted.internet import defer as stock_module
from twisted.python import failure as failure_module

from pyreactor import _core as core_module
from pyreactor._deferred.declared import BEGINNING, fields, is_value, settle
from pyreactor._deferred.links import append_links
from pyreactor._deferred.trace import entries, trace_points
from pyreactor._standin import stand_in

# Attributes are read and set here that the types do not tell of.
stock: Any = stock_module
Failure: Any = failure_module.Failure
_core: Any = core_module

StockDeferred = stock.Deferred
StockDeferredList = stock.DeferredList

#: Stock's methods in Python that do their work through other methods.
BORROWED_METHODS = (
    "addTimeout",
    "asFuture",
    "fromFuture",
    "callbacks",
    "_continuation",
    "_startRunCallbacks",
    "__parameters__",
    "__init_subclass__",
)
BORROWED_LIST_METHODS = ("_cbDeferred", "cancel")

#: What drives a generator in stock; where a program replaces one, stock's code drives it.
#: Those that cancel it are called by name anyway.
INTERNALS = (
    "_inlineCallbacks",
    "_gotResultInlineCallbacks",
    "_CancellationStatus",
    "_copy_context",
)

internals = {name: vars(stock)[name] for name in INTERNALS if name in vars(stock)}

#: What C code uses as it was at set-up, whatever a program puts under these names.
USED_AS_THEY_WERE = {
    name: vars(stock)[name] for name in ("DebugInfo", "Failure", "passthru") if name in vars(stock)
}


def call_with(
    callback: Callable[..., Any], result: Any, args: Any, keywords: Any = stock._NONE_KWARGS
) -> Any:
    """
    Call a callback whose arguments are not simply a tuple and a dict.

    :param result: the first argument.
    :param args: more of them, any iterable.
    :param keywords: any mapping.
    :raise TypeError: they are no such things; in the words of the interpreter.
    """
    return callback(result, *args, **keywords)


def is_coroutine(value: object) -> bool:
    """Whether Twisted would drive this object."""
    return iscoroutine(value) or inspect.isgenerator(value)


def returned_value(exc: Any, thrown: bool) -> Any:
    """
    What ``returnValue`` was given; warn if it was not called by the very generator that it ended.

    The traceback starts at that generator.  Two frames belong to ``returnValue`` (it is
    wrapped by its deprecation), so more than these mean that another function called it.
    """
    shown = list(entries(exc.__traceback__))
    if thrown and shown[0].tb_frame.f_code.co_name == "throwExceptionIntoGenerator":
        del shown[0]
    caller = len(shown) - 3
    if caller > 0:
        _warn_of_return(shown[caller], shown[0])
    return exc.value


def _warn_of_return(culprit: TracebackType, ended: TracebackType) -> None:
    warnings.warn_explicit(
        f"returnValue() in {culprit.tb_frame.f_code.co_name!r} causing "
        f"{ended.tb_frame.f_code.co_name!r} to exit: returnValue should only be "
        "invoked by functions decorated with inlineCallbacks",
        DeprecationWarning,
        culprit.tb_frame.f_code.co_filename,
        culprit.tb_lineno,
    )


FAILURE_TEMPLATE = {"count": 0, "type": None, "value": None, "captureVars": False, "tb": None}


def failures_are_plain() -> bool:
    """Whether a Failure is no more than the attributes that C code would fill in."""
    value = ValueError()
    try:
        raise value
    except ValueError:
        handled = Failure()
    given = Failure(value)
    for made in (handled, given):
        expected = dict(
            FAILURE_TEMPLATE,
            count=made.count,
            type=ValueError,
            value=value,
            tb=value.__traceback__,
        )
        if list(made.__dict__.items()) != list(expected.items()):
            return False
    return made.count == failure_module.count and Failure.__new__ is BaseException.__new__


#: Stock's functions look names up here: in its module, but for the classes and what C has.
namespace: dict[str, Any] = {
    **vars(stock),
    "Deferred": _core.Deferred,
    "DeferredList": _core.DeferredList,
}
#: Functions of C's, which are there once it was given what it uses.
FUNCTIONS = (
    "succeed",
    "fail",
    "maybeDeferred",
    "ensureDeferred",
    "_cancellableInlineCallbacks",
    "_parseDeferredListResult",
)


def rebound(function: Any, names: dict[str, Any] = namespace) -> Any:
    """A copy of one of stock's functions that finds its global names in a dict."""
    copy = FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__doc__ = function.__doc__
    copy.__qualname__ = function.__qualname__
    return copy


for _name in (
    "gatherResults",
    "_addCancelCallbackToDeferred",
    "_handleCancelInlineCallbacks",
):
    namespace[_name] = rebound(vars(stock)[_name])


def note_creator(deferred: Any) -> None:
    """Debug mode: remember where it is made."""
    deferred._debugInfo = stock.DebugInfo()
    deferred._debugInfo.creator = traceback.format_stack()[:-1]


def warn_about_own(callback: Any) -> None:
    """A callback returned the Deferred that it was attached to."""
    stock.warnAboutFunction(
        getattr(callback, "_cbDeferred", callback),
        "Callback returned the Deferred it was attached to; this breaks the "
        "callback chain and will raise an exception in the future.",
    )


def wait_for_stock(current: Any, other: Any) -> None:
    """Have a Deferred wait for another, of which C code does not know enough."""
    current.pause()
    current._chainedTo = other
    other._callbacks.append(current._continuation())


def steal_from_stock(other: Any) -> tuple[Any, ...]:
    """The result of a Deferred of another kind, which it has no more; empty: none yet."""
    result = getattr(other, "result", stock._NO_RESULT)
    if result is stock._NO_RESULT or type(result) in stock._DEFERRED_SUBCLASSES or other.paused:
        return ()
    other.result = None
    if other._debugInfo is not None:
        other._debugInfo.failResult = None
    return (result,)


def continue_stock(waiting: Any, result: Any) -> None:
    """Give a result to a Deferred of another kind that waits for it."""
    waiting.result = result
    waiting.paused -= 1
    waiting._runCallbacks()


def attach(collector: Any, deferred: Any, index: int) -> None:
    """Have a DeferredList be told of a result, by the names of the methods."""
    deferred.addCallbacks(
        collector._cbDeferred,
        collector._cbDeferred,
        callbackArgs=(index, stock.SUCCESS),
        errbackArgs=(index, stock.FAILURE),
    )


def cancel_generator(deferred: Any, driver: Any) -> None:
    """The canceller of a generator's Deferred; the driver knows what it waits for."""
    here = vars(stock) if stock.Deferred is _core.Deferred else namespace
    here["_addCancelCallbackToDeferred"](deferred, driver)


def generator_at(started: bool, finished: bool) -> Any:
    """Stock's generator that waits for a Deferred, in a given state."""
    generator = StockDeferred.__iter__(StockDeferred())
    if started or finished:
        next(generator)
    if finished:
        generator.close()
    return generator


def given() -> dict[str, Any]:
    """What C code uses, by the names that it has there."""
    methods = vars(StockDeferred)
    return {
        "failure_type": Failure,
        "failure_globals": vars(failure_module),
        "failure_init": Failure.__init__ if failures_are_plain() else None,
        "failure_template": FAILURE_TEMPLATE,
        "debug_info_type": stock.DebugInfo,
        "not_a_coroutine_error": stock.NotACoroutineError,
        "returned": stock._DefGen_Return,
        "no_keywords": stock._NONE_KWARGS,
        "passthru": stock.passthru,
        "failthru": stock._failthru,
        "stock_deferred": StockDeferred,
        "stock_init": methods["__init__"],
        "stock_callback": methods["callback"],
        "stock_errback": methods["errback"],
        "stock_run": methods["_runCallbacks"],
        "stock_cancel": methods["cancel"],
        "stock_chain": methods["chainDeferred"],
        "stock_str": methods["__str__"],
        "stock_iter": methods["__iter__"],
        "stock_list_init": rebound(vars(StockDeferredList)["__init__"]),
        "stock_collect": vars(StockDeferredList)["_cbDeferred"],
        "stock_parse": stock._parseDeferredListResult,
        "stock_drive": stock._cancellableInlineCallbacks,
        "stock_succeed": rebound(stock.succeed),
        "stock_fail": rebound(stock.fail),
        "stock_maybe": rebound(stock.maybeDeferred),
        "stock_ensure": rebound(stock.ensureDeferred),
        "note_creator": note_creator,
        "settle": settle,
        "warn_about_own": warn_about_own,
        "wait_for_stock": wait_for_stock,
        "steal_from_stock": steal_from_stock,
        "continue_stock": continue_stock,
        "append_links": append_links,
        "attach": attach,
        "call_with": call_with,
        "returned_value": returned_value,
        "is_coroutine": is_coroutine,
        "cancel_generator": cancel_generator,
        "generator_at": generator_at,
        "module_globals": vars(stock),
        "fields": {**fields(_core.Deferred), **fields(_core.DeferredList)},
        "internals": internals,
    }


_LIST_STATE = (
    "_deferredList",
    "resultList",
    "fireOnOneCallback",
    "fireOnOneErrback",
    "consumeErrors",
    "finishedCount",
)


def _slots(self: Any) -> dict[str, Any]:
    """What a subclass has declared as ``__slots__``, as far as it is there."""
    cls = type(self)
    if cls in (_core.Deferred, _core.DeferredList):
        return {}
    names = vars(copyreg)["_slotnames"](cls)
    return {name: getattr(self, name) for name in names if hasattr(self, name)}


def _getstate(self: Any) -> Any:
    """What stock's instance would have in its __dict__; in a pair with the slots, if it has any."""
    state = {"_callbacks": self._callbacks, "_canceller": self._canceller}
    for name, default in BEGINNING.items():
        value, found = getattr(self, name), getattr(type(self), name)
        if value != (found if is_value(found) else default):
            state[name] = value
    if hasattr(self, "result"):
        state["result"] = self.result
    if isinstance(self, _core.DeferredList):
        state.update((name, getattr(self, name)) for name in _LIST_STATE)
    state.update(self.__dict__)
    slots = _slots(self)
    return (state, slots) if slots else state


def _setstate(self: Any, state: Any) -> None:
    """Take over the __dict__ and slots of an instance, of stock's class or of this one."""
    for attributes in state if isinstance(state, tuple) else (state,):
        for name, value in (attributes or {}).items():
            setattr(self, name, value)


def _reduce_ex(self: Any, protocol: int) -> Any:
    """Copy and pickle by the attributes of stock's instances, as the newer protocols do."""
    return object.__reduce_ex__(self, max(protocol, 2))


def _dir(self: Any) -> list[str]:
    """The names that stock's instance has: ``result`` is not there before there is one."""
    names = object.__dir__(self)
    return [name for name in names if name != "result" or hasattr(self, "result")]


def _subclasshook(own: type, stocks: type) -> Any:
    """Have stock's class, and what derives from it, be subclasses of the C one to ABCMeta."""

    def __subclasshook__(cls: type, other: type) -> Any:
        return (cls is own and stocks in other.__mro__) or NotImplemented

    return classmethod(__subclasshook__)


#: The C classes as they were at set-up
_pristine: dict[type, dict[str, Any]] = {}
#: What of them changes nothing of what C code does
_HARMLESS = {"debug", "__doc__", "__module__"}


def replaced() -> list[str]:
    """What a program has replaced in the classes, or of what drives generators: its names."""
    found = []
    for cls, before in _pristine.items():
        now = vars(cls)
        names = sorted((before.keys() | now.keys()) - _HARMLESS)
        changed = [name for name in names if now.get(name, now) is not before.get(name, now)]
        found += [f"{cls.__name__}.{name}" for name in changed]
    return found + [name for name in internals if vars(stock).get(name) is not internals[name]]


def set_up() -> None:
    """Connect the C classes with Twisted."""
    for name in BORROWED_METHODS:
        if name in vars(StockDeferred):
            setattr(_core.Deferred, name, vars(StockDeferred)[name])
    if "callbacks" not in vars(StockDeferred):
        _core.Deferred.callbacks = vars(_core.Deferred)["_callbacks"]
    for name in BORROWED_LIST_METHODS:
        setattr(_core.DeferredList, name, vars(StockDeferredList)[name])
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
    # Stock code must take the C ones for Deferreds, in both of its ways to ask.
    StockDeferred.register(_core.Deferred)
    StockDeferredList.register(_core.DeferredList)
    _core.Deferred.__subclasshook__ = _subclasshook(_core.Deferred, StockDeferred)
    _core.DeferredList.__subclasshook__ = _subclasshook(_core.DeferredList, StockDeferredList)
    for cls in (_core.Deferred, _core.DeferredList):
        if cls not in stock._DEFERRED_SUBCLASSES:
            stock._DEFERRED_SUBCLASSES.append(cls)
    _core.configure("deferred", **given(), **trace_points())
    namespace.update((name, getattr(_core, name)) for name in FUNCTIONS)
    _pristine.update((cls, dict(vars(cls))) for cls in (_core.Deferred, _core.DeferredList))


set_up()
