"""
Operations of every part, again and again: no reference and no block of memory is left behind.

A debug build of CPython counts all references there are (``sys.gettotalrefcount``), so there the
reference of an object that lives for ever is missed, too; others count blocks of memory only.
"""

from __future__ import annotations

import gc
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from twisted.internet import error, protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import ProtocolWrapper

from pyreactor import basic
from pyreactor.reactor import PyReactor
from tests.deferred.test_leaks import OPERATIONS
from tests.tls.test_records import Pair

MOST_ROUNDS = 40
TIMES = 40


def totals(references: bool) -> tuple[int, ...]:
    """What there is in this interpreter: blocks, and in a debug build references."""
    gc.collect()
    count = getattr(sys, "gettotalrefcount", None) if references else None
    return (sys.getallocatedblocks(), *([] if count is None else [count()]))


def assert_nothing_stays(
    operation: Callable[[], object], times: int = TIMES, references: bool = True
) -> None:
    """
    Do it `times` times in each round, until a round leaves less than half as many things behind.
    What loses one each time never gets there; what fills the interpreter's caches does.
    """
    before = totals(references)
    for _ in range(MOST_ROUNDS):
        for _ in range(times):
            operation()
        after = totals(references)
        growth = [now - then for now, then in zip(after, before, strict=True)]
        if max(growth) < times // 2:
            return
        before = after
    raise AssertionError(f"{times} times left {growth} behind")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda f: f.__name__)
def test_deferred(operation: Callable[[], None]) -> None:
    assert_nothing_stays(operation)


# ---- framing ----


class Keeps:
    """Takes what is received; the fifth message raises."""

    def connectionMade(self) -> None:
        self.taken: list[object] = []

    def take(self, message: object) -> None:
        self.taken.append(message)
        if len(self.taken) == 5:
            raise ValueError("an application's error")


class Lines(Keeps, basic.LineReceiver):
    lineReceived = Keeps.take

    def rawDataReceived(self, data: bytes) -> None:
        self.setLineMode(data)


class OnlyLines(Keeps, basic.LineOnlyReceiver):
    lineReceived = Keeps.take


class Ints(Keeps, basic.Int16StringReceiver):
    stringReceived = Keeps.take


class Netstrings(Keeps, basic.NetstringReceiver):
    stringReceived = Keeps.take


STREAMS: dict[type[Any], bytes] = {
    Lines: b"one\r\ntwo\r\n" * 4 + b"half",
    OnlyLines: b"one\r\ntwo\r\n" * 4 + b"half",
    Ints: b"\0\3one\0\3two" * 4 + b"\0\5ha",
    Netstrings: b"3:one,3:two," * 4 + b"9:half",
}


@pytest.mark.parametrize("kind", STREAMS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_framing(kind: type[Any], size: int) -> None:
    stream = STREAMS[kind]

    def operation() -> None:
        receiver = kind()
        receiver.makeConnection(StringTransport())
        for start in range(0, len(stream), size):
            with suppress(ValueError):
                receiver.dataReceived(stream[start : start + size])

    assert_nothing_stays(operation)


# ---- the reactor ----


@pytest.fixture
def reactor() -> Iterator[PyReactor]:
    made = PyReactor()
    yield made
    made.removeAll()


def iterate_until(reactor: PyReactor, done: Callable[[], object]) -> None:
    for _ in range(2000):
        if done():
            return
        reactor.iterate(0.01)
    raise AssertionError("waited for too long")


def test_timed_calls(reactor: PyReactor) -> None:
    def operation() -> None:
        called: list[int] = []
        reactor.callLater(0, called.append, 1)
        cancelled = reactor.callLater(100, called.append, 2)
        later = reactor.callLater(100, called.append, 3)
        later.reset(0)
        cancelled.cancel()
        with pytest.raises(error.AlreadyCancelled):
            cancelled.cancel()
        reactor.callFromThread(called.append, 4)
        iterate_until(reactor, lambda: len(called) == 3)

    assert_nothing_stays(operation)


class Echo(protocol.Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.writeSequence([data[:3], data[3:]])


class Asks(protocol.Protocol):
    def connectionMade(self) -> None:
        self.received = b""
        self.lost = False
        assert self.transport is not None
        for _ in range(10):  # so many are joined
            self.transport.write(b"0123456789")

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if len(self.received) == 100:
            assert self.transport is not None
            self.transport.loseConnection()

    def connectionLost(self, reason: object = None) -> None:
        self.lost = True


def test_connections(reactor: PyReactor) -> None:
    port = reactor.listenTCP(0, protocol.Factory.forProtocol(Echo), interface="127.0.0.1")

    def operation() -> None:
        clients: list[Asks] = []

        class Factory(protocol.ClientFactory):
            def buildProtocol(self, addr: object) -> Asks:
                clients.append(Asks())
                return clients[0]

        reactor.connectTCP("127.0.0.1", port.getHost().port, Factory())
        iterate_until(reactor, lambda: clients and clients[0].lost)
        iterate_until(reactor, lambda: len(reactor.getReaders()) <= readers)

    readers = len(reactor.getReaders())
    assert_nothing_stays(operation, 20)
    port.stopListening()
    reactor.iterate(0)


def test_datagrams(reactor: PyReactor) -> None:
    received: list[bytes] = []

    class Takes(protocol.DatagramProtocol):
        def datagramReceived(self, datagram: bytes, addr: Any) -> None:
            received.append(datagram)
            assert self.transport is not None
            self.transport.write(datagram, addr)

    # One for all, as the last 256 peers are remembered.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:

        def operation() -> None:
            port = reactor.listenUDP(0, Takes(), interface="127.0.0.1")
            received.clear()
            for _ in range(3):
                peer.sendto(b"hello", ("127.0.0.1", port.getHost().port))
            iterate_until(reactor, lambda: len(received) == 3)
            stopped = port.stopListening()
            iterate_until(reactor, lambda: stopped.called)

        assert_nothing_stays(operation, 20)


# ---- TLS ----


def test_tls_records() -> None:
    pair = Pair(reactions=["answer"] * 10_000)
    pair.settle()
    client: ProtocolWrapper = pair.ends["client"]

    def operation() -> None:
        client.write(b"x" * 40_000)
        pair.settle()
        pair.trace.clear()
        for application in (pair.ends[name].wrappedProtocol for name in pair.ends):
            application.reactions[:] = ["answer"] if application.name == "server" else []

    assert_nothing_stays(operation, 20, references=False)


def test_tls_connections() -> None:
    def operation() -> None:
        pair = Pair(reactions=["answer"])
        pair.settle()
        pair.ends["client"].write(b"x" * 100)
        pair.settle()
        pair.ends["client"].loseConnection()
        pair.settle()

    # cffi and cryptography, as they are distributed, take and drop references without counting.
    assert_nothing_stays(operation, 20, references=False)
