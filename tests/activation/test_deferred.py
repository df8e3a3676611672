"""Activation early and late, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from tests.support import CHECKOUT, TIMEOUT

EARLY = """
import twisted.internet.defer
from pyreactor._activation import deferred
deferred.activate(twisted.internet.defer)
deferred.activate(twisted.internet.defer)
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredList, succeed, inlineCallbacks
from pyreactor import _core
assert deferred.status()[0], deferred.status()
"""

LATE = """
import sys, types
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredList, succeed, inlineCallbacks, fail
Stock, StockList, stock_succeed = Deferred, DeferredList, succeed
stock_inline = inlineCallbacks

user = types.ModuleType("user")
sys.modules["user"] = user
exec('''
from twisted.internet import defer
from twisted.internet.defer import Deferred, inlineCallbacks
class Holder:
    factory = Deferred
    class Inner:
        factory = Deferred
def make(factory=Deferred, *, other=Deferred):
    return factory(), other()
@inlineCallbacks
def generator(d):
    result = yield d
    return result
''', user.__dict__)

keeper = types.ModuleType("keeper")
sys.modules["keeper"] = keeper
exec('''
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredList
class Mine(Deferred):
    def __init__(self, name):
        Deferred.__init__(self)
        self.name = name
    def callback(self, result):
        defer.Deferred.callback(self, (self.name, result))
class MyList(DeferredList):
    pass
''', keeper.__dict__)
instances = Stock(), keeper.Mine("before")
made = [Stock() for _ in range(8)]

