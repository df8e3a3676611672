"""
A program whose callbacks block the reactor, each until the watchdog has seen it: ``KIND``.

Prints what the watchdog logs, and ends.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet import defer, protocol, reactor, task, threads
from twisted.logger import formatEvent, globalLogPublisher
from twisted.protocols.basic import LineReceiver
from twisted.web import resource, server

from pyreactor._watch import watchdog

#: Set once the stack of what waits for it was taken.
taken = threading.Event()
take = watchdog.Watchdog.take


def take_and_tell(self: watchdog.Watchdog, number: int) -> watchdog.Sample:
    sample = take(self, number)
    # Not of the start of a thread, which may take long, too, where the machine is busy.
    codes = [place.code for place in sample.stack if place.code.co_name != "<module>"]
    if any("taken" in code.co_names for code in codes):
        taken.set()
    return sample


watchdog.Watchdog.take = take_and_tell  # type: ignore[method-assign]


class Slow(resource.Resource):
    """Of twisted.web."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        taken.wait(60)
        return b"done"


class SlowLines(LineReceiver):
    def lineReceived(self, line: bytes) -> None:
        taken.wait(60)
        self.transport.loseConnection()


class Sender(protocol.Protocol):
    def connectionMade(self) -> None:
        self.transport.write(self.factory.message)


def serve(factory: protocol.Factory, message: bytes) -> None:
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    client = protocol.ClientFactory.forProtocol(Sender)
    client.message = message
    reactor.connectTCP("127.0.0.1", port.getHost().port, client)


def in_a_loop() -> None:
    taken.wait(60)


@defer.inlineCallbacks
def in_a_generator() -> Any:
    yield task.deferLater(reactor, 0.001)
    taken.wait(60)


async def in_a_coroutine() -> None:
    await task.deferLater(reactor, 0.001)
    taken.wait(60)


def from_a_thread() -> None:
    taken.wait(60)


def in_a_callback(_: object) -> None:
    taken.wait(60)


def at_shutdown() -> None:
    taken.wait(60)


def raises() -> None:
    taken.wait(60)
    raise RuntimeError("after it blocked")


def iterates() -> None:
    reactor.callLater(0, in_a_loop)
    for _ in range(3):
        reactor.iterate(0.01)


KINDS: dict[str, Callable[[], object]] = {
    "resource": lambda: serve(server.Site(Slow()), b"GET / HTTP/1.0\r\n\r\n"),
    "lines": lambda: serve(protocol.Factory.forProtocol(SlowLines), b"hello\r\n"),
    "loop": lambda: task.LoopingCall(in_a_loop).start(100),
    "generator": in_a_generator,
    "coroutine": lambda: defer.ensureDeferred(in_a_coroutine()),
    "thread": lambda: reactor.callInThread(reactor.callFromThread, from_a_thread),
    "deferred": lambda: threads.deferToThread(int).addCallback(in_a_callback),
    "shutdown": lambda: reactor.addSystemEventTrigger("before", "shutdown", at_shutdown),
    "raises": lambda: reactor.callLater(0, raises),
    "iterate": lambda: reactor.callLater(0, iterates),
}


def show(event: Any) -> None:
    if event["log_namespace"] == "pyreactor.watch":
        print(formatEvent(event), flush=True)
        if taken.is_set():
            reactor.callLater(0.05, finish)


def finish() -> None:
    if reactor.running:
        reactor.stop()


if __name__ == "__main__":
    globalLogPublisher.addObserver(show)
    # Later than the program's start, which may be slow itself.
    reactor.callLater(0, KINDS[sys.argv[1]])
    if sys.argv[1] == "shutdown":
        reactor.callLater(0.01, finish)
    reactor.callLater(90, finish)
    reactor.run()
