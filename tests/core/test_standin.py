"""StandIn, the type of the C methods that programs take for Twisted's Python functions.

What programs see is compared with stock's in tests/programs/methods.py; here is the rest.
"""

from __future__ import annotations

import gc
import inspect
import sys
import weakref
from types import FunctionType
from typing import Any
from unittest import mock

import pytest
from twisted.internet import base, tcp

from pyreactor import _core, defer
from pyreactor._deferred.setup import StockDeferred
from pyreactor._standin import stand_in
from pyreactor._transport import tcp as _tcp
from tests.loop.test_reactor import reactor

__all__ = ["reactor"]  # a fixture


def one(self: Any, data: Any) -> str:
    """Stand for a method of one argument."""
    return f"stock {data}"


def optional(self: Any, data: Any = "default", more: Any = None) -> None: ...


def any_number(self: Any, data: Any, *args: Any, **kwargs: Any) -> None: ...


def keyword_only(self: Any, *, data: Any) -> None: ...


def positional_only(self: Any, data: Any, /) -> None: ...


def static() -> None: ...


class Deferred(defer.Deferred[Any]):
    """A class of the program's own."""


METHODS: Any = vars(defer.Deferred)
CALLBACK, ADD_CALLBACK = METHODS["callback"].method, METHODS["addCallback"].method


@pytest.mark.parametrize(
    ("method", "stock"),
    [
        (CALLBACK, optional),
        (CALLBACK, any_number),
        (CALLBACK, static),
        (CALLBACK, keyword_only),
        (CALLBACK, positional_only),
        (CALLBACK, len),
        (CALLBACK, METHODS["callback"]),
        (METHODS["cancel"].method, one),
        (METHODS["callback"], one),
        (len, one),
        (one, one),
        (None, one),
        (str.join, optional),
    ],
)
def test_what_cannot_stand_in(method: Any, stock: Any) -> None:
    with pytest.raises(TypeError):
        _core.StandIn(method, stock)


@pytest.mark.parametrize("through", [1, METHODS["called"], b"_loop"])
def test_no_way_to_the_object(through: object) -> None:
    with pytest.raises(TypeError, match="no way"):
        _core.StandIn(CALLBACK, one, through)


def test_another_object_is_left_to_the_function() -> None:
    method = _core.StandIn(CALLBACK, one)
    assert method(5, "argument") == "stock argument"
    assert method(None, data="argument") == "stock argument"
    assert method(StockDeferred(), 1) == "stock 1"
    deferred = Deferred()
    assert method(deferred, "argument") is None
    assert deferred.result == "argument"
    for wrong in ((), (deferred,), (deferred, 1, 2), (5,)):
        with pytest.raises(TypeError, match=r"^one\(\) "):
            method(*wrong)
    with pytest.raises(TypeError, match=r"^one\(\) got multiple values for argument 'self'"):
        method(deferred, 1, self=2)


def test_methods_of_strings_stand_in_as_well() -> None:
    method = _core.StandIn(str.join, one)
    assert method("-", ["a", "b"]) == "a-b"
    assert method("-", data=["a", "b"]) == "a-b"
    assert method(self="-", data=["a", "b"]) == "a-b"
    assert method(b"-", ["a"]) == "stock ['a']"


def test_a_patched_class_and_a_patched_instance_are_obeyed() -> None:
    deferred = defer.Deferred[Any]()
    with mock.patch.object(defer.Deferred, "callback", lambda self, result: result * 2):
        assert deferred.callback(3) == 6
    assert vars(defer.Deferred)["callback"] is METHODS["callback"]
    deferred.callback = lambda result: result * 3  # type: ignore[method-assign]
    assert deferred.callback(3) == 9
    del deferred.callback
    deferred.callback(3)
    assert deferred.result == 3


def test_attributes_are_the_functions() -> None:
    method: Any = _core.StandIn(CALLBACK, one)
    method.marked = 1
    assert one.marked == 1  # type: ignore[attr-defined]
    del method.marked
    assert not hasattr(one, "marked")
    assert method.__doc__ == one.__doc__
    assert dir(method) == dir(one)
    assert method.__class__ is FunctionType
    assert method.__wrapped__ is one
    with pytest.raises(AttributeError, match="'function' object has no attribute 'missing'"):
        method.missing  # noqa: B018
    with pytest.raises(TypeError, match="attribute name must be string, not 'int'"):
        method.__getattribute__(5)


HAVE_VECTORCALL, METHOD_DESCRIPTOR = 1 << 11, 1 << 17  # Py_TPFLAGS_


