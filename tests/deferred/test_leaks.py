"""Deferreds leave nothing behind, and long chains need no recursion."""

from __future__ import annotations

import asyncio
import copy
import gc
import sys
import tracemalloc
import weakref
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from twisted.internet import defer as stock
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pyreactor import defer
from pyreactor.defer import Deferred
from tests.deferred_logging import logged_failures


class Boom(Exception):
    pass


def fire_with_links() -> None:
    d: Any = Deferred()
    d.addCallback(lambda r, *a, **k: r, 1, 2, key=3).addBoth(lambda r: r)
    d.addCallbacks(lambda r, a: r, lambda f: f, (1,), {}, (2,), {})
    d.callback(object())


def fail_and_handle() -> None:
    d: Any = Deferred()
    d.addCallback(lambda r: 1 // 0)
    d.addErrback(lambda f: f.trap(ZeroDivisionError) and None)
    d.callback(None)


def fail_unhandled() -> None:
    defer.fail(Boom())


def chain_waiting() -> None:
    inner: Any = Deferred()
    outer: Any = Deferred()
    outer.addCallback(lambda _: inner)
    outer.callback(None)
    inner.callback(object())


def chain_deferred() -> None:
    first: Any = Deferred()
    second: Any = Deferred()
    first.chainDeferred(second)
    first.callback(object())


def look_at_links() -> None:
    d: Any = Deferred()
    d.addCallback(lambda r, a: r, 1)
    assert len(d._callbacks) == 1
    d.addErrback(lambda f: f)
    d.callback(object())


def cancel() -> None:
    d: Any = Deferred(lambda d: None)
    d.addErrback(lambda f: None)
    d.cancel()


def run_generator() -> None:
    waiting: Any = Deferred()

    @defer.inlineCallbacks
    def generator() -> Any:
        yield defer.succeed(object())
        yield waiting
        try:
            yield defer.fail(Boom())
        except Boom:
            return object()

    generator()
    waiting.callback(object())


def run_coroutine() -> None:
    waiting: Any = Deferred()

    async def coroutine() -> object:
        await defer.succeed(object())
        await waiting
        return object()

    Deferred.fromCoroutine(coroutine())
    waiting.callback(object())


def cancel_generator() -> None:
    @defer.inlineCallbacks
    def generator() -> Any:
        yield Deferred()

    d = generator()
    d.addErrback(lambda f: None)
    d.cancel()


def gather() -> None:
    deferreds: list[Any] = [Deferred() for _ in range(5)]
    defer.gatherResults(deferreds)
    defer.DeferredList(deferreds)
    for d in deferreds:
        d.callback(object())


def pass_errors() -> None:
    d: Any = Deferred()
    d.callback(1)
    with pytest.raises(defer.AlreadyCalledError):
        d.callback(2)
    with pytest.raises(TypeError):
        d.addCallback()
    with pytest.raises(defer.NotACoroutineError):
        defer.ensureDeferred(5)


def pause() -> None:
    d: Any = Deferred()
    d.pause()
    d.addBoth(lambda r: object())
    d.callback(object())
    d.unpause()


def cancel_by_firing() -> None:
    for canceller in (lambda d: d.callback(object()), lambda d: d.errback(Boom())):
        d: Any = Deferred(canceller)
        d.addErrback(lambda f: None)
        d.cancel()
    waiting: Any = Deferred()
    d = Deferred()
    d.addCallback(lambda _: waiting)
    d.addErrback(lambda f: None)
    d.callback(None)
    d.cancel()


def raise_in_cancellers() -> None:
    inner: Any = Deferred(lambda d: 1 // 0)
    outer: Any = Deferred()
    outer.addCallback(lambda _: inner)
    outer.callback(None)

    @defer.inlineCallbacks
    def generator() -> Any:
        yield outer

    running = generator()
    running.addErrback(lambda f: None)
    running.cancel()
    with pytest.raises(ZeroDivisionError):
        inner.cancel()


def fire_what_has_fired() -> None:
    first: Any = Deferred()
    second: Any = defer.succeed(object())
    first.chainDeferred(second)
    first.addErrback(lambda f: None)
    first.callback(object())
    for end in (object(), Boom()):
        waiting: Any = Deferred()

        @defer.inlineCallbacks
        def generator(waiting: Any, end: Any) -> Any:
            yield waiting
            if isinstance(end, Boom):
                raise end
            return end

        generator(waiting, end).callback(None)
        waiting.callback(None)
        waiting.addErrback(lambda f: None)


def fail_generators_in_generators() -> None:
    waiting: Any = Deferred()

    @defer.inlineCallbacks
    def generator(d: Any) -> Any:
        yield d

    def look(failure: Any) -> Any:
        seen: Any = Deferred()
        seen.errback()
        seen.addErrback(lambda f: None)
        return failure

    running = waiting
    for _ in range(3):
        running = generator(running).addErrback(look)
    running.addErrback(lambda f: None)
    waiting.errback(Boom())


def await_by_name() -> None:
    d: Any = Deferred()
    iterators = [iter(d), d.__await__(), d.__await__()]
    for iterator in iterators[:2]:
        assert next(iterator) is d
    d.callback(object())
    for iterator in iterators:
        assert list(iterator) == []
    with pytest.raises(Boom):
        next(iter(defer.fail(Boom())))


def time_out() -> None:
    clock = Clock()
    for fire in (True, False):
        d: Any = Deferred()
        d.addTimeout(1, clock)
        d.addErrback(lambda f: None)
        if fire:
            d.callback(object())
        clock.advance(2)


def as_future() -> None:
    loop = asyncio.new_event_loop()
    d: Any = Deferred()
    future = d.asFuture(loop)
    d.callback(object())
    loop.run_until_complete(future)
    given: Any = loop.create_future()
    Deferred.fromFuture(given)
    given.set_result(object())
    loop.run_until_complete(given)
    loop.close()


def locks_and_queues() -> None:
    for lock in (defer.DeferredLock(), defer.DeferredSemaphore(1)):
        lock.run(object)
        waiting: list[Any] = [lock.acquire() for _ in range(3)]
        waiting[2].addErrback(lambda f: None)
        waiting[2].cancel()
        lock.release()
        lock.release()
    queue = defer.DeferredQueue()
    got = [queue.get() for _ in range(2)]
    got[1].addErrback(lambda f: None)
    got[1].cancel()
    queue.put(object())


def race() -> None:
    deferreds: list[Any] = [Deferred() for _ in range(3)]
    defer.race(deferreds)
    for d in deferreds[1:]:
        d.addErrback(lambda f: None)
    deferreds[0].callback(object())
    defer.execute(object)


def stop_at_the_first() -> None:
    for error in (False, True):
        deferreds: list[Any] = [Deferred() for _ in range(3)]
        collected = defer.DeferredList(deferreds, True, True, True)
        collected.addErrback(lambda f: None)
        if error:
            deferreds[1].errback(Boom())
        else:
            deferreds[1].callback(object())
    failing: list[Any] = [Deferred() for _ in range(3)]
    defer.gatherResults(failing, consumeErrors=True).addErrback(lambda f: None)
    for d in failing:
        d.errback(Boom())


class Subclass(Deferred):  # type: ignore[type-arg]
    def callback(self, result: Any) -> None:
        super().callback(result)


def subclass() -> None:
    d, other = Subclass(), Subclass()
    other.addCallback(lambda _: d)
    other.callback(None)
    defer.gatherResults([d, Subclass()])
    d.callback(object())

    async def coroutine() -> None:
        await Subclass()

    Deferred.fromCoroutine(coroutine()).addErrback(lambda f: None).cancel()


def mix_with_stock() -> None:
    for outer, inner in ((stock.Deferred(), Deferred()), (Deferred(), stock.Deferred())):
        outer.addCallback(lambda _, inner=inner: inner)
        outer.callback(None)
        inner.callback(object())


def debug() -> None:
    defer.setDebugging(True)
    try:
        fire_with_links()
        fail_and_handle()
        run_generator()
    finally:
        defer.setDebugging(False)


def copy_and_assign() -> None:
    d: Any = Deferred()
    d.addCallback(lambda r: r)
    copied = copy.copy(d)
    copied._callbacks = []
    copied.result = object()
    del copied.result
    copied._canceller = copied._chainedTo = None
    d.callback(object())


def attributes_and_weakrefs() -> None:
    d: Any = Deferred()
    d.attribute = d
    weakref.ref(d)
    str(d)


def maybe() -> None:
    defer.maybeDeferred(lambda: object())
    defer.maybeDeferred(lambda: 1 // 0).addErrback(lambda f: None)


OPERATIONS = [
    fire_with_links,
    fail_and_handle,
    fail_unhandled,
    chain_waiting,
    chain_deferred,
    look_at_links,
    cancel,
    run_generator,
    run_coroutine,
    cancel_generator,
    gather,
    pass_errors,
    attributes_and_weakrefs,
    maybe,
    pause,
    cancel_by_firing,
    raise_in_cancellers,
    fire_what_has_fired,
    fail_generators_in_generators,
    await_by_name,
    time_out,
    as_future,
    locks_and_queues,
    race,
    stop_at_the_first,
    subclass,
    mix_with_stock,
    copy_and_assign,
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda f: f.__name__)
def test_an_operation_leaves_no_memory_behind(operation: Callable[[], None]) -> None:
    def repeat() -> int:
        for _ in range(1000):
            operation()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        sizes = [repeat() for _ in range(5)]
    finally:
        tracemalloc.stop()
    # A leak of one object each time would be 16 bytes or more each time in every round;
    # caches that fill up grow in some rounds only.
    assert min(after - before for before, after in pairwise(sizes)) < 8_000


# Debug mode formats the stack again and again, which fills the interpreter's own caches of
# tuples over thousands of rounds: only its objects are counted.
@pytest.mark.parametrize("operation", [*OPERATIONS, debug], ids=lambda f: f.__name__)
def test_an_operation_leaves_no_objects_behind(operation: Callable[[], None]) -> None:
    def repeat() -> int:
        for _ in range(60 if operation is debug else 200):
            operation()
        gc.collect()
        return len(gc.get_objects())

    repeat()
    before = repeat()
    assert repeat() - before < 50


def test_shared_objects_keep_their_reference_counts() -> None:
    result, argument, failure = object(), object(), Failure(Boom())

    def use() -> None:
        d: Any = Deferred()
        d.addCallback(lambda r, a, key: r, argument, key=argument)
        d.addCallbacks(lambda r, a: r, lambda f: f, (argument,), None, (argument,))
        d.callback(result)
        defer.succeed(result)
        e: Any = defer.fail(failure)
        e.addErrback(lambda f: None)

    use()
    before = [sys.getrefcount(thing) for thing in (result, argument, failure)]
    for _ in range(100):
        use()
    gc.collect()
    assert [sys.getrefcount(thing) for thing in (result, argument, failure)] == before


def by_result(d: Any) -> None:
    d.callback([d])


def by_callback(d: Any) -> None:
    d.addCallback(lambda r, d=d: r)


def by_argument(d: Any) -> None:
    d.addCallback(lambda r, *_, **__: r, d, key=d)


def by_list(d: Any) -> None:
    d._callbacks.append(d)


def by_attribute(d: Any) -> None:
    d.me = d


def by_canceller(d: Any) -> None:
    d._canceller = lambda _, d=d: None


def by_chain(d: Any) -> None:
    outer: Any = Deferred()
    outer.addCallback(lambda _: d)
    outer.callback(None)
    outer.keep = d


def by_generator(d: Any) -> None:
    @defer.inlineCallbacks
    def generator(d: Any) -> Any:
        yield d

    d.running = generator(d)


def by_coroutine(d: Any) -> None:
    async def coroutine(d: Any) -> None:
        await d

    d.running = Deferred.fromCoroutine(coroutine(d))


def by_iterator(d: Any) -> None:
    d.iterators = [iter(d), d.__await__()]


def by_started_iterator(d: Any) -> None:
    d.iterator = iter(d)
    assert next(d.iterator) is d


def by_deferred_list(d: Any) -> None:
    d.all = defer.DeferredList([d])


@pytest.mark.parametrize(
    "tie",
    [
        by_result,
        by_callback,
        by_argument,
        by_list,
        by_attribute,
        by_canceller,
        by_chain,
        by_generator,
        by_coroutine,
        by_iterator,
        by_started_iterator,
        by_deferred_list,
    ],
    ids=lambda f: f.__name__,
)
def test_a_cycle_is_collected(tie: Callable[[Any], None]) -> None:
    d: Any = Deferred()
    tie(d)
    gone = weakref.ref(d)
    del d
    gc.collect()
    assert gone() is None


def by_value(d: Any) -> None:
    d.result.value.deferred = d


def by_later_list(d: Any) -> None:
    d.list = [d]


def by_waiting_callback(d: Any) -> None:
    d.pause()
    d.addErrback(lambda f, d=d: None)


def by_generator_left(d: Any) -> None:
    @defer.inlineCallbacks
    def generator(d: Any) -> Any:
        yield Deferred()
        yield d

    d.running = generator(d)


@pytest.mark.parametrize(
    "tie",
    [
        by_attribute,
        by_value,
        by_later_list,
        by_list,
        by_canceller,
        by_waiting_callback,
        by_generator_left,
    ],
    ids=lambda f: f.__name__,
)
def test_an_unhandled_failure_in_a_cycle_is_reported_once(tie: Callable[[Any], None]) -> None:
    with logged_failures() as failures:
        d: Any = Deferred()
        d.errback(Boom("lost"))
        tie(d)
        gone = weakref.ref(d)
        del d
    assert failures == [("Boom", "('lost',)")]
    assert gone() is None


def test_an_unhandled_failure_is_reported_when_a_subclass_has_a_finalizer() -> None:
    class WithDel(Deferred):  # type: ignore[type-arg]
        def __del__(self) -> None:
            pass

    with logged_failures() as failures:
        WithDel().errback(Boom("lost"))
        cyclic: Any = WithDel()
        cyclic.me = cyclic
        cyclic.errback(Boom("cycle"))
        del cyclic
    assert sorted(failures) == [("Boom", "('cycle',)"), ("Boom", "('lost',)")]


def test_a_handled_failure_is_not_reported() -> None:
    with logged_failures() as failures:
        d: Any = Deferred()
        d.errback(Boom())
        d.addErrback(lambda f: None)
        del d
    assert failures == []


def test_a_cycle_is_collected_also_after_gc_freeze() -> None:
    """What is kept for use again must not be known to the collector meanwhile."""
    run_coroutine()
    gc.freeze()
    try:
        d: Any = Deferred()
        by_coroutine(d)
        gone = weakref.ref(d)
        del d
        gc.collect()
        assert gone() is None
    finally:
        gc.unfreeze()


MILLION = 1_000_000


def test_a_chain_of_a_million_deferreds() -> None:
    first: Any = Deferred()
    previous = first
    for _ in range(MILLION - 1):
        following: Any = Deferred()
        following.addCallback(lambda _, previous=previous: previous)
        following.callback(None)
        previous = following
    first.callback("there")
    assert previous.result == "there"


def test_a_million_deferreds_chained_with_chainDeferred() -> None:
    deferreds: list[Any] = [Deferred() for _ in range(MILLION)]
    for d, following in pairwise(deferreds):
        d.chainDeferred(following)
    deferreds[0].callback("there")
    assert deferreds[-1].result == "there"


def test_an_unfired_chain_of_a_million_is_dropped_without_recursion() -> None:
    previous: Any = Deferred()
    for _ in range(MILLION):
        following: Any = Deferred()
        following.addCallback(lambda _, previous=previous: previous)
        following.callback(None)
        previous = following
    gone = weakref.ref(previous)
    del previous, following
    gc.collect()
    assert gone() is None


def test_a_generator_yields_a_million_fired_deferreds() -> None:
    fired: Any = defer.succeed(1)

    @defer.inlineCallbacks
    def generator() -> Any:
        total = 0
        for _ in range(MILLION):
            total += yield defer.succeed(1)
        return total

    del fired
    assert generator().result == MILLION


def test_a_coroutine_awaits_a_million_fired_deferreds() -> None:
    async def coroutine() -> int:
        total = 0
        for _ in range(MILLION):
            total += await defer.succeed(1)
        return total

    assert defer.ensureDeferred(coroutine()).result == MILLION


def test_generators_that_wait_for_each_other_resume_without_recursion() -> None:
    @defer.inlineCallbacks
    def wait(d: Any) -> Any:
        result = yield d
        return result

    first: Any = Deferred()
    last = first
    for _ in range(50_000):
        last = wait(last)
    first.callback("there")
    assert last.result == "there"


@pytest.mark.parametrize("make", [defer.DeferredList, defer.gatherResults])
def test_lists_inside_lists_end_with_a_recursion_error(make: Callable[..., Any]) -> None:
    innermost: Any = Deferred()
    outermost = innermost
    for _ in range(50_000):
        outermost = make([outermost])
    with logged_failures() as logged:
        innermost.callback(1)
        del innermost
        assert not outermost.called
        del outermost
        gc.collect()
    assert {name for name, _ in logged} == {"RecursionError"}


def test_generators_that_yield_generators_for_ever_end_with_a_recursion_error() -> None:
    def endless() -> Any:
        yield endless()

    # Where the limit is reached, inside a generator or between two, decides who gets it.
    with pytest.raises(RecursionError):
        seen: list[Any] = []
        Deferred.fromCoroutine(endless()).addErrback(seen.append)
        raise seen[0].value
