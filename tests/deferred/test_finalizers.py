"""Code that a garbage collection runs in the middle of a Deferred's methods."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import AlreadyCalledError
from twisted.python.failure import Failure

from pyreactor import defer
from pyreactor.defer import Deferred
from tests.collections_at import finalizer_at_allocation

allocations = pytest.mark.parametrize("number", range(8))


def six(out: list[Any]) -> Any:
    """A Deferred with as many callbacks, which tell their number."""
    waiting: Any = Deferred()
    for number in range(6):
        waiting.addCallback(lambda _, which=number: out.append(which))
    return waiting


def test_callbacks_whose_list_cannot_be_made_wait_on() -> None:
    """Where there is no room for further calls, reading them is an error, and loses nothing."""
    out: list[Any] = []
    waiting = six(out)
    asked: list[object] = []

    def deep() -> None:
        try:
            deep()
        except RecursionError:
            if not asked:
                asked.append(None)
                try:
                    asked.append(waiting._callbacks)
                except RecursionError as error:
                    asked.append(error)

    deep()
    waiting.callback(None)
    assert out == list(range(6))


@allocations
def test_a_callback_that_is_added_while_they_are_listed_comes_last(number: int) -> None:
    out: list[Any] = []
    waiting = six(out)
    with finalizer_at_allocation(number, lambda: waiting.addCallback(lambda _: out.append("last"))):
        waiting._callbacks  # noqa: B018
    assert len(waiting._callbacks) == 7
    waiting.callback(None)
    assert out == [*range(6), "last"]


@allocations
def test_a_deferred_that_is_fired_while_its_callbacks_are_listed(number: int) -> None:
    out: list[Any] = []
    waiting = six(out)
    with finalizer_at_allocation(number, lambda: waiting.callback(None)):
        waiting._callbacks  # noqa: B018
    assert out == list(range(6))
    assert waiting._callbacks == []


@allocations
def test_results_that_are_replaced_while_they_are_taken_apart(number: int) -> None:
    results: list[Any] = [(True, number) for number in range(50)]

    def replace() -> None:
        results[:] = [5] * 50

    with finalizer_at_allocation(number, replace):
        try:
            taken = defer._parseDeferredListResult(results)
        except TypeError:
            return  # as stock's own code says of an int
    assert taken == list(range(50))


@allocations
def test_a_result_list_that_is_deleted_while_a_result_comes(number: int) -> None:
    deferreds: Any = [Deferred(), Deferred()]
    all_of_them: Any = defer.DeferredList(deferreds)
    errors: list[Any] = []
    deferreds[1].addErrback(lambda failure: errors.append(failure.type))

    def delete() -> None:
        del all_of_them.resultList

    with finalizer_at_allocation(number, delete):
        deferreds[1].callback(1)
    assert errors in ([], [AttributeError])


@pytest.mark.parametrize("when", range(1, 8))
def test_callbacks_that_are_listed_as_the_mode_is_looked_up(when: int) -> None:
    """By a class that has a property of its own there."""
    looks = 0

    class Listing(Deferred[Any]):
        @property
        def debug(self) -> bool:  # type: ignore[override]
            nonlocal looks
            looks += 1
            if looks >= when:
                self._callbacks  # noqa: B018
            return False

    out: list[int] = []
    waiting = Listing()
    for number in range(3):
        waiting.addCallback(lambda _, number=number: out.append(number))
    waiting.callback(None)
    assert out == [0, 1, 2]


@pytest.mark.parametrize("when", range(1, 4))
def test_a_result_that_is_deleted_as_it_is_looked_at(when: int) -> None:
    """By a property that tells that it is a Failure: then there is none."""
    looks = 0
    waiting: Any = Deferred()

    class Odd:
        @property
        def __class__(self) -> Any:
            nonlocal looks
            looks += 1
            if looks == when:
                del waiting.result
            return Failure

        def cleanFailure(self) -> None:
            pass

    if when == 1:  # as on stock: what calls the callbacks finds none
        with pytest.raises(AttributeError, match="result"):
            waiting.callback(Odd())
        return
    waiting.callback(Odd())
    out: list[object] = []
    waiting.addBoth(out.append)
    # Where it goes before a callback is called, that fails, as on stock.
    assert out == [None] or (looks < when and type(out[0]) is Odd) or not out
    errors: list[str] = []
    waiting.addErrback(lambda failure: errors.append(failure.getErrorMessage()))
    assert bool(errors) == (not out)


def change_class() -> None:
    """The class is looked at anew."""
    Deferred.debug = False


@allocations
def test_callbacks_that_are_listed_as_the_class_is_looked_at(number: int) -> None:
    """After a callback that has changed it."""
    out: list[Any] = []
    waiting: Any = Deferred()
    with contextlib.ExitStack() as stack:

        def first(_: object) -> None:
            change_class()
            stack.enter_context(finalizer_at_allocation(number, lambda: waiting._callbacks))

        waiting.addCallback(first).addCallback(lambda _: out.append("second"))
        waiting.callback(None)
    assert out == ["second"]


@allocations
def test_a_deferred_that_is_listed_as_another_begins_to_wait_for_it(number: int) -> None:
    inner: Any = Deferred()
    outer: Any = Deferred()
    out: list[Any] = []
    with contextlib.ExitStack() as stack:

        def first(_: object) -> Any:
            change_class()
            stack.enter_context(finalizer_at_allocation(number, lambda: inner._callbacks))
            return inner

        outer.addCallback(first).addBoth(out.append)
        outer.callback(None)
    inner.callback(42)
    assert out == [42]


@allocations
def test_a_deferred_is_fired_once(number: int) -> None:
    """By the program or by a finalizer, whichever comes first."""
    waiting: Any = Deferred()
    results: list[str] = []
    refused: list[str] = []
    waiting.addCallback(results.append)

    def fire(who: str) -> Callable[[], None]:
        def call() -> None:
            try:
                waiting.callback(who)
            except AlreadyCalledError:
                refused.append(who)

        return call

    change_class()
    with finalizer_at_allocation(number, fire("finalizer")):
        fire("program")()
    assert sorted(results + refused) == ["finalizer", "program"]
    assert len(results) == 1
