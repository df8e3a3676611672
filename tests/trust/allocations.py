"""
Every allocation of a path fails once: what comes is MemoryError or a clean end, nothing else.

    python -m tests.trust.allocations ALLOCATOR.so PATH [--tells N]

ALLOCATOR.so is allocator.c, compiled.  The path runs once for each allocation that it makes, which
then fails, and right after that once undisturbed, which has to succeed.  A crash or a hang is seen
from outside.  --tells N prints the stack of the N-th allocation.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from tests.trust.installed import reactor  # isort: skip
from twisted.internet import defer, protocol
from twisted.logger import globalLogBeginner
from twisted.protocols import basic

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

    def __init__(self, allocator: Any, run: Callable[[], object], by_reactor: bool) -> None:
        self.allocator = allocator
        self.run = run
        self.by_reactor = by_reactor
        self.outcomes: dict[str, int] = {}

    def once(self, number: int, tells: bool = False) -> bool:
        """Let the allocation of this number fail; whether there was such a one."""
        faulthandler.dump_traceback_later(TOO_LONG, exit=True)
        self.allocator.arm(number, tells)
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
    parser.add_argument("--references", action="store_true", help="look for lost ones, too")
    options = parser.parse_args()
    spec = importlib.util.spec_from_file_location("allocator", options.allocator)
    assert spec is not None and spec.loader is not None
    allocator: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(allocator)
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    by_reactor = options.path in ("timed_calls", "thread_calls", "tcp", "unix", "datagrams")
    sweep = Sweep(allocator, PATHS[options.path], by_reactor)
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
