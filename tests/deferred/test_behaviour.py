"""Each behaviour is asked of stock's classes and of ours; the answers must be the same."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import gc
import inspect
import pickle
import re
import sys
import traceback
import warnings
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import pytest
from twisted.internet import defer as stock
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pyreactor import _core
from pyreactor import defer as ours
from pyreactor._activation import deferred as part
from tests.deferred_logging import logged_failures

T = TypeVar("T")
Answer = Callable[[Any], Any]
ANSWERS: list[Answer] = []


class Boom(Exception):
    pass


def answer(function: Answer) -> Answer:
    ANSWERS.append(function)
    return function


def error_of(function: Callable[[], Any]) -> tuple[str, str]:
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - it is the answer
        return type(error).__name__, str(error)
    raise AssertionError("nothing was raised")


def frames_of(failure: Failure) -> list[tuple[str, str]]:
    return [(frame[0], frame[1].rsplit("/", 1)[-1]) for frame in failure.frames]


def caught(d: Any) -> Failure:
    failures: list[Failure] = []
    d.addErrback(failures.append)
    return failures[0]


# --- wrong use ------------------------------------------------------------------------------


@answer
def firing_twice(defer: Any) -> Any:
    d = defer.succeed(1)
    return error_of(lambda: d.callback(2)), error_of(lambda: d.errback(Boom()))


@answer
def arguments_that_do_not_suit(defer: Any) -> Any:
    class Derived(defer.Deferred):  # type: ignore[misc,name-defined]
        pass

    wrong: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
        ((1, 2), {}),
        ((1, 2, 3, 4, 5, 6), {}),
        ((), {"nonsense": 1}),
        ((1,), {"nonsense": 2}),
        ((1, 2), {"nonsense": 3}),
        ((1,), {"canceller": 2}),
        ((1,), {"result": 2}),
        ((1,), {"coro": 2}),
        (([],), {"deferredList": []}),
        ((), {"consumeErrors": True}),
    )
    answers = []
    for name in ("Deferred", "DeferredList", "succeed", "fail", "ensureDeferred", "gatherResults"):
        function = getattr(defer, name)
        for args, kwargs in wrong:
            try:
                inspect.signature(getattr(stock, name)).bind(*args, **kwargs)
            except TypeError:
                answers.append(error_of(lambda: function(*args, **kwargs)))  # noqa: B023
    answers += [error_of(lambda: Derived(1, 2)), error_of(lambda: Derived().__init__(1, 2))]
    return answers


@answer
def traceback_of_firing_twice(defer: Any) -> Any:
    def fire(d: Any, method: str) -> Any:
        try:
            getattr(d, method)(Boom())
        except defer.AlreadyCalledError:
            return frames_of(Failure())

    def in_debug_mode(d: Any) -> Any:
        d.debug = True
        return d

    class Subclass(defer.Deferred):  # type: ignore[misc,name-defined]
        pass

    subclassed = Subclass()
    subclassed.callback(1)
    return [
        fire(make(), method)
        for make in (
            lambda: defer.succeed(1),
            lambda: in_debug_mode(defer.succeed(1)),
            lambda: subclassed,
        )
        for method in ("callback", "errback", "_startRunCallbacks")
    ]


@answer
def firing_what_has_fired(defer: Any) -> Any:
    def generator(waiting: Any, error: bool) -> Any:
        yield waiting
        if error:
            raise Boom

    results = []
    for error in (False, True):
        first = defer.Deferred().chainDeferred(defer.succeed(1))
        first.errback(Boom()) if error else first.callback(1)
        waiting = defer.Deferred()
        running = defer.inlineCallbacks(generator)(waiting, error)
        running.callback(None)
        waiting.callback(None)
        for d in (first, waiting):
            failure = caught(d)
            context = failure.value.__context__
            results.append((failure.type, frames_of(failure), type(context)))
    return results


@answer
def the_error_of_a_generator_is_handled_while_its_callbacks_run(defer: Any) -> Any:
    seen = []

    def look(result: Any) -> Any:
        seen.append((sys.exc_info()[0], type(result)))
        return result

    def generator(d: Any) -> Any:
        try:
            yield d
        finally:
            seen.append(sys.exc_info()[0])

    waiting = defer.Deferred()
    inner = defer.inlineCallbacks(generator)(waiting).addBoth(look)
    outer = defer.inlineCallbacks(generator)(inner).addBoth(look)
    outer.addErrback(lambda f: 1 // 0)
    outer.addBoth(look)
    waiting.addBoth(look)
    waiting.errback(Boom())
    waiting.addBoth(look)
    failure = caught(outer)
    return seen, type(failure.value.__context__), sys.exc_info()[0]


@answer
def traceback_of_a_canceller(defer: Any) -> Any:
    def refuse(d: Any) -> None:
        raise Boom

    waiting = defer.Deferred(refuse)
    middle = defer.Deferred().addCallback(lambda _: waiting)
    middle.callback(None)

    @defer.inlineCallbacks
    def generator() -> Any:
        yield middle

    running = generator()
    running.cancel()
    try:
        middle.cancel()
    except Boom:
        return frames_of(Failure())[1:], frames_of(caught(running))


@answer
def errback_without_an_exception(defer: Any) -> Any:
    return error_of(defer.Deferred().errback), error_of(defer.fail)


@answer
def errback_with_a_string(defer: Any) -> Any:
    failure = caught(defer.fail("text"))
    return failure.type, failure.value


@answer
def a_callback_that_is_not_callable(defer: Any) -> Any:
    failure = caught(defer.succeed(1).addCallback(5))
    return failure.type, str(failure.value), frames_of(failure)


@answer
def missing_arguments(defer: Any) -> Any:
    d = defer.Deferred()
    return [
        error_of(call)
        for call in (
            d.addCallback,
            d.addErrback,
            d.addBoth,
            d.addCallbacks,
            d.callback,
            lambda: d.addCallbacks(1, nonsense=2),
            lambda: d.callback(1, 2),
            lambda: d.callback(nonsense=2),
            defer.succeed,
            defer.maybeDeferred,
            defer.ensureDeferred,
        )
    ]


@answer
def odd_argument_containers(defer: Any) -> Any:
    def run(result: Any, *args: Any, **kwargs: Any) -> Any:
        return result, args, kwargs

    d = defer.succeed(1)
    seen = []
    for args, keywords in (([2, 3], {"a": 4}), ("xy", {}), (None, None), ((), {})):
        d.addCallbacks(run, None, args, keywords)
        seen.append(d.result)
    for args, keywords in ((5, {}), ((), 5)):
        failed = caught(defer.succeed(1).addCallbacks(run, None, args, keywords))
        seen.append(failed.type)
    return seen


@answer
def keywords_are_read_when_the_callback_runs(defer: Any) -> Any:
    keywords = {"a": 1}
    d = defer.Deferred().addCallbacks(lambda r, **k: k, None, None, keywords)
    keywords["a"] = 2
    d.callback(None)
    return d.result


@answer
def callables_given_by_name(defer: Any) -> Any:
    d = defer.succeed(1)
    d.addCallback(callback=lambda r, a: (r, a), a=2)
    d.addBoth(callback=lambda r: (r,))
    d.addErrback(errback=lambda f: f)
    d.addCallbacks(callback=lambda r: [r], errback=None)
    e = defer.maybeDeferred(f=lambda a: a, a=3)
    fired = defer.Deferred()
    fired.callback(result=4)
    return d.result, e.result, fired.result


@answer
def not_a_coroutine(defer: Any) -> Any:
    return (
        error_of(lambda: defer.ensureDeferred(5)),
        error_of(lambda: defer.Deferred.fromCoroutine(None)),
        error_of(defer.inlineCallbacks(list)),
    )


@answer
def yielding_what_is_not_awaited(defer: Any) -> Any:
    seen = []

    @defer.inlineCallbacks
    def generator() -> Any:
        for value in (None, 1, "x", [], object, len):
            seen.append((yield value) is value)

    return generator().result, seen


@answer
def yielding_a_proxy_of_a_generator(defer: Any) -> Any:
    def inner() -> Any:
        return (yield defer.succeed(3)) + 1

    @defer.inlineCallbacks
    def generator() -> Any:
        waiting = inner()
        return (yield weakref.proxy(waiting))

    return generator().result


@answer
def returning_its_own_deferred(defer: Any) -> Any:
    d = defer.Deferred()
    d.addCallback(lambda r: d)
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always")
        d.callback(None)
    waits = d.paused, d._chainedTo is d
    d.unpause()
    left = d.paused, d.result, d._chainedTo
    return [(str(w.message), w.category) for w in recorded], waits, left


@answer
def returnValue_used_elsewhere(defer: Any) -> Any:
    def helper() -> None:
        defer.returnValue(2)

    @defer.inlineCallbacks
    def direct() -> Any:
        yield None
        defer.returnValue(1)

    @defer.inlineCallbacks
    def indirect() -> Any:
        try:
            yield defer.fail(Boom())
        except Boom:
            helper()

    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always")
        results = direct().result, indirect().result
    return results, [(str(w.message), w.lineno) for w in recorded if "causing" in str(w.message)]


@answer
def returnValue_outside_of_a_generator(defer: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind, text = error_of(defer.inlineCallbacks(lambda: defer.returnValue(1)))
    return kind, re.sub("0x[0-9a-f]+", "", text)


# --- tracebacks -------------------------------------------------------------------------------


@answer
def traceback_of_a_callback(defer: Any) -> Any:
    return frames_of(caught(defer.succeed(1).addCallback(lambda r: 1 // 0)))


@answer
def traceback_out_of_a_generator(defer: Any) -> Any:
    @defer.inlineCallbacks
    def inner() -> Any:
        yield None
        raise Boom

    @defer.inlineCallbacks
    def outer() -> Any:
        yield inner()

    return frames_of(caught(outer()))


@answer
def traceback_thrown_into_generators(defer: Any) -> Any:
    waiting = defer.Deferred()

    @defer.inlineCallbacks
    def generator(d: Any) -> Any:
        yield d

    running = generator(generator(waiting))
    try:
        raise Boom
    except Boom:
        waiting.errback()
    return frames_of(caught(running))


@answer
def traceback_out_of_coroutines(defer: Any) -> Any:
    waiting = defer.Deferred()

    async def coroutine(d: Any) -> None:
        await d

    fired = defer.ensureDeferred(coroutine(defer.fail(Boom())))
    resumed = defer.ensureDeferred(coroutine(waiting))
    waiting.errback(Boom())
    return frames_of(caught(fired)), frames_of(caught(resumed))


@answer
def traceback_of_maybeDeferred(defer: Any) -> Any:
    return frames_of(caught(defer.maybeDeferred(lambda: 1 // 0)))


@answer
def failures_have_the_same_attributes(defer: Any) -> Any:
    raised = caught(defer.succeed(1).addCallback(lambda r: 1 // 0))
    given = caught(defer.fail(Boom(1)))
    return [
        (list(f.__dict__), repr(f.args), f.type, f.value.args, f.captureVars, f.parents)
        for f in (raised, given)
    ]


@answer
def failure_numbers_go_up_by_one(defer: Any) -> Any:
    first = caught(defer.fail(Boom()))
    second = caught(defer.succeed(1).addCallback(lambda r: 1 // 0))
    return second.count - first.count


# --- debug mode ---------------------------------------------------------------------------------


@answer
def debug_mode(defer: Any) -> Any:
    defer.setDebugging(True)
    try:
        d = defer.Deferred()
        assert defer.getDebugging()
        d.callback(1)
        kind, text = error_of(lambda: d.callback(2))
        failed = defer.Deferred().addCallback(lambda r: 1 // 0)
        failed.callback(1)
        failure = caught(failed)
    finally:
        defer.setDebugging(False)
    lines = [line.split(",")[-1] for line in text.splitlines() if " File " in line][-2:]
    headings = [line for line in text.splitlines() if line.endswith("n:")]
    return kind, headings, lines, failure.captureVars, len(failure.frames)


@answer
def debug_mode_that_begins_in_what_raises(defer: Any) -> Any:
    def turned_on(given: object) -> None:
        defer.setDebugging(True)
        raise Boom

    def turned_on_here(given: Any) -> None:
        given.debug = True
        raise Boom

    seen = []
    for raises in (turned_on, turned_on_here):
        d = defer.Deferred()
        d.addCallback(lambda r, d=d, raises=raises: raises(d))
        try:
            d.callback(None)
        finally:
            defer.setDebugging(False)
        failure = caught(d)
        seen.append((failure.captureVars, [name for name, _ in failure.frames[-1][3]]))
    return seen


@answer
def debug_as_an_attribute(defer: Any) -> Any:
    class Debugged(defer.Deferred):  # type: ignore[misc]
        debug = True

    one = Debugged()
    two = defer.Deferred()
    two.debug = True
    two.callback(None)
    return bool(one._debugInfo.creator), bool(two._debugInfo.invoker)


# --- the object ---------------------------------------------------------------------------------


@answer
def attributes_before_and_after(defer: Any) -> Any:
    names = (
        "called",
        "paused",
        "debug",
        "_callbacks",
        "_canceller",
        "_chainedTo",
        "_debugInfo",
        "_runningCallbacks",
        "_suppressAlreadyCalled",
        "result",
    )
    d = defer.Deferred()
    before = [getattr(d, name, "absent") for name in names]
    d.callback(5)
    return (
        before,
        [getattr(d, name, "absent") for name in names],
        error_of(lambda: defer.Deferred().result),
    )


@answer
def assigning_private_names(defer: Any) -> Any:
    d = defer.Deferred()
    d.result, d.called, d.paused = 1, True, 0
    d.addCallback(lambda r: r + 1)
    d._suppressAlreadyCalled = True
    d.callback("ignored")
    d._chainedTo = d
    text = re.sub("0x[0-9a-f]+", "", str(d))
    del d.result
    return text, hasattr(d, "result"), error_of(lambda: d.callback(1))


@answer
def links_as_lists(defer: Any) -> Any:
    def f(r: Any, *args: Any, **kwargs: Any) -> Any:
        return r, args, kwargs

    d = defer.Deferred()
    d.addCallback(f, 1, a=2)
    d.addErrback(f, 3)
    d.addBoth(f)
    d.addCallbacks(f, f, (1,), {"b": 2}, (3,), {"c": 4})
    shape = [
        [(call is f, args, dict(kwargs)) for call, args, kwargs in item] for item in d._callbacks
    ]
    same = d._callbacks is d._callbacks
    d._callbacks.insert(0, ((f, (9,), {}), (f, (9,), {})))
    del d._callbacks[1:3]
    d.addCallback(f, "last")
    d.callback(0)
    return shape, same, d.result, d._callbacks


@answer
def text(defer: Any) -> Any:
    inner = defer.Deferred()
    outer = defer.succeed(1).addCallback(lambda _: inner)

    class Sub(defer.Deferred):  # type: ignore[misc]
        pass

    texts = [str(d) for d in (defer.Deferred(), outer, defer.succeed("x"), Sub())]
    texts += [repr(defer.succeed(1)), f"{id(inner):x}" in str(outer)]
    return [re.sub("0x[0-9a-f]+", "", t) if isinstance(t, str) else t for t in texts]


@answer
def copies(defer: Any) -> Any:
    d = defer.succeed([1])
    d.colour = "red"
    twin = copy.copy(d)
    loaded = pickle.loads(pickle.dumps(defer.DeferredList([])))
    waiting = defer.Deferred()
    shared = copy.copy(waiting)
    waiting.addCallback(len)
    return (
        twin.result is d.result,
        twin.colour,
        twin.called,
        loaded.result,
        loaded.resultList,
        len(shared._callbacks),
    )


def derived(defer: Any, *mixins: type, **attributes: Any) -> Any:
    return type("Derived", (*mixins, defer.Deferred), attributes)


def life_of(defer: Any, cls: Any) -> Any:
    """What becomes of instances, and what the class shows."""
    names = ("called", "paused", "result", "_suppressAlreadyCalled", "_runningCallbacks")
    names += ("_chainedTo", "_debugInfo")
    seen: list[Any] = []
    d = cls()
    told = [[bool(getattr(d, name, "absent")) for name in names]]
    d.addCallback(seen.append)
    if d.called or d._suppressAlreadyCalled:
        return told, seen, d._suppressAlreadyCalled
    d.callback(1)
    d.addCallback(lambda result: seen.append(("later", result)))
    told.append([bool(getattr(d, name, "absent")) for name in names])
    if len(seen) < 2:
        return told, seen, d.paused

    async def wait(for_: Any) -> None:
        seen.append(("awaited", await for_))

    inner, outer, awaited, fired = cls(), cls(), cls(), cls()
    outer.addCallback(lambda _: inner)
    outer.addCallback(seen.append)
    outer.callback(2)
    inner.callback(3)
    fired.callback(4)
    # Twisted 25.5 takes a result that is there before it fires; later releases wait.
    for waiting in (fired,) if hasattr(awaited, "result") else (awaited, fired):
        defer.ensureDeferred(wait(waiting)).addErrback(seen.append)
    awaited.callback(5)
    twin = copy.copy(d)
    return told, seen, twin.called, error_of(lambda: d.callback(6))[0]


@answer
def attributes_declared_again(defer: Any) -> Any:
    declared: tuple[dict[str, Any], ...] = (
        {"called": False},
        {"called": True, "result": 3},
        {"called": False, "paused": 0, "result": None, "debug": False},
        {"paused": 1},
        {"result": 3},
        {"_suppressAlreadyCalled": False, "_runningCallbacks": False},
        {"_suppressAlreadyCalled": True},
        {"_runningCallbacks": True},
        {"_chainedTo": None, "_debugInfo": None},
        {"_canceller": None, "_callbacks": []},
    )
    told = []
    for attributes in declared:
        cls = derived(defer, **attributes)
        of_class = [getattr(cls, name) for name in attributes]
        told.append(
            (
                of_class,
                life_of(defer, cls),
                [getattr(cls, name) == attributes[name] for name in attributes],
            )
        )
    return told


@answer
def attributes_declared_elsewhere(defer: Any) -> Any:
    class Mixin:
        called = False

    later, bare = derived(defer), derived(defer)
    before = life_of(defer, later)
    later.called = False
    between = life_of(defer, later)
    later.paused = 1
    base = derived(defer, result=None)
    child = type("Child", (base,), {})
    mixed = derived(defer, Mixin)
    lives = [
        life_of(defer, cls) for cls in (bare, mixed, child, base, later, derived(defer, called=0))
    ]
    return before, between, lives, Mixin.called, later.paused, child.result


@answer
def a_list_with_attributes_declared_again(defer: Any) -> Any:
    class Listed(defer.DeferredList):  # type: ignore[misc,name-defined]
        fireOnOneCallback = True
        called = False

    class NoList(defer.Deferred):  # type: ignore[misc,name-defined]
        resultList = 5

    seen: list[Any] = []
    one = defer.Deferred()
    listed = Listed([one, defer.succeed(2)])
    listed.addCallback(seen.append)
    told = [Listed.fireOnOneCallback, listed.fireOnOneCallback, listed.called]
    one.callback(1)
    return told, seen, listed.called, NoList().resultList, NoList.resultList


@answer
def an_attribute_deleted_that_is_declared_again(defer: Any) -> Any:
    d = derived(defer, called=False, result=7)()
    d.callback(1)
    del d.result, d.called
    return d.result, d.called


class Reduced(Exception):
    """Holds classes of which `copy` and `pickle` make instances."""

    classes: dict[str, Any] = {}


def of_table(name: str, *args: Any) -> Any:
    return Reduced.classes[name](*args)


@answer
def copies_by_a_subclass_of_its_own_way(defer: Any) -> Any:
    def twins(d: Any) -> list[Any]:
        return [copy.copy(d), copy.deepcopy(d), *(d.__reduce_ex__(p) for p in (2, 4))]

    def init(self: Any, *args: Any) -> None:
        defer.Deferred.__init__(self)
        self.args = args

    def new(cls: Any, *args: Any) -> Any:
        self = defer.Deferred.__new__(cls)
        self.given = args
        return self

    reduced = derived(
        defer, __init__=init, __reduce__=lambda self: (of_table, ("reduced", *self.args, 1))
    )
    named = derived(
        defer, __new__=new, __init__=init, __getnewargs__=lambda self: (*self.given, "again")
    )
    keyed = derived(
        defer,
        __new__=lambda cls, *, a: new(cls, a),
        __init__=lambda self, a: init(self),
        __getnewargs_ex__=lambda self: ((), {"a": self.given}),
    )
    slotted = derived(defer, __slots__=("x", "missing"))
    Reduced.classes["reduced"] = reduced
    s = slotted()
    s.x = 5
    s.y = [6]
    copied = [twin.x for twin in twins(s)[:2]] + [copy.copy(s).y, hasattr(copy.copy(s), "missing")]
    return (
        [twin.args for twin in twins(reduced(0))[:2]],
        pickle.loads(pickle.dumps(reduced(3))).args,
        [twin.given for twin in twins(named(1, 2))[:2]],
        [twin.given for twin in twins(keyed(a=1))[:2]],
        copied,
        [type(reduction[2]) for reduction in twins(s)[2:]],
    )


@answer
def pickles_of_each_protocol(defer: Any) -> Any:
    d = defer.succeed([1])
    d.colour = "red"
    loaded = [pickle.loads(pickle.dumps(d, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)]
    return [(twin.result, twin.colour, twin.called) for twin in loaded]


@answer
def weak_references(defer: Any) -> Any:
    d = defer.Deferred()
    called: list[Any] = []
    ref = weakref.ref(d, called.append)
    alive = ref() is d
    del d
    gc.collect()
    return alive, ref() is None, len(called)


@answer
def subclasses(defer: Any) -> Any:
    class Generic_(defer.Deferred, Generic[T]):  # type: ignore[misc]
        pass

    class Sub(defer.Deferred[int]):  # type: ignore[misc,name-defined]
        extra = 1

        def __init__(self) -> None:
            defer.Deferred.__init__(self)
            self.made = True

    listed = Sub in stock._DEFERRED_SUBCLASSES
    stock._DEFERRED_SUBCLASSES.remove(Sub)
    stock._DEFERRED_SUBCLASSES.remove(Generic_)
    s = Sub()
    return listed, s.made, s.extra, isinstance(s, Awaitable), repr(Generic_[int])[-5:]


@answer
def an_abstract_mixin_has_no_metaclass_conflict(defer: Any) -> Any:
    class Mixed(defer.Deferred, Awaitable):  # type: ignore[misc,type-arg]
        pass

    stock._DEFERRED_SUBCLASSES.remove(Mixed)
    return isinstance(Mixed(), Awaitable), issubclass(defer.DeferredList, defer.Deferred)


@answer
def isinstance_says_no(defer: Any) -> Any:
    return [isinstance(thing, defer.Deferred) for thing in (None, 5, "x", object(), Deferredish())]


class Deferredish:
    def __await__(self) -> Any:
        yield None


@answer
def parametrized(defer: Any) -> Any:
    alias = defer.Deferred[int]
    return alias.__origin__ is defer.Deferred, alias.__args__


@answer
def a_failure_put_in_by_hand(defer: Any) -> Any:
    d = defer.Deferred()
    d.called, d.result = True, Failure(Boom())
    return error_of(lambda: next(iter(d)))


@answer
def iterating(defer: Any) -> Any:
    d = defer.Deferred()
    iterator = iter(d)
    yields = next(iterator) is d, iterator.send(None) is d
    d.callback((1, 2))
    try:
        next(iterator)
    except StopIteration as stop:
        value = stop.value
    thrown = error_of(lambda: iter(defer.Deferred()).throw(Boom("x")))
    finished = iter(defer.Deferred())
    finished.close()
    return yields, value, thrown, error_of(lambda: next(finished))


@answer
def unhandled_errors(defer: Any) -> Any:
    with logged_failures() as failures:
        defer.fail(Boom(1))
        d = defer.fail(Boom(2))
        d._debugInfo.failResult = None
        del d
        e = defer.fail(Boom(3))
        e._debugInfo = None
        f = defer.fail(Boom(4))
        f.result = None
        del e, f
        g = defer.fail(Boom(5))
        g.addErrback(lambda failure: None)
        del g
    return failures


# --- cancelling, contexts, time -----------------------------------------------------------------


@answer
def cancelling_through_generators(defer: Any) -> Any:
    trace: list[Any] = []
    root = defer.Deferred(lambda d: trace.append("canceller"))

    @defer.inlineCallbacks
    def level(d: Any) -> Any:
        try:
            yield d
        except defer.CancelledError:
            trace.append("cancelled")
            raise

    async def coroutine() -> None:
        await level(level(root))

    d = defer.ensureDeferred(coroutine())
    d.cancel()
    return trace, caught(d).type


@answer
def a_generator_that_survives_being_cancelled(defer: Any) -> Any:
    waiting = defer.Deferred()

    @defer.inlineCallbacks
    def generator() -> Any:
        try:
            yield defer.Deferred()
        except defer.CancelledError:
            result = yield waiting
            return result

    d = generator()
    d.cancel()
    d.addCallback(lambda r: r * 2)
    text = [type(d._canceller).__name__ == "NoneType", d.called]
    waiting.callback(21)
    return text, d.result


@answer
def cancelling_deferreds_in_a_circle(defer: Any) -> Any:
    kinds = []
    for length in (1, 2, 5):
        ring = [defer.Deferred() for _ in range(length)]
        for d, following in zip(ring, ring[1:] + ring[:1], strict=False):
            d.callback(following)
        kinds.append(error_of(ring[0].cancel)[0])
    return kinds


@answer
def cancelling_a_list(defer: Any) -> Any:
    def canceller(d: Any) -> None:
        raise Boom("canceller")

    with logged_failures() as failures:
        one, two = defer.Deferred(canceller), defer.Deferred()
        gathered = defer.DeferredList([one, two], consumeErrors=True)
        gathered.cancel()
        one.callback(1)
        results = [(good, getattr(r, "type", r)) for good, r in gathered.result]
    return results, failures


@answer
def each_generator_has_its_own_context(defer: Any) -> Any:
    variable = contextvars.ContextVar("variable", default="outer")
    waiting = defer.Deferred()
    seen = []

    @defer.inlineCallbacks
    def generator() -> Any:
        variable.set("inner")
        yield waiting
        seen.append(variable.get())

    generator()
    waiting.addCallback(lambda _: seen.append(variable.get()))
    variable.set("changed")
    waiting.callback(None)
    return seen, variable.get()


@answer
def timing_out(defer: Any) -> Any:
    clock = Clock()
    late = defer.Deferred().addTimeout(1, clock)
    early = defer.Deferred().addTimeout(1, clock)
    other = defer.Deferred().addTimeout(1, clock, lambda result, timeout: ("late", timeout))
    early.callback(5)
    clock.advance(2)
    failure = caught(late)
    return failure.type, str(failure.value), early.result, other.result, clock.getDelayedCalls()


@answer
def futures(defer: Any) -> Any:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        d = defer.Deferred.fromFuture(future)
        future.set_result(1)
        cancelled = defer.Deferred.fromFuture(loop.create_future())
        cancelled.cancel()
        back = defer.succeed(2).asFuture(loop)
        failing = defer.fail(Boom(3)).asFuture(loop)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return d.result, caught(cancelled).type, await back, type(failing.exception())

    return asyncio.run(main())


@answer
def collecting(defer: Any) -> Any:
    with logged_failures():
        gathered = defer.gatherResults([defer.succeed(1), defer.fail(Boom(2))])
        first = caught(gathered)
        race = defer.race([defer.Deferred(), defer.succeed(3)])
        one = defer.DeferredList([defer.Deferred(), defer.succeed(4)], fireOnOneCallback=True)
        empty = defer.gatherResults([]).result, defer.DeferredList([]).result
        return (
            first.type,
            first.value.index,
            first.value.subFailure.value.args,
            repr(first.value)[:18],
            race.result,
            one.result,
            empty,
            one.finishedCount,
            one.resultList,
        )


@answer
def concurrency_primitives(defer: Any) -> Any:
    lock, semaphore, queue = defer.DeferredLock(), defer.DeferredSemaphore(2), defer.DeferredQueue()
    got: list[Any] = []
    kinds = [type(lock.acquire()), type(semaphore.acquire()), type(queue.get())]
    lock.run(got.append, 1)
    queue.get().addCallback(got.append)
    queue.put(0)
    queue.put(2)
    lock.release()
    return got, [kind is defer.Deferred for kind in kinds], lock.locked


@answer
def debug_mode_leaves_no_exception_in_a_generator(defer: Any) -> Any:
    def generator() -> Any:
        d = defer.Deferred().addCallback(lambda _: 1 // 0)
        d.addErrback(lambda failure: None)
        d.callback(None)
        while True:
            yield sys.exc_info()[0]

    running = generator()
    defer.setDebugging(True)
    try:
        raise Boom
    except Boom:
        inside = next(running)
    finally:
        defer.setDebugging(False)
    return inside, next(running)


@answer
def stop_iteration_does_not_leave_an_awaited_deferred(defer: Any) -> Any:
    def thrown(started: bool) -> Any:
        iterator = iter(defer.Deferred())
        if started:
            next(iterator)
        return error_of(lambda: iterator.throw(StopIteration(2)))

    failed = defer.fail(StopIteration(1))
    raised = error_of(lambda: next(iter(failed)))
    failure = caught(defer.Deferred.fromCoroutine(_wait_for(defer.fail(StopIteration(1)))))
    # Debug builds of CPython since 3.14 abort when that is thrown into a generator not yet begun.
    aborts = sys.version_info >= (3, 14) and hasattr(sys, "gettotalrefcount")
    early = None if aborts else thrown(False)
    return raised, early, thrown(True), failure.type, str(failure.value)


async def _wait_for(deferred: Any) -> Any:
    return await deferred


@answer
def flags_of_a_list_whose_truth_test_raises(defer: Any) -> Any:
    class Undecided:
        def __bool__(self) -> bool:
            raise Boom("flag")

    seen = []
    for flag, value in (
        ("fireOnOneErrback", Boom()),
        ("consumeErrors", Boom()),
        ("fireOnOneCallback", 1),
    ):
        d = defer.Deferred()
        collected = defer.DeferredList([d])
        setattr(collected, flag, Undecided())
        d.callback(value if value == 1 else Failure(value))
        seen.append((str(caught(d).value), collected.called))
    return seen


@answer
def a_list_without_its_results(defer: Any) -> Any:
    d = defer.Deferred()
    collected = defer.DeferredList([d])
    del collected.resultList
    d.callback(1)
    return str(caught(d).value)


@answer
def attribute_errors_name_the_class(defer: Any) -> Any:
    class Derived(defer.Deferred):  # type: ignore[misc]
        pass

    made = (defer.Deferred(), defer.DeferredList([]), Derived())
    return [error_of(lambda d=d: d.nonsense) for d in made], error_of(lambda: len(made[0]))


@answer
def chain_deferred_by_keyword(defer: Any) -> Any:
    first, second = defer.Deferred(), defer.Deferred()
    first.chainDeferred(d=second)
    first.callback(1)
    return second.result, error_of(first.chainDeferred), error_of(lambda: first.chainDeferred(e=1))


@answer
def gathered_by_somebody_elses_results(defer: Any) -> Any:
    answers = []
    for results in ([(1, "x")], [[True, "x"]], [(True, "x", 3)], [None], [(False, "x")], (), 5):
        d = defer.gatherResults([defer.Deferred()])
        d.callback(results)
        got: list[Any] = []
        d.addCallbacks(got.append, lambda failure, got=got: got.append(repr(failure.value)))
        answers.append(got)
    return answers


@answer
def what_an_iterator_will_not_throw(defer: Any) -> Any:
    answers: list[Any] = []
    for arguments in ((3,), (int,), (Boom(), 3), (Boom, None, 3), (Boom(), None, "tb")):
        for started in (False, True):
            iterator = iter(defer.Deferred())
            if started:
                next(iterator)
            error, _ = error_of(lambda it=iterator, given=arguments: it.throw(*given))
            answers.append((error, isinstance(next(iterator), defer.Deferred)))
    return answers


@answer
def links_read_by_a_callback_that_pauses_its_deferred(defer: Any) -> Any:
    def first(result: Any) -> Any:
        shape.append(len(d._callbacks))
        d.pause()
        return result

    shape: list[int] = []
    seen: list[Any] = []
    d = defer.Deferred()
    d.addCallback(first)
    d.addCallback(seen.append)
    d.addBoth(seen.append)
    d.callback(1)
    before = list(seen)
    d.unpause()
    return shape, before, seen, d.paused


@answer
def links_read_while_a_generator_and_a_list_wait(defer: Any) -> Any:
    def generator() -> Any:
        seen.append((yield d))
        seen.append((yield other))

    seen: list[Any] = []
    d, other, chained = defer.Deferred(), defer.Deferred(), defer.Deferred()
    defer.inlineCallbacks(generator)()
    collected = defer.DeferredList([d, other])
    d.chainDeferred(chained)
    shape = [len(item) for item in d._callbacks]
    collected.addCallback(seen.append)
    d.callback(1)
    other.callback(2)
    return shape, seen, chained.result, d.result


@answer
def a_canceller_by_name(defer: Any) -> Any:
    class Derived(defer.Deferred):  # type: ignore[misc,name-defined]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    made = [defer.Deferred(canceller=len), Derived(), Derived(len), Derived(canceller=len)]
    made[0].__init__(canceller=None)
    shown = [gc.get_referents(d) for d in made] if defer is ours else []
    lists = [found for found in shown if any(isinstance(one, list) for one in found)]
    return [d._canceller for d in made], lists


@answer
def links_read_by_a_finalizer_while_chaining(defer: Any) -> Any:
    class Reader:
        def __del__(self) -> None:
            assert d._callbacks is not None

    d, chained = defer.Deferred(), defer.Deferred()
    chained._chainedTo = Reader()
    d.chainDeferred(chained)
    d.callback(1)
    other, waiting = defer.Deferred(), defer.Deferred()

    def wait(_: Any) -> Any:
        waiting._chainedTo = Reader()
        return other

    d = other
    waiting.addCallback(wait)
    waiting.callback(None)
    other.callback(2)
    return chained.called, chained.result, waiting.result


@answer
def debug_mode_of_deferred_lists_alone(defer: Any) -> Any:
    defer.DeferredList.debug = True
    try:
        d = defer.DeferredList([defer.succeed(1), defer.Deferred()])
        d.callback(2)
        return bool(d._debugInfo.creator), bool(d._debugInfo.invoker), defer.Deferred()._debugInfo
    finally:
        del defer.DeferredList.debug


@answer
def links_read_while_it_pauses_itself_and_what_paused_is_then(defer: Any) -> Any:
    def first(result: Any) -> Any:
        assert d._callbacks
        d.pause()
        return result

    def second(result: Any) -> Any:
        seen.append(d.paused)
        taker = defer.Deferred()
        taker.addCallback(lambda _: d)
        taker.callback(None)
        seen.append(taker.paused)
        d.unpause()
        seen.append(d.paused)
        return result

    seen: list[Any] = []
    d = defer.Deferred()
    d.addCallback(first)
    d.addCallback(second)
    d.callback(1)
    return seen, d.paused, d.result


@answer
def variables_of_a_generator_that_waits_for_what_has_fired_and_for_what_has_not(defer: Any) -> Any:
    variable = contextvars.ContextVar("variable", default="outer")
    seen: list[str] = []

    def note(result: Any) -> Any:
        seen.append(f"callback {variable.get()}")
        return result

    @defer.inlineCallbacks  # type: ignore[untyped-decorator]
    def run() -> Any:
        variable.set("inner")
        for deferred in (defer.succeed(1), waiting, defer.succeed(2), paused, defer.succeed(3)):
            value = yield deferred
            seen.append(f"generator {value} {variable.get()}")
        try:
            yield defer.fail(ValueError())
        except ValueError:
            variable.set("handled")
        value = yield 4
        seen.append(f"generator {value} {variable.get()}")

    waiting, paused = defer.Deferred(), defer.succeed(5)
    waiting.addBoth(note)
    paused.pause()
    paused.addCallback(note)
    done = run().addBoth(note)
    seen.append(variable.get())
    waiting.callback(6)
    seen.append(variable.get())
    paused.unpause()
    return seen, variable.get(), done.result, paused.result, waiting.result


@answer
def the_end_of_an_iterator_without_a_value(defer: Any) -> Any:
    ends: list[Any] = []
    for value in (None, 1, ()):
        for step in (next, lambda iterator: iterator.send(None)):
            try:
                step(iter(defer.succeed(value)))
            except StopIteration as stop:
                ends.append((stop.args, stop.value))
    return ends


@answer
def a_function_given_to_maybe_deferred_twice(defer: Any) -> Any:
    return error_of(lambda: defer.maybeDeferred(len, f=len))


@answer
def a_list_that_puts_another_in_its_place(defer: Any) -> Any:
    class Callbacks(list[Any]):
        def __bool__(self) -> bool:
            d._callbacks = []
            return True

    seen: list[Any] = []
    call = (seen.append, (), {})
    d = defer.Deferred()
    d._callbacks = Callbacks([(call, call)])
    return error_of(lambda: d.callback(1)), seen


@answer
def self_as_an_argument_of_a_callback(defer: Any) -> Any:
    d = defer.Deferred()
    return [
        error_of(lambda name=name: getattr(d, name)(lambda *a, **k: None, self=1))
        for name in ("addCallback", "addErrback", "addBoth")
    ]


@answer
def unhandled_failures_of_what_has_a_del(defer: Any) -> Any:
    class Deletable(defer.Deferred):  # type: ignore[misc]
        def __del__(self) -> None:
            pass

    with logged_failures() as logged:
        for cycle in (False, True):
            failure = Failure(Boom(cycle))  # older, so collected before the Deferred
            d = Deletable()
            d.errback(failure)
            if cycle:
                d.itself = d
            del d, failure
            gc.collect()
    return logged


def calls_of(cls: Any, name: str, replacement: Any, use: Callable[[], Any]) -> Any:
    """What `use` gives while a method is replaced."""
    missing = object()
    before = vars(cls).get(name, missing)
    setattr(cls, name, replacement)
    try:
        return use()
    finally:
        if before is missing:
            delattr(cls, name)
        else:
            setattr(cls, name, before)


@answer
def init_replaced_on_the_class(defer: Any) -> Any:
    calls: list[int] = []
    original = defer.Deferred.__init__

    def init(self: Any, *args: Any) -> None:
        calls.append(len(args))
        original(self, *args)

    async def coroutine() -> None:
        pass

    def generator() -> Any:
        yield defer.succeed(1)

    def use() -> Any:
        for make in (
            defer.Deferred,
            lambda: defer.Deferred(None),
            lambda: defer.succeed(1),
            lambda: defer.fail(Boom()).addErrback(lambda _: None),
            lambda: defer.maybeDeferred(lambda: 1),
            lambda: defer.ensureDeferred(coroutine()),
            lambda: defer.inlineCallbacks(generator)(),
            lambda: defer.gatherResults([]),
            lambda: defer.DeferredList([]),
        ):
            make()
            yield list(calls)
            calls.clear()

    return calls_of(defer.Deferred, "__init__", init, lambda: list(use()))


@answer
def init_replaced_on_the_list(defer: Any) -> Any:
    calls: list[Any] = []
    original = defer.DeferredList.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        calls.append((len(args), sorted(kwargs)))
        original(self, *args, **kwargs)

    calls_of(defer.DeferredList, "__init__", init, lambda: defer.gatherResults([defer.succeed(1)]))
    return calls


@answer
def firing_replaced_on_the_list_alone(defer: Any) -> Any:
    calls: list[str] = []

    def use(name: str, fire: Callable[[Any], Any]) -> None:
        original = getattr(defer.DeferredList, name)

        def replacement(self: Any, value: Any) -> None:
            calls.append(name)
            original(self, value)

        def collect() -> None:
            d = defer.Deferred()
            collected = defer.DeferredList([d], fireOnOneErrback=True, consumeErrors=True)
            collected.addErrback(lambda _: None)
            fire(d)

        calls_of(defer.DeferredList, name, replacement, collect)

    use("callback", lambda d: d.callback(1))
    use("errback", lambda d: d.errback(Boom()))
    return calls


@answer
def from_coroutine_replaced_on_the_class(defer: Any) -> Any:
    async def coroutine() -> None:
        pass

    def replacement(cls: Any, given: Any) -> str:
        given.close()
        return "replaced"

    return calls_of(
        defer.Deferred,
        "fromCoroutine",
        classmethod(replacement),
        lambda: (defer.ensureDeferred(coroutine()), defer.maybeDeferred(coroutine)),
    )


# --- a result that is not there --------------------------------------------------------------


@answer
def a_result_that_was_deleted(defer: Any) -> Any:
    """Who runs the callbacks is told, and the callback that was next is lost."""

    async def coroutine(d: Any) -> Any:
        return await d

    @defer.inlineCallbacks  # type: ignore[untyped-decorator]
    def generator(d: Any) -> Any:
        yield d

    def chain(d: Any) -> None:
        d.chainDeferred(defer.Deferred())

    seen: list[Any] = []
    uses = [
        lambda d: d.addCallback(seen.append),
        lambda d: d.addErrback(seen.append),
        lambda d: d.addBoth(seen.append),
        lambda d: d.addCallbacks(seen.append, seen.append),
        lambda d: d._runCallbacks(),
        lambda d: defer.DeferredList([d]),
        lambda d: defer.gatherResults([d]),
        lambda d: caught(defer.Deferred.fromCoroutine(coroutine(d))).raiseException(),
        lambda d: defer.Deferred().addCallback(lambda _: d.addCallback(seen.append)).callback(1),
        generator,
        chain,
    ]
    answers = []
    for use in uses:
        d = defer.succeed(1)
        del d.result
        try:
            answers.append(repr(use(d)))
        except AttributeError as error:
            answers.append((str(error), getattr(error, "name", None)))
        answers.append((hasattr(d, "result"), d.called, d._runningCallbacks))
        d.result = "again"
        d.addCallback(seen.append)
    return answers, seen


@answer
def callbacks_that_run_before_there_is_a_result(defer: Any) -> Any:
    d = defer.Deferred()
    return error_of(d._runCallbacks), hasattr(d, "result")


@answer
def a_result_that_goes_from_the_deferred_that_another_waits_for(defer: Any) -> Any:
    seen: list[Any] = []
    inner = defer.Deferred()
    outer = defer.Deferred().addCallback(lambda _: inner).addCallback(seen.append)
    outer.callback(None)
    inner.pause()
    inner.callback(1)
    del inner.result
    return error_of(inner.unpause), outer.paused, seen


@answer
def a_canceller_that_adds_a_callback_as_it_goes(defer: Any) -> Any:
    """The Deferred is called by then, and has no result yet."""

    class Canceller:
        def __call__(self, deferred: Any) -> None:
            pass

        def __del__(self) -> None:
            seen.append(error_of(lambda: d.addCallback(seen.append)))

    seen: list[Any] = []
    d = defer.Deferred(Canceller())
    d.addCallback(seen.append)
    d.addCallback(seen.append)
    d.callback(1)
    return seen


@answer
def callbacks_that_are_listed_as_the_result_is_asked_for_its_class(defer: Any) -> Any:
    """None of them is lost."""

    def run(when: int) -> Any:
        class Result:
            @property  # type: ignore[misc]
            def __class__(self) -> type:  # noqa: D105
                looks.append(None)
                if len(looks) == when:
                    d._callbacks  # noqa: B018
                return Result

        looks: list[None] = []
        out: list[int] = []
        d = defer.Deferred()
        for number in range(3):
            d.addCallback(lambda result, number=number: (out.append(number), result)[1])
        d.callback(Result())
        return out, d._callbacks

    return [run(when) for when in range(1, 8)]


@answer
def a_result_that_a_replaced_constructor_gives(defer: Any) -> Any:
    """It goes as stock's does when another takes its place."""

    class Result:
        pass

    given: list[Any] = []
    original = defer.Deferred.__init__

    def __init__(self: Any, *args: Any) -> None:
        original(self, *args)
        self.result = Result()
        given.append(weakref.ref(self.result))

    defer.Deferred.__init__ = __init__
    try:
        made = [defer.succeed(1), defer.maybeDeferred(lambda: 2)]
    finally:
        defer.Deferred.__init__ = original
    return [d.result for d in made], [result() for result in given]


