"""Types of the C extension, one section per concept."""

from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from twisted.python.failure import Failure

# --- Deferred --------------------------------------------------------------------------------

_T = TypeVar("_T")
_U = TypeVar("_U")
_P = ParamSpec("_P")

class DeferredMeta(type):
    def register(cls, subclass: type) -> type: ...

class Deferred(Generic[_T], metaclass=DeferredMeta):
    called: bool
    paused: int
    debug: bool
    result: Any
    _callbacks: list[Any]
    _canceller: Callable[[Deferred[Any]], object] | None
    _chainedTo: Deferred[Any] | None
    _debugInfo: Any
    _runningCallbacks: bool
    _suppressAlreadyCalled: bool
    def __init__(self, canceller: Callable[[Deferred[Any]], object] | None = None) -> None: ...
    def addCallbacks(
        self,
        callback: Callable[..., Any],
        errback: Callable[..., Any] | None = None,
        callbackArgs: tuple[Any, ...] | None = (),
        callbackKeywords: Mapping[str, Any] | None = ...,
        errbackArgs: tuple[Any, ...] | None = (),
        errbackKeywords: Mapping[str, Any] | None = ...,
    ) -> Deferred[Any]: ...
    @overload
    def addCallback(
        self,
        callback: Callable[Concatenate[_T, _P], Deferred[_U]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> Deferred[_U]: ...
    @overload
    def addCallback(
        self, callback: Callable[Concatenate[_T, _P], _U], *args: _P.args, **kwargs: _P.kwargs
    ) -> Deferred[_U]: ...
    def addErrback(
        self,
        errback: Callable[Concatenate[Failure, _P], _U],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> Deferred[Any]: ...
    def addBoth(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]: ...
    def addTimeout(
        self,
        timeout: float,
        clock: Any,
        onTimeoutCancel: Callable[[Any, float], Any] | None = None,
    ) -> Deferred[Any]: ...
    def chainDeferred(self, d: Deferred[_T]) -> Deferred[None]: ...
    def callback(self, result: _T | Failure) -> None: ...
    def errback(self, fail: Failure | BaseException | None = None) -> None: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...
    def cancel(self) -> None: ...
    def asFuture(self, loop: Any) -> Any: ...
    @classmethod
    def fromFuture(cls, future: Awaitable[_U]) -> Deferred[_U]: ...
    @classmethod
    def fromCoroutine(
        cls, coro: Coroutine[Any, Any, _U] | Generator[Any, Any, _U]
    ) -> Deferred[_U]: ...
    def __iter__(self) -> Generator[Deferred[_T], None, _T]: ...
    def __await__(self) -> Generator[Deferred[_T], None, _T]: ...
    def __getattr__(self, name: str) -> Any: ...
    def __setattr__(self, name: str, value: Any) -> None: ...

class DeferredList(Deferred[Any]):
    fireOnOneCallback: bool
    fireOnOneErrback: bool
    consumeErrors: bool
    finishedCount: int
    resultList: list[Any]
    _deferredList: list[Deferred[Any]]
    def __init__(
        self,
        deferredList: Iterable[Deferred[Any]],
        fireOnOneCallback: bool = False,
        fireOnOneErrback: bool = False,
        consumeErrors: bool = False,
    ) -> None: ...

class DeferredAwaiter: ...
class GeneratorDriver: ...

def succeed(result: _T) -> Deferred[_T]: ...
def fail(result: Failure | BaseException | None = None) -> Deferred[Any]: ...
def maybeDeferred(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]: ...
def ensureDeferred(
    coro: Coroutine[Any, Any, _T] | Generator[Any, Any, _T] | Deferred[_T],
) -> Deferred[_T]: ...
def gatherResults(
    deferredList: Iterable[Deferred[_T]], consumeErrors: bool = False
) -> Deferred[list[_T]]: ...
def _parseDeferredListResult(resultList: list[tuple[bool, _T]]) -> list[_T]: ...
def _cancellableInlineCallbacks(
    gen: Coroutine[Any, Any, _T] | Generator[Any, Any, _T],
) -> Deferred[_T]: ...
def _setup_deferred(imports: dict[str, Any], trace: dict[str, Any], fast_failure: bool) -> None: ...
