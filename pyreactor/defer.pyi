"""Types of ``pyreactor.defer``: those of ``twisted.internet.defer`` with our classes."""

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import FAILURE as FAILURE
from twisted.internet.defer import SUCCESS as SUCCESS
from twisted.internet.defer import AlreadyCalledError as AlreadyCalledError
from twisted.internet.defer import AlreadyTryingToLockError as AlreadyTryingToLockError
from twisted.internet.defer import CancelledError as CancelledError
from twisted.internet.defer import DebugInfo as DebugInfo
from twisted.internet.defer import DeferredFilesystemLock as DeferredFilesystemLock
from twisted.internet.defer import DeferredLock as DeferredLock
from twisted.internet.defer import DeferredQueue as DeferredQueue
from twisted.internet.defer import DeferredSemaphore as DeferredSemaphore
from twisted.internet.defer import FailureGroup as FailureGroup
from twisted.internet.defer import FirstError as FirstError
from twisted.internet.defer import NotACoroutineError as NotACoroutineError
from twisted.internet.defer import QueueOverflow as QueueOverflow
from twisted.internet.defer import QueueUnderflow as QueueUnderflow
from twisted.internet.defer import TimeoutError as TimeoutError
from twisted.internet.defer import logError as logError
from twisted.internet.defer import passthru as passthru
from twisted.internet.defer import returnValue as returnValue
from twisted.internet.defer import timeout as timeout
from twisted.python.failure import Failure as Failure

from pyreactor._core import Deferred as Deferred
from pyreactor._core import DeferredList as DeferredList
from pyreactor._core import _cancellableInlineCallbacks as _cancellableInlineCallbacks
from pyreactor._core import ensureDeferred as ensureDeferred
from pyreactor._core import maybeDeferred as maybeDeferred
from pyreactor._core import succeed as succeed

_T = TypeVar("_T")
_P = ParamSpec("_P")

def inlineCallbacks(
    f: Callable[_P, Generator[Any, Any, _T]],
) -> Callable[_P, Deferred[_T]]: ...
def fail(result: Failure | BaseException | None = None) -> Deferred[Any]: ...
def gatherResults(
    deferredList: Iterable[Deferred[_T]], consumeErrors: bool = False
) -> Deferred[list[_T]]: ...
def execute(callable: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Deferred[_T]: ...
def race(ds: Sequence[Deferred[_T]]) -> Deferred[tuple[int, _T]]: ...
def setDebugging(on: bool) -> None: ...
def getDebugging() -> bool: ...

__all__ = [
    "FAILURE",
    "SUCCESS",
    "AlreadyCalledError",
    "AlreadyTryingToLockError",
    "CancelledError",
    "Deferred",
    "DeferredFilesystemLock",
    "DeferredList",
    "DeferredLock",
    "DeferredQueue",
    "DeferredSemaphore",
    "TimeoutError",
    "ensureDeferred",
    "fail",
    "gatherResults",
    "inlineCallbacks",
    "maybeDeferred",
    "returnValue",
    "succeed",
]
