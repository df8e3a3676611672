"""
``twisted.internet.defer`` with the C ``Deferred``.

Everything that module exports is here under the same name.  Programs need not import this:
with pyreactor activated, ``twisted.internet.defer`` itself holds these classes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import FunctionType, GeneratorType
from typing import Any

from pyreactor import _core
from pyreactor._deferred.setup import namespace as _namespace
from pyreactor._deferred.setup import rebound
from pyreactor._deferred.setup import stock as _stock

Deferred = _core.Deferred
DeferredList = _core.DeferredList
succeed = _core.succeed
fail = _core.fail
maybeDeferred = _core.maybeDeferred
ensureDeferred = _core.ensureDeferred
gatherResults: Any = _namespace["gatherResults"]
_cancellableInlineCallbacks = _core._cancellableInlineCallbacks
_parseDeferredListResult = _core._parseDeferredListResult

AlreadyCalledError = _stock.AlreadyCalledError
AlreadyTryingToLockError = _stock.AlreadyTryingToLockError
CancelledError = _stock.CancelledError
DebugInfo = _stock.DebugInfo
Failure = _stock.Failure
FAILURE = _stock.FAILURE
FailureGroup = _stock.FailureGroup
FirstError = _stock.FirstError
NotACoroutineError = _stock.NotACoroutineError
QueueOverflow = _stock.QueueOverflow
QueueUnderflow = _stock.QueueUnderflow
SUCCESS = _stock.SUCCESS
TimeoutError = _stock.TimeoutError
_DefGen_Return = _stock._DefGen_Return
logError = _stock.logError
passthru = _stock.passthru
returnValue = _stock.returnValue


def inlineCallbacks(f: Callable[..., Any]) -> Callable[..., Any]:
    """
    Turn a generator function into a function that returns a Deferred.

    Mirrors ``twisted.internet.defer.inlineCallbacks``.
    """

    @wraps(f)
    def unwindGenerator(*args: Any, **kwargs: Any) -> Any:
        try:
            gen = f(*args, **kwargs)
        except _DefGen_Return:
            raise TypeError(  # noqa: B904
                f"inlineCallbacks requires {f!r} to produce a generator; instead"
                "caught returnValue being used in a non-generator"
            )
        if not isinstance(gen, GeneratorType):
            raise TypeError(
                f"inlineCallbacks requires {f!r} to produce a generator; instead got {gen!r}"
            )
        return _cancellableInlineCallbacks(gen)

    return unwindGenerator


def setDebugging(on: bool) -> None:
    """Switch on or off that Deferreds remember where they were made and fired."""
    Deferred.debug = bool(on)


def getDebugging() -> bool:
    """Whether Deferreds remember where they were made and fired."""
    return Deferred.debug


def _rebound_class(cls: type) -> Any:
    """A subclass of one of stock's classes whose methods are rebound."""
    members: dict[str, Any] = {"__module__": __name__, "__doc__": cls.__doc__}
    for base in reversed(cls.__mro__):
        if base.__module__ == _stock.__name__:
            members.update(
                (name, rebound(member))
                for name, member in vars(base).items()
                if isinstance(member, FunctionType)
            )
    return type(cls)(cls.__name__, (cls,), members)


# Stock's functions look names up here first, then among stock's own.
_namespace["__name__"] = __name__
_namespace.update((name, value) for name, value in globals().items() if not name.startswith("__"))

execute: Any = rebound(_stock.execute)
race: Any = rebound(_stock.race)
timeout: Any = _stock.timeout
DeferredFilesystemLock: Any = _rebound_class(_stock.DeferredFilesystemLock)
DeferredLock: Any = _rebound_class(_stock.DeferredLock)
DeferredQueue: Any = _rebound_class(_stock.DeferredQueue)
DeferredSemaphore: Any = _rebound_class(_stock.DeferredSemaphore)
_namespace.update(
    DeferredLock=_stock.DeferredLock,
    DeferredSemaphore=_stock.DeferredSemaphore,
    DeferredQueue=_stock.DeferredQueue,
    DeferredFilesystemLock=_stock.DeferredFilesystemLock,
)

__all__ = _stock.__all__