from pyreactor._activation import deferred
deferred.activate(defer)
from pyreactor import _core
assert deferred.status()[0], deferred.status()
"""


def run(prelude: str, body: str) -> None:
    """Run the body after the prelude; what is logged or printed as an error fails it."""
    script = prelude + textwrap.dedent(body)
    env = dict(os.environ, PYTHONPATH=f"{CHECKOUT}", PYREACTOR="0")
    done = subprocess.run(
        check=False,
        args=[sys.executable, "-c", script],
        env=env,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_early_activation_replaces_the_names() -> None:
    run(
        EARLY,
        """
        assert Deferred is _core.Deferred
        assert DeferredList is _core.DeferredList
        assert repr(Deferred) == "<class 'twisted.internet.defer.Deferred'>"
        assert type(succeed(1)) is Deferred
        assert type(defer.DeferredLock().acquire()) is Deferred
        assert type(defer.race([succeed(1)])) is Deferred
        assert type(defer.execute(int)) is Deferred
        assert defer._DEFERRED_SUBCLASSES[:2] == [Deferred, DeferredList]
        assert inlineCallbacks.__module__
        import pickle
        assert pickle.loads(pickle.dumps(succeed(5))).result == 5
        assert pickle.loads(pickle.dumps(Deferred)) is Deferred
        """,
    )


def test_status_before_activation_says_no() -> None:
    run(
        "from pyreactor._activation import deferred\n",
        """
        assert deferred.status()[0] is False
        import twisted.internet.defer
        assert deferred.status()[0] is False
        import pyreactor.defer
        assert deferred.status()[0] is False
        """,
    )


def test_the_mirror_works_after_activation() -> None:
    run(
        EARLY,
        """
        from pyreactor import defer as mirror
        assert mirror.Deferred is Deferred
        assert type(mirror.DeferredQueue().get()) is Deferred
        assert isinstance(mirror.DeferredLock(), defer.DeferredLock)
        """,
    )


def test_late_activation_rebinds_names_in_loaded_modules() -> None:
    run(
        LATE,
        """
        ours = _core.Deferred
        assert Deferred is ours and user.Deferred is ours
        assert user.Holder.factory is ours and user.Holder.Inner.factory is ours
        assert [type(d) for d in user.make()] == [ours, ours]
        assert type(user.generator(made[0])) is ours
        assert type(succeed(1)) is ours
        """,
    )


def test_late_activation_keeps_stock_subclasses_working() -> None:
    run(
        LATE,
        """
        d = keeper.Mine("x")
        d.callback(1)
        assert d.result == ("x", 1)
        assert keeper.MyList([succeed(1), stock_succeed(2)]).result == [(True, 1), (True, 2)]
        assert StockList([succeed(1)]).result == [(True, 1)]
        assert isinstance(d, Deferred) and isinstance(instances[0], Deferred)
        assert isinstance(keeper.MyList([]), DeferredList)
        assert issubclass(keeper.Mine, Deferred)
        """,
    )


CROSSINGS = {
    "chaining": """
        inner, outer = Inner(), Outer()
        outer.addCallback(lambda _: inner).addCallback(lambda r: r + 1)
        outer.callback(None)
        assert outer.paused == 1 and outer._chainedTo is inner
        inner.callback(1)
        assert (outer.result, outer.paused, outer._chainedTo) == (2, 0, None)
        assert inner.result is None
        """,
    "chaining with one that has fired": """
        inner, outer = Inner(), Outer()
        inner.callback(1)
        outer.addCallback(lambda _: inner)
        outer.callback(None)
        assert (outer.result, inner.result) == (1, None)
        """,
    "a failure goes over": """
        inner, outer = Inner(), Outer()
        inner.errback(ValueError())
        outer.addCallback(lambda _: inner)
        outer.callback(None)
        seen = []
        outer.addErrback(lambda f: seen.append(f.type))
        assert seen == [ValueError]
        """,
    "a chain that changes sides": """
        first = previous = Inner()
        for number in range(300):
            following = (Outer, Inner)[number % 2]()
            following.addCallback(lambda _, previous=previous: previous)
            following.callback(None)
            previous = following
        first.callback("there")
        assert previous.result == "there"
        """,
    "chainDeferred": """
        inner, outer = Inner(), Outer()
        inner.chainDeferred(outer)
        inner.callback(1)
        assert outer.result == 1
        """,
    "cancelling": """
        cancelled = []
        inner, outer = Inner(cancelled.append), Outer()
        outer.addCallback(lambda _: inner)
        outer.callback(None)
        outer.addErrback(lambda f: f.type)
        outer.cancel()
        assert cancelled == [inner] and outer.result is defer.CancelledError
        """,
    "a generator": """
        inner = Inner()
        @defer.inlineCallbacks
        def generator():
            first = yield inner
            second = yield fired(2)
            return first, second
        def fired(value):
            d = Inner()
            d.callback(value)
            return d
        running = generator()
        outer = Outer()
        outer.addCallback(lambda _: running)
        outer.callback(None)
        inner.callback(1)
        assert outer.result == (1, 2)
        """,
    "a coroutine": """
        inner = Inner()
        async def coroutine():
            try:
                await inner
            except ValueError:
                return "caught"
        running = Outer.fromCoroutine(coroutine())
        inner.errback(ValueError())
        assert running.result == "caught"
        """,
    "cancelling a generator": """
        inner = Inner()
        @defer.inlineCallbacks
        def generator():
            try:
                yield inner
            except defer.CancelledError:
                return "cancelled"
        outer = Outer()
        running = generator()
        outer.addCallback(lambda _: running)
        outer.callback(None)
        outer.cancel()
        assert outer.result == "cancelled"
        """,
    "gathering": """
        a, b = Inner(), Outer()
        together = defer.gatherResults([a, b]), StockList([a, b]), DeferredList([a, b])
        a.callback(1)
        b.callback(2)
        pairs = [(True, 1), (True, 2)]
        assert [t.result for t in together] == [[1, 2], pairs, pairs]
        """,
    "ensureDeferred and maybeDeferred give it back": """
        inner = Inner()
        assert defer.ensureDeferred(inner) is inner
        assert defer.maybeDeferred(lambda: inner) is inner
        """,
}


@pytest.mark.parametrize("classes", ["Stock, Ours", "Ours, Stock"])
@pytest.mark.parametrize("crossing", CROSSINGS)
def test_both_kinds_work_together(classes: str, crossing: str) -> None:
    setting = f"Ours = _core.Deferred\nInner, Outer = {classes}\n"
    run(LATE + setting, CROSSINGS[crossing])


def test_an_interpreter_ends_well_with_deferreds_left() -> None:
    run(
        EARLY,
        """
        import builtins
        @inlineCallbacks
        def generator(d):
            yield d
        builtins.keep = [Deferred(), succeed(1), generator(Deferred())]
        builtins.keep[0].me = builtins.keep
        """,
    )


@pytest.mark.parametrize("prelude", [EARLY, LATE], ids=["early", "late"])
def test_c_code_still_skips_the_names_of_methods(prelude: str) -> None:
    """Activation itself must not look like a program that replaces methods."""
    run(
        prelude,
        """
        chain = [defer.Deferred() for _ in range(20000)]
        for first, second in zip(chain, chain[1:]):
            first.chainDeferred(second)
        chain[0].callback(1)
        assert chain[-1].result == 1  # by name, each would be a call inside a call
        """,
    )


def test_errors_replaced_in_the_module_are_what_cancelling_and_collecting_give() -> None:
    run(
        EARLY,
        """
        cancelled = defer.CancelledError = type("Cancelled", (defer.CancelledError,), {})
        first = defer.FirstError = type("First", (defer.FirstError,), {})
        failures = []
        waiting = Deferred().addErrback(failures.append)
        waiting.cancel()
        one = Deferred()
        defer.gatherResults([one], consumeErrors=True).addErrback(failures.append)
        one.errback(ValueError())
        assert [failure.type for failure in failures] == [cancelled, first]
        """,
    )


def test_the_status_tells_of_what_is_replaced_in_vain() -> None:
    run(
        EARLY,
        """
        from pyreactor._activation import deferred
        before = deferred.status()
        defer.Failure = type("Failure", (defer.Failure,), {})
        after = deferred.status()
        assert before[0] and after[0]
        assert after[1] == before[1] + "; replaced, but not used by Deferreds: Failure"
        """,
    )


def test_the_status_tells_of_what_a_program_replaced() -> None:
    run(
        EARLY,
        """
        from pyreactor._activation import deferred
        before = deferred.status()
        defer.Deferred.debug = True
        defer.Deferred.debug = False
        assert deferred.status() == before
        stock = defer.Deferred.addCallback
        drives = defer._inlineCallbacks
        defer.Deferred.addCallback = lambda self, *args: stock(self, *args)
        defer.DeferredList.extra = 1
        defer._inlineCallbacks = lambda *args: drives(*args)
        told = "Deferred.addCallback, DeferredList.extra, _inlineCallbacks"
        assert deferred.status() == (False, f"not in C, as replaced: {told}"), deferred.status()
        defer.Deferred.addCallback = stock
        del defer.DeferredList.extra
        defer._inlineCallbacks = drives
        assert deferred.status() == before, deferred.status()
        defer.maybeDeferred = lambda f: f
        told = "twisted.internet.defer has its own maybeDeferred"
        assert deferred.status() == (False, told), deferred.status()
        """,
    )