def test_it_is_called_as_a_function_is() -> None:
    """Without a bound method, and without a tuple for the arguments."""
    assert _core.StandIn.__flags__ & HAVE_VECTORCALL
    assert _core.StandIn.__flags__ & METHOD_DESCRIPTOR
    assert "__get__" in vars(_core.StandIn), "a debug build of Python wants it beside that flag"


def test_it_is_collected_with_its_class() -> None:
    class Owner(str):
        owner: Any

        def join(self, data: Any) -> str:
            return str(self.owner)

    Owner.owner = Owner
    Owner.join = _core.StandIn(str.join, Owner.join)  # type: ignore[method-assign, assignment]
    assert Owner("-").join("ab") == "a-b"
    assert Owner("-").join(data="ab") == "a-b"
    method = weakref.ref(vars(Owner)["join"])
    owner = weakref.ref(Owner)
    assert method() is not None
    del Owner
    gc.collect()
    assert owner() is None
    assert method() is None


def test_calls_leave_no_references() -> None:
    def use(times: int) -> None:
        for _ in range(times):
            deferred = defer.Deferred[Any]()
            deferred.addCallbacks(callback=str, errback=repr, callbackKeywords=None)
            deferred.addCallback(callback=str)
            deferred.callback(result="result")
            for wrong in ({"nonsense": 1}, {"result": 1, "nonsense": 1}, {}):
                with pytest.raises(TypeError):
                    deferred.callback(**wrong)

    use(10)
    gc.collect()
    before = sys.getrefcount(None), sys.getrefcount(METHODS["callback"]), len(gc.get_objects())
    use(1000)
    gc.collect()
    after = sys.getrefcount(None), sys.getrefcount(METHODS["callback"]), len(gc.get_objects())
    assert all(now - then < 100 for then, now in zip(before, after, strict=True))


def test_recursion_ends_in_an_error() -> None:
    """Methods that call each other from C alone."""
    method: Any = None

    class Endless(str):
        def __iter__(self) -> Any:
            return method(self, self)

    method = _core.StandIn(str.join, one)
    with pytest.raises(RecursionError):
        method("", Endless("a"))


def test_a_reactor_of_another_class(reactor: Any) -> None:
    method = inspect.getattr_static(type(reactor), "wakeUp")
    other = mock.Mock(spec=["waker"])
    method(other)
    assert other.waker.wakeUp.called, "the function's work"
    own = type(reactor)
    reactor.__class__ = base.ReactorBase
    call = reactor.callLater(60, print)
    reactor.__class__ = own
    assert call in reactor.getDelayedCalls()
    call.cancel()


def test_what_is_called_often_is_bound_once(reactor: Any) -> None:
    for name in ("callLater", "callFromThread"):
        assert getattr(reactor, name) is getattr(reactor, name)
        assert getattr(reactor, name).__func__ is inspect.getattr_static(type(reactor), name)


def test_each_reactor_calls_its_own_loop(reactor: Any) -> None:
    """Also when another one was made first, or has been where this one is."""
    for _ in range(3):
        others = [type(reactor)() for _ in range(3)]
        calls = [each.callLater(60, print) for each in (reactor, *others)]
        for each, call in zip((reactor, *others), calls, strict=True):
            assert each.getDelayedCalls() == [call]
            call.cancel()
        gone = [weakref.ref(each) for each in others]
        del each, others, calls, call
        gc.collect()
        assert [each() for each in gone] == [None] * 3


def test_a_reactor_with_methods_of_its_own(reactor: Any) -> None:
    class Own(type(reactor)):  # type: ignore[misc]
        def callLater(self, delay: float, *args: Any, **kw: Any) -> Any:
            return super().callLater(delay + 100, *args, **kw)

    own = Own()
    call = own.callLater(0, print)
    assert call.getTime() - own.seconds() > 50
    call.cancel()


def test_only_what_stands_for_a_function_is_replaced() -> None:
    connection: Any = vars(_tcp.Connection)
    assert type(connection["write"]) is _core.StandIn
    assert connection["write"].method is _core.StreamConnection.write
    assert "_writePlain" not in connection
    assert "write" not in vars(_tcp.Server), "it has Connection's"
    assert stand_in(_tcp.Server) is _tcp.Server
    assert "write" not in vars(_tcp.Server)
    assert connection["doRead"].__wrapped__ is tcp.Connection.doRead
    call: Any = vars(_core.DelayedCall)
    assert call["cancel"].__wrapped__ is vars(base.DelayedCall)["cancel"]