@pytest.mark.parametrize("ask", ANSWERS, ids=lambda f: f.__name__)
def test_the_answer_is_that_of_stock(ask: Answer) -> None:
    subclasses = list(stock._DEFERRED_SUBCLASSES)
    assert ask(ours) == ask(stock)
    stock._DEFERRED_SUBCLASSES[:] = subclasses


# --- what only concerns ours --------------------------------------------------------------------


def test_the_mirror_has_every_public_name() -> None:
    assert ours.__all__ == list(stock.__all__)
    assert [name for name in stock.__all__ if not hasattr(ours, name)] == []


def test_stock_and_ours_take_each_other_for_deferreds() -> None:
    assert isinstance(ours.Deferred(), stock.Deferred)
    assert isinstance(stock.Deferred(), ours.Deferred)
    assert isinstance(stock.DeferredList([]), ours.DeferredList)
    assert issubclass(stock.Deferred, ours.Deferred)
    assert issubclass(ours.Deferred, stock.Deferred)


def test_a_method_replaced_on_the_class_is_called_by_c_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    original = ours.Deferred.addBoth

    def addBoth(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(self)
        return original(self, *args, **kwargs)

    @ours.inlineCallbacks
    def generator(d: Any) -> Any:
        yield d

    waiting: list[Any] = [ours.Deferred() for _ in range(3)]
    generator(waiting[0])
    with monkeypatch.context() as patch:
        patch.setattr(ours.Deferred, "addBoth", addBoth)
        generator(waiting[1])
    generator(waiting[2])
    assert seen == [waiting[1]]


@pytest.mark.parametrize("canceller", [None, lambda deferred: None])
def test_an_error_that_is_gone_is_missed_by_its_name(
    canceller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    deferred: ours.Deferred[None] = ours.Deferred(canceller)
    monkeypatch.delattr(stock, "CancelledError")
    with pytest.raises(NameError, match="name 'CancelledError' is not defined"):
        deferred.cancel()
    assert not deferred.called


def test_registering_a_class_makes_it_a_deferred() -> None:
    class Virtual:
        pass

    assert not isinstance(Virtual(), ours.DeferredList)
    ours.DeferredList.register(Virtual)
    assert isinstance(Virtual(), ours.DeferredList)


def test_status_tells_that_nothing_was_replaced() -> None:
    in_c, reason = part.status()
    assert (in_c, reason) == (False, part.status()[1])
    assert stock.Deferred is not _core.Deferred
    assert "Deferred" in reason


def test_a_result_deleted_while_a_link_is_taken_does_no_harm() -> None:
    class Errback:
        def __call__(self, failure: Any) -> Any:
            return failure

        def __del__(self) -> None:
            del d.result

    seen: list[Any] = []
    d: Any = ours.Deferred()
    d.addCallbacks(lambda result: result, Errback())
    d.addCallback(seen.append)
    d.callback(1)
    assert not seen
    d.addErrback(lambda failure: seen.append(failure.type))
    assert seen == [AttributeError]


def test_a_result_deleted_while_it_is_taken_does_no_harm() -> None:
    class Other(ours.Deferred):
        def __del__(self) -> None:
            del d.result

    @ours.inlineCallbacks
    def generator() -> Any:
        return (yield d)

    d: Any = ours.succeed(1)
    d._chainedTo = Other()
    assert generator().result == 1


def test_a_result_that_goes_when_it_is_asked_for_its_class_does_no_harm() -> None:
    class Result:
        @property  # type: ignore[misc]
        def __class__(self) -> type:  # noqa: D105
            if d.result is self and armed:
                del d.result
            return Failure

    async def coroutine() -> Any:
        return await d

    armed: list[bool] = []
    d: Any = ours.Deferred()
    d.callback(Result())
    armed.append(True)
    outcome: list[Any] = []
    # A Deferred without a result is waited for by Twisted 25.5, which then finds none to give to
    # the coroutine, and refused by later releases.
    try:
        ours.Deferred.fromCoroutine(coroutine()).addBoth(outcome.append)
    except AttributeError:
        outcome.append(Failure())
    assert outcome[0].type is AttributeError


def test_frames_of_tracebacks_know_nobody() -> None:
    d: Any = ours.Deferred().addCallback(lambda _: 1 // 0)
    d.callback(None)
    failure = caught(d)
    shown = [frame for frame, _ in traceback.walk_tb(failure.getTracebackObject())]
    assert shown[0].f_code.co_name == "_runCallbacks"
    assert shown[0].f_back is None
    assert shown[0].f_locals == {}
    traceback.clear_frames(failure.getTracebackObject())
