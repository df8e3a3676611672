"""
Every allocation of a path fails once: what comes is MemoryError or a clean end, nothing else.

    python -m tests.trust.allocations ALLOCATOR.so PATH [--tells N] [--own]

ALLOCATOR.so is allocator.c, compiled.  The path runs once for each allocation that it makes, which
then fails, and right after that once undisturbed, which has to succeed.  A crash or a hang is seen
from outside.  --tells N prints the stack of the N-th allocation.  --own has only those fail that
the extension asks for: an asyncio event loop, for one, loses a call for which it has no memory.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import importlib.util
import io
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from tests.trust.installed import reactor  # isort: skip
from twisted.internet import defer, protocol
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.logger import (
    FilteringLogObserver,
    Logger,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.protocols import basic
from twisted.python import log as legacy
from twisted.python.failure import Failure
from twisted.web import resource as web_resource
from twisted.web import server as web_server
from twisted.web._newclient import HTTPClientParser, Request
from twisted.web.http_headers import Headers

from tests.tls.test_records import Pair
from tests.trust import leaks

PATHS: dict[str, Callable[[], object]] = {}
#: Seconds after which a path hangs.
TOO_LONG = 60
#: Iterations in which a path of the reactor has to come to its end.
ITERATIONS = 200
#: So often one allocation fails to see whether something is lost by it.
REPEATS = 6


def path(run: Callable[[], object]) -> Callable[[], object]:
    """A decorator: one more of PATHS."""
    PATHS[run.__name__] = run
    return run


class Expected(Exception):
    """What these raise."""


# ---- Deferreds ----


@path
def deferred() -> None:
    inner: Any = defer.Deferred()
    d: Any = defer.Deferred(lambda d: None)
    d.addCallback(lambda r, *a, **k: r, 1, key=2).addErrback(lambda f: None)
    d.addCallback(lambda r: inner).addBoth(lambda r: 1 // 0).addErrback(lambda f: 3)
    d.addTimeout(100, reactor)
    d.callback(1)
    inner.callback(2)
    assert d.result == 3


@path
def deferred_cancelled() -> None:
    seen: list[Any] = []
    d: Any = defer.Deferred()
    d.addErrback(seen.append)
    d.cancel()
    assert seen[0].check(defer.CancelledError)


@path
def generator() -> None:
    @defer.inlineCallbacks  # type: ignore[misc]
    def run(waiting: Any) -> Any:
        one = yield defer.succeed(1)
        two = yield waiting
        try:
            yield defer.fail(Expected())
        except Expected:
            return one + two

    waiting: Any = defer.Deferred()
    d = run(waiting)
    waiting.callback(2)
    assert d.result == 3


@path
def coroutine() -> None:
    async def run(waiting: Any) -> Any:
        return await defer.succeed(1) + await waiting

    waiting: Any = defer.Deferred()
    d = defer.ensureDeferred(run(waiting))
    waiting.callback(2)
    assert d.result == 3


@path
def lists() -> None:
    several: list[Any] = [defer.Deferred() for _ in range(3)]
    gathered = defer.gatherResults(several)
    listed = defer.DeferredList(several, consumeErrors=True)
    for number, d in enumerate(several):
        d.callback(number)
    assert gathered.result == [0, 1, 2]
    assert [result for _, result in listed.result] == [0, 1, 2]


# ---- framings ----


def framed(receiver: Any, stream: bytes) -> None:
    made = receiver()
    made.makeConnection(leaks.Sink())
    if receiver is leaks.Expressions:
        made._selectDialect(b"none")
    for at in range(0, len(stream), 5):
        made.dataReceived(stream[at : at + 5])


@path
def lines() -> None:
    framed(leaks.Lines, b"a line\r\nand another\r\n")


@path
def ints() -> None:
    framed(leaks.Ints, b"\0\0\0\3one\0\0\0\0")


@path
def netstrings() -> None:
    framed(leaks.Netstrings, b"3:one,3:two,")


@path
def expressions() -> None:
    framed(leaks.Expressions, leaks.banana_stream())


# ---- the reactor ----


def turn(done: Callable[[], object]) -> None:
    """Iterate until that is true, but not for ever."""
    for _ in range(ITERATIONS):
        if done():
            return
        reactor.iterate(0.005)
    raise AssertionError("the loop did not come to an end")


@path
def timed_calls() -> None:
    called: list[int] = []
    reactor.callLater(0, called.append, 1)
    reactor.callLater(100, called.append, 2).cancel()
    later = reactor.callLater(100, called.append, 3)
    later.reset(0)
    turn(lambda: len(called) == 2)


@path
def thread_calls() -> None:
    called: list[int] = []
    reactor.callFromThread(called.append, 1)
    reactor.callFromThread(called.append, 2)
    turn(lambda: len(called) == 2)


class Counts:
    """Connections opened and lost: each is lost once."""

    def __init__(self) -> None:
        self.open = 0
        self.ended = 0
        self.failed = 0


COUNTS = Counts()


class Counted(basic.LineReceiver):
    lost = 0

    def connectionMade(self) -> None:
        COUNTS.open += 1

    def lineReceived(self, line: bytes) -> None:
        self.sendLine(line)

    def connectionLost(self, reason: Any = None) -> None:
        self.lost += 1
        COUNTS.open -= 1
        COUNTS.ended += 1
        if self.lost != 1:
            print("connectionLost came twice", flush=True)
            sys.exit(1)


class Client(Counted):
    def connectionMade(self) -> None:
        super().connectionMade()
        self.sendLine(b"hello")
        self.transport.writeSequence([b"wor", b"ld\r\n"])

    def lineReceived(self, line: bytes) -> None:
        if line == b"world":
            self.transport.loseConnection()


class Clients(protocol.ClientFactory):
    protocol = Client
    noisy = False

    def clientConnectionFailed(self, connector: object, reason: object) -> None:
        COUNTS.failed += 1


def connection(connect: Callable[[Any], Any]) -> None:
    """One connection, and its end on both sides; or none, where it failed."""
    before = COUNTS.ended, COUNTS.failed
    connector = connect(Clients())
    try:
        turn(lambda: COUNTS.failed > before[1] or COUNTS.ended >= before[0] + 2)
    finally:
        connector.disconnect()


PORTS: dict[str, Any] = {}


def listening(kind: str, listen: Callable[[Any], Any]) -> Any:
    """The port of this kind; a new one where memory ran out in its doRead, which closed it."""
    if kind not in PORTS or not PORTS[kind].connected:
        factory = protocol.Factory.forProtocol(Counted)
        factory.noisy = False
        PORTS[kind] = listen(factory)
    return PORTS[kind]


@path
def tcp() -> None:
    port = listening("tcp", lambda f: reactor.listenTCP(0, f, interface="127.0.0.1"))
    number = port.getHost().port
    connection(lambda factory: reactor.connectTCP("127.0.0.1", number, factory, timeout=1))


@path
def unix() -> None:
    # Of the abstract kind: no file stays.
    port = listening("unix", lambda f: reactor.listenUNIX(f"\0{os.getpid()}-{len(PORTS)}", f))
    name = port.getHost().name
    connection(lambda factory: reactor.connectUNIX(name, factory, timeout=1))


@path
def datagrams() -> None:
    received: list[bytes] = []

    class Takes(protocol.DatagramProtocol):
        def datagramReceived(self, data: bytes, addr: Any) -> None:
            received.append(data)
            if len(received) < 2:
                self.transport.write(data, addr)

    port = reactor.listenUDP(0, Takes(), interface="127.0.0.1")
    try:
        port.write(b"hello", ("127.0.0.1", port.getHost().port))
        turn(lambda: len(received) == 2)
    finally:
        port.stopListening()
        reactor.iterate(0)


@path
def tls() -> None:
    pair = Pair(reactions=["answer"])
    pair.settle()
    pair.ends["client"].write(b"x" * 100)
    pair.settle()
    pair.ends["client"].loseConnection()
    pair.settle()


# ---- log ----


@path
def log_file() -> None:
    text = io.StringIO()
    to_file = textFileLogObserver(text)
    log = Logger("trust", observer=FilteringLogObserver(to_file, [LogLevelFilterPredicate()]))
    log.info("{a} and {b.real!r}", a="text", b=1)
    log.warn("of {n} kinds", n=2)
    assert len(text.getvalue().splitlines()) == 2


@path
def log_legacy() -> None:
    heard: list[Any] = []
    legacy.addObserver(heard.append)
    try:
        legacy.msg("a text", system="trust")
        legacy.msg(format="%(n)d texts", n=2)
    finally:
        legacy.removeObserver(heard.append)
    assert [legacy.textFromEventDict(event) for event in heard] == ["a text", "2 texts"]


# ---- web ----


class Page(web_resource.Resource):
    isLeaf = True

    def render(self, request: Any) -> bytes:
        request.setHeader(b"X-Other", b"value")
        request.addCookie(b"name", b"value")
        return b"hello " + request.content.read() + request.args.get(b"a", [b""])[0]


def served(requests: bytes) -> bytes:
    """What a site answers."""
    site = web_server.Site(Page())
    site.log = lambda request: None  # type: ignore[method-assign]
    channel: Any = site.buildProtocol(None)
    wire = StringTransport()
    channel.makeConnection(wire)
    try:
        for at in range(0, len(requests), 60):
            channel.dataReceived(requests[at : at + 60])
    finally:
        channel.connectionLost(Failure(ConnectionDone()))
    return wire.value()


@path
def http_requests() -> None:
    get = b"GET /a?a=b HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nCookie: c=d\r\n\r\n"
    answers = served(2 * get)
    assert answers.count(b"HTTP/1.1 200 OK") == answers.count(b"hello b") == 2


@path
def http_bodies() -> None:
    whole = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
    chunks = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    answers = served(whole + chunks + b"4\r\nbody\r\n0\r\n\r\n")
    assert answers.count(b"hello body") == 2


@path
def http_response() -> None:
    request: Any = Request(b"GET", b"/", Headers({b"host": [b"localhost"]}), None)
    parser: Any = HTTPClientParser(request, lambda rest: None)
    parser.makeConnection(StringTransport())
    parser.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Other: a\r\nX-")
    parser.dataReceived(b"Other: b\r\n\r\nbo")
    got: list[bytes] = []

    class Takes(protocol.Protocol):
        def dataReceived(self, data: bytes) -> None:
            got.append(data)

    parser.response.deliverBody(Takes())
    parser.dataReceived(b"dy")
    assert b"".join(got) == b"body"


# ---- failing one after the other ----


def tidy() -> None:
    """End what a failed run has left open, as a program would at its end."""
    for call in reactor.getDelayedCalls():
        call.cancel()
    for selectable in {*reactor.getReaders(), *reactor.getWriters()}:
        if hasattr(selectable, "abortConnection"):
            selectable.abortConnection()
        elif selectable not in PORTS.values() and hasattr(selectable, "stopListening"):
            selectable.stopListening()
    for _ in range(4):
        reactor.iterate(0.001)


class Sweep:
    """A path, run again and again with another allocation failing."""

    def __init__(
        self, allocator: Any, run: Callable[[], object], by_reactor: bool, own: bool
    ) -> None:
        self.allocator = allocator
        self.run = run
        self.by_reactor = by_reactor
        self.own = own
        self.outcomes: dict[str, int] = {}

    def once(self, number: int, tells: bool = False) -> bool:
        """Let the allocation of this number fail; whether there was such a one."""
        faulthandler.dump_traceback_later(TOO_LONG, exit=True)
        self.allocator.arm(number, tells, self.own)
        try:
            self.run()
        except MemoryError:
            outcome = "MemoryError"
        except Exception as error:
            outcome = type(error).__name__
            if tells or isinstance(error, SystemError):
                print(f"allocation {number}:", flush=True)
                traceback.print_exc()
        else:
            outcome = "went on"
        reached = bool(self.allocator.disarm())
        if self.by_reactor:
            tidy()
        faulthandler.cancel_dump_traceback_later()
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + reached
        return reached

    def undisturbed(self) -> None:
        faulthandler.dump_traceback_later(TOO_LONG, exit=True)
        self.run()
        if self.by_reactor:
            tidy()
        faulthandler.cancel_dump_traceback_later()

    def lost(self, number: int) -> int:
        """Blocks that are lost each time when this allocation fails; 0 where only at times."""
        growth = []
        for _ in range(REPEATS):
            gc.collect()
            before = sys.getallocatedblocks()
            self.once(number)
            self.undisturbed()
            gc.collect()
            growth.append(sys.getallocatedblocks() - before)
        return min(growth)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.trust.allocations", description=__doc__)
    parser.add_argument("allocator")
    parser.add_argument("path", choices=PATHS)
    parser.add_argument("--tells", type=int, default=0)
    parser.add_argument("--own", action="store_true")
    parser.add_argument("--references", action="store_true", help="look for lost ones, too")
    options = parser.parse_args()
    spec = importlib.util.spec_from_file_location("allocator", options.allocator)
    assert spec is not None and spec.loader is not None
    allocator: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(allocator)
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    by_reactor = options.path in ("timed_calls", "thread_calls", "tcp", "unix", "datagrams")
    sweep = Sweep(allocator, PATHS[options.path], by_reactor, options.own)
    for _ in range(20):
        sweep.undisturbed()
    if options.tells:
        sweep.once(options.tells, True)
        print(sweep.outcomes)
        return 0
    gc.collect()
    gc.freeze()
    number, losers = 1, []
    while sweep.once(number):
        sweep.undisturbed()
        if options.references and (lost := sweep.lost(number)) > 0:
            losers.append((number, lost))
        number += 1
    told = ", ".join(f"{name} {times}" for name, times in sorted(sweep.outcomes.items()) if times)
    print(f"{options.path}: {number - 1} allocations failed: {told}", flush=True)
    for at, lost in losers:
        print(f"{options.path}: allocation {at} loses {lost} blocks each time", flush=True)
    return int(bool(losers))


if __name__ == "__main__":
    sys.exit(main())
