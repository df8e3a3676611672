"""``task.react`` with results, errors, exits and signals."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from twisted.internet import defer, task
from twisted.python import log


def number(reactor: Any) -> Any:
    return task.deferLater(reactor, 0.01, lambda: 3)


def already(reactor: Any) -> Any:
    return defer.succeed(None)


def leave(reactor: Any) -> Any:
    def go() -> None:
        sys.exit(7)

    return task.deferLater(reactor, 0.01, go)


def leave_at_once(reactor: Any) -> Any:
    sys.exit("with words")


def fail(reactor: Any) -> Any:
    return task.deferLater(reactor, 0.01, lambda: 1 / 0)


def fail_at_once(reactor: Any) -> Any:
    return 1 / 0


def stopped(reactor: Any) -> Any:
    reactor.callLater(0.01, reactor.stop)
    return defer.Deferred(lambda _: print("cancelled"))


def by_signal(which: int) -> Any:
    def main(reactor: Any) -> Any:
        reactor.callLater(0.01, os.kill, os.getpid(), which)
        reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: task.deferLater(reactor, 0.01, print, "before")
        )
        reactor.addSystemEventTrigger("during", "shutdown", print, "during")
        return defer.Deferred()

    return main


interrupted, terminated = by_signal(signal.SIGINT), by_signal(signal.SIGTERM)


async def coroutine(reactor: Any, *arguments: str) -> None:
    print("arguments", arguments)
    for each in range(3):
        await task.deferLater(reactor, 0.001)
        print(each)
    await defer.gatherResults([task.deferLater(reactor, 0.001 * n, int) for n in range(5)])
    raise SystemExit(5)


def own_handler(reactor: Any) -> Any:
    done: Any = defer.Deferred()

    def heard(number: int, frame: Any) -> None:
        print("heard", number)
        reactor.callFromThread(done.callback, None)

    signal.signal(signal.SIGTERM, heard)
    reactor.callLater(0.01, os.kill, os.getpid(), signal.SIGTERM)
    return done


def trigger_fails(reactor: Any) -> Any:
    reactor.addSystemEventTrigger("before", "shutdown", lambda: 1 / 0)
    reactor.addSystemEventTrigger("after", "shutdown", print, "after")
    return task.deferLater(reactor, 0.01)


log.addObserver(
    lambda event: (
        event.get("isError") and print("logged", event["failure"].type.__name__, flush=True)
    )
)
which = sys.argv[1]
task.react(globals()[which], ("a", "b") if which == "coroutine" else ())
