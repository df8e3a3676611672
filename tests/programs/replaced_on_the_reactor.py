"""Methods of the reactor that are replaced, and put back, while it runs: which are called?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet import defer, reactor

NAMES = ("callLater", "callFromThread", "wakeUp", "runUntilCurrent", "timeout", "doIteration")

called: list[str] = []


def noting(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def method(*args: Any, **kwargs: Any) -> Any:
        called.append(name)
        return original(*args, **kwargs)

    return method


@contextmanager
def replaced(where: Any, name: str) -> Iterator[None]:
    """As mock.patch.object does it."""
    original = getattr(where, name)
    is_own = name in vars(where)
    setattr(where, name, noting(name, original))
    yield
    if is_own:
        setattr(where, name, original)
    else:
        delattr(where, name)


@defer.inlineCallbacks
def work() -> Any:
    """Calls from a thread and timed ones, and two turns."""
    came = []
    done: defer.Deferred[None] = defer.Deferred()
    reactor.callFromThread(came.append, "from a thread")
    reactor.callLater(0, reactor.callLater, 0, done.callback, None)
    yield done
    return came


@defer.inlineCallbacks
def main() -> Any:
    for where in (type(reactor), reactor, type(reactor)):
        for name in NAMES:
            called.clear()
            with replaced(where, name):
                came = yield work()
            times = called.count(name) if name == "callLater" else name in called
            print("class" if isinstance(where, type) else "instance", name, times, came)
            called.clear()
            came = yield work()
            print("put back", called, came)
    print("all replaced")
    reactor.stop()


reactor.callWhenRunning(main)
reactor.run()
