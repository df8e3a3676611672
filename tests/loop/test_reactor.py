"""The reactor's own behaviour, in this process, on reactors that are not installed."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import re
import select
import signal
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import base, error, interfaces, protocol, tcp
from twisted.internet.abstract import FileDescriptor
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.task import LoopingCall
from twisted.protocols import basic
from zope.interface import directlyProvides
from zope.interface.verify import verifyObject

from pyreactor import _core
from pyreactor._transport import tcp as _tcp
from pyreactor.reactor import PyReactor


@pytest.fixture
def reactor() -> Iterator[PyReactor]:
    made = PyReactor()
    yield made
    made.disconnectAll()
    for call in made.getDelayedCalls():
        call.cancel()


def spin(reactor: Any, until: Callable[[], object]) -> None:
    """Iterate until something is so; only what hangs takes a minute."""
    give_up = time.monotonic() + 60
    while not until():
        assert time.monotonic() < give_up, "it never came true"
        reactor.iterate(0.005)


def move(descriptor: int, number: int) -> None:
    """Give an open file another number: one that is free."""
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)


class Recorder(protocol.Protocol):
    def __init__(self) -> None:
        self.received = b""
        self.lost: list[Any] = []

    def connectionMade(self) -> None:
        self.factory.made.append(self)  # type: ignore[attr-defined,union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost.append(reason.type)


class Pair:
    """A server's and a client's protocol, connected through `reactor`."""

    def __init__(self, reactor: Any) -> None:
        self.made: list[Any] = []
        factory: Any = protocol.Factory.forProtocol(Recorder)
        client: Any = protocol.ClientFactory.forProtocol(Recorder)
        factory.noisy = client.noisy = False
        factory.made = client.made = self.made
        self.port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        reactor.connectTCP("127.0.0.1", self.port.getHost().port, client)
        spin(reactor, lambda: len(self.made) == 2 and all(p.connected for p in self.made))
        self.server, self.client = sorted(
            self.made, key=lambda made: not isinstance(made.transport, tcp.Server)
        )


@pytest.mark.parametrize(
    "interface",
    [
        interfaces.IReactorCore,
        interfaces.IReactorTime,
        interfaces.IReactorThreads,
        interfaces.IReactorFDSet,
        interfaces.IReactorTCP,
        interfaces.IReactorUDP,
        interfaces.IReactorUNIX,
        interfaces.IReactorSSL,
        interfaces.IReactorProcess,
        interfaces.IReactorSocket,
        interfaces.IReactorMulticast,
    ],
    ids=lambda interface: interface.__name__,
)
def test_interfaces(reactor: PyReactor, interface: Any) -> None:
    verifyObject(interface, reactor)


def test_delayed_calls_provide_their_interface(reactor: PyReactor) -> None:
    verifyObject(interfaces.IDelayedCall, reactor.callLater(1, print))


def test_a_timed_call_never_comes_early(reactor: PyReactor) -> None:
    late: list[float] = []

    def check(due: float) -> None:
        late.append(time.time() - due)

    for delay in (0.0, 0.0003, 0.0005, 0.0011, 0.0025, 0.0071, 0.02):
        reactor.callLater(delay, check, time.time() + delay)
    spin(reactor, lambda: len(late) == 7)
    # The clock was read before callLater read it, so due is the earliest legal time.
    assert min(late) >= 0


def test_a_call_made_during_a_pass_waits_for_the_next(reactor: PyReactor) -> None:
    order: list[str] = []
    reactor.callLater(0, lambda: reactor.callLater(0, order.append, "second"))
    reactor.runUntilCurrent()
    assert order == []
    reactor.runUntilCurrent()
    assert order == ["second"]


def test_many_calls_that_come_before_those_that_are_due(reactor: PyReactor) -> None:
    """They end a run where to pass them would take long: each call runs once all the same."""
    seconds, ran = 1000.0, []
    reactor.seconds = lambda: seconds  # type: ignore[method-assign]

    def call(number: int) -> None:
        nonlocal seconds
        if not number:
            seconds -= 500
        reactor.callLater(0, ran.append, -number)
        ran.append(number)

    for number in range(300):
        reactor.callLater(number / 1000, call, number)
    seconds += 10
    for _ in range(10):
        reactor.runUntilCurrent()
        seconds += 1000
    assert sorted(ran) == sorted([*range(300), *range(0, -300, -1)])
    assert [number for number in ran if number > 0] == list(range(1, 300))


def test_ties_fire_in_the_order_they_were_made(reactor: PyReactor) -> None:
    reactor.seconds = lambda: 1000.0
    order: list[int] = []
    for number in range(500):
        reactor.callLater(1, order.append, number)
    reactor.seconds = lambda: 1001.0
    reactor.runUntilCurrent()
    assert order == list(range(500))


def test_many_cancelled_calls_are_forgotten(reactor: PyReactor) -> None:
    calls = [weakref.ref(reactor.callLater(1000, print)) for _ in range(1000)]
    for call in reactor.getDelayedCalls():
        call.cancel()
    del call
    keep = reactor.callLater(1000, print)
    reactor.runUntilCurrent()
    assert not any(call() for call in calls)
    assert reactor.getDelayedCalls() == [keep]


def test_delayed_calls_take_attributes_and_weak_references(reactor: PyReactor) -> None:
    call: Any = reactor.callLater(5, print, "a", end="")
    call.mine = "attribute"
    assert weakref.ref(call)() is call
    assert (call.mine, call.func, call.args, call.kw) == ("attribute", print, ("a",), {"end": ""})
    assert call.seconds is reactor.seconds
    call.cancel()
    assert not hasattr(call, "func")
    with pytest.raises(error.AlreadyCancelled):
        call.cancel()


def test_stock_debug_mode_is_heeded(reactor: PyReactor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base.DelayedCall, "debug", True)
    call = reactor.callLater(5, print)
    assert any("test_stock_debug_mode_is_heeded" in line for line in call.creator)
    assert "traceback at creation" in repr(call)


def test_a_replaced_clock_is_heeded(reactor: PyReactor) -> None:
    fired: list[int] = []
    reactor.seconds = lambda: 50.0
    call = reactor.callLater(10, fired.append, 1)
    assert call.getTime() == 60
    assert reactor.timeout() == 10
    reactor.seconds = lambda: 60.0
    reactor.runUntilCurrent()
    assert fired == [1]
    del reactor.seconds
    assert abs(reactor.callLater(0, print).getTime() - time.time()) < 60


def test_a_subclass_has_its_own_clock() -> None:
    class Patient(PyReactor):
        now = 50.0

        @property
        def seconds(self) -> Any:
            return lambda now=self.now: now

    reactor = Patient()
    call = reactor.callLater(10, print)
    assert (call.getTime(), call.seconds(), reactor.timeout()) == (60, 50, 10)
    Patient.now = 55.0
    assert reactor.timeout() == 5
    call.reset(20)  # by the clock that the reactor had when it was made
    assert (call.getTime(), call.seconds()) == (70, 50)
    Patient.seconds = staticmethod(time.time)
    before = time.time()
    assert before + 10 <= reactor.callLater(10, print).getTime() <= time.time() + 10
    assert type(reactor.timeout()) is int  # as stock's: it is due


def test_a_clock_is_read_as_often_as_by_stock(reactor: PyReactor) -> None:
    reads: list[str] = []

    def clock() -> float:
        reads.append(doing)
        return 1000.0

    reactor.seconds = clock
    doing = "nothing scheduled"
    reactor.runUntilCurrent()
    reactor.timeout()
    doing = "scheduling"
    call = reactor.callLater(5, print)
    doing = "scheduled"
    reactor.runUntilCurrent()
    reactor.timeout()
    doing = "resetting"
    call.reset(10)
    assert reads == ["nothing scheduled", "scheduling", "scheduled", "scheduled", "resetting"]


def test_a_clock_that_raises(reactor: PyReactor) -> None:
    def broken() -> float:
        raise ZeroDivisionError

    reactor.callLater(0, print)
    reactor.seconds = broken
    for use in (reactor.timeout, reactor.runUntilCurrent, lambda: reactor.callLater(0, print)):
        with pytest.raises(ZeroDivisionError):
            use()
    del reactor.seconds


def test_the_main_loop_calls_methods_that_were_replaced(reactor: PyReactor) -> None:
    seen: list[str] = []
    stock = reactor.runUntilCurrent

    def replaced() -> None:
        seen.append("runUntilCurrent")
        stock()

    def restore_and_stop() -> None:
        del reactor.runUntilCurrent
        reactor.callLater(0.01, reactor.stop)

    reactor.runUntilCurrent = replaced  # type: ignore[method-assign]
    reactor.callLater(0.01, restore_and_stop)
    reactor.run(installSignalHandlers=False)
    assert seen


def test_subclasses_may_override_what_is_c() -> None:
    class Mine(PyReactor):
        scheduled = 0

        def callLater(self, delay: float, callable: Any, *args: object, **kw: object) -> Any:
            self.scheduled += 1
            return super().callLater(delay, callable, *args, **kw)

        def doIteration(self, delay: float | None) -> None:
            self.iterations = getattr(self, "iterations", 0) + 1
            super().doIteration(delay)

    mine = Mine()
    mine.callLater(0.01, mine.stop)
    mine.run(installSignalHandlers=False)
    assert mine.scheduled >= 1
    assert mine.iterations >= 1


def test_an_exception_in_the_main_loop_is_survived(reactor: PyReactor) -> None:
    fired: list[int] = []

    def broken() -> float:
        del reactor.seconds
        reactor.callLater(0, reactor.stop)
        raise ZeroDivisionError("once")

    reactor.callLater(0.01, fired.append, 1)
    reactor.callLater(0, setattr, reactor, "seconds", broken)
    reactor.run(installSignalHandlers=False)
    assert len(fired) <= 1


def test_wake_up_ends_an_iteration(reactor: PyReactor) -> None:
    reactor.wakeUp()
    iteration = threading.Thread(target=reactor.doIteration, args=(600,), daemon=True)
    iteration.start()
    iteration.join(60)
    assert not iteration.is_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="stock's reactor has no epoll elsewhere")
@pytest.mark.parametrize(
    "delay",
    [float("nan"), 1e10, -1e10, 2**31, pytest.param(10**400, id="huge"), "1", [], 1 + 0j],
)
def test_an_iteration_refuses_what_epoll_refuses(reactor: PyReactor, delay: Any) -> None:
    with select.epoll() as epoll, pytest.raises(Exception) as stock:
        epoll.poll(delay)
    with pytest.raises(type(stock.value)):
        reactor.doIteration(delay)


def test_an_iteration_takes_what_is_a_number(reactor: PyReactor) -> None:
    class Index:
        def __index__(self) -> int:
            return 0

    called: list[int] = []
    for number, delay in enumerate([0, 0.0, -0.0, False, Index()]):
        reactor.callFromThread(called.append, number)
        reactor.runUntilCurrent()
        reactor.doIteration(delay)  # type: ignore[arg-type]
    assert called == [0, 1, 2, 3, 4]


def test_calls_from_threads_come_in_order_while_their_queue_grows(reactor: PyReactor) -> None:
    """Each call asks for two more, so that the queue gets longer where it wraps around, too."""
    called: list[int] = []
    asked = 0

    def ask() -> None:
        nonlocal asked
        reactor.callFromThread(call, asked)
        asked += 1

    def call(number: int) -> None:
        called.append(number)
        for _ in range(2):
            if asked < 300:
                ask()

    ask()
    for _ in range(300):
        reactor.runUntilCurrent()
    assert called == list(range(300))


def test_a_call_that_is_run_while_it_is_reset_runs_once(reactor: PyReactor) -> None:
    """By what its new time is computed of."""
    called: list[int] = []
    call: Any = reactor.callLater(0, called.append, 1)

    class Seconds:
        def __radd__(self, other: float) -> float:
            spin(reactor, lambda: called)
            return other - 5

    call.reset(Seconds())
    for _ in range(3):
        reactor.iterate(0)
    assert called == [1]
    assert reactor.getDelayedCalls() == []


def test_a_call_at_the_end_of_time(reactor: PyReactor) -> None:
    assert reactor.timeout() is None
    reactor.callLater(float("inf"), len)
    assert reactor.timeout() == 2147483


def test_a_signal_that_comes_while_no_python_code_runs(reactor: PyReactor) -> None:
    """Its handler runs before the loop sleeps: nothing would wake it."""
    raise_signal = getattr(ctypes.CDLL(None), "raise")  # which handles none, as Python's does
    before = signal.signal(signal.SIGUSR1, lambda *_: reactor.stop())
    guard = reactor.callLater(60, reactor.crash)
    reactor.callLater(0, raise_signal, int(signal.SIGUSR1))
    try:
        reactor.run(installSignalHandlers=False)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert guard.active()


def test_looping_call_over_it(reactor: PyReactor) -> None:
    ticks: list[int] = []
    loop = LoopingCall(ticks.append, 1)
    loop.clock = reactor
    loop.start(0.001)
    spin(reactor, lambda: len(ticks) >= 5)
    loop.stop()


class Selectable(FileDescriptor):
    def __init__(self, reactor: Any, skt: socket.socket) -> None:
        FileDescriptor.__init__(self, reactor)
        self.skt = skt
        self.events: list[object] = []

    def fileno(self) -> int:
        return self.skt.fileno()

    def doRead(self) -> None:
        self.events.append(self.skt.recv(100))

    def doWrite(self) -> None:
        self.events.append("write")
        self.stopWriting()

    def connectionLost(self, reason: Any) -> None:
        self.events.append(reason.type)
        FileDescriptor.connectionLost(self, reason)


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    with left, right:
        yield left, right


def test_any_selectable(reactor: PyReactor, sockets: Any) -> None:
    one = Selectable(reactor, sockets[0])
    assert reactor.getReaders() == []
    one.startReading()
    one.startReading()
    one.startWriting()
    assert (reactor.getReaders(), reactor.getWriters()) == ([one], [one])
    spin(reactor, lambda: "write" in one.events)
    assert reactor.getWriters() == []
    sockets[1].send(b"data")
    spin(reactor, lambda: b"data" in one.events)
    one.stopReading()
    one.stopReading()
    sockets[1].send(b"unread")
    reactor.iterate(0.01)
    assert b"unread" not in one.events
    assert reactor.getReaders() == []


def test_remove_all(reactor: PyReactor, sockets: Any) -> None:
    both = [Selectable(reactor, skt) for skt in sockets]
    for one in both:
        one.startReading()
    both[0].startWriting()
    assert set(reactor.removeAll()) == set(both)
    assert (reactor.getReaders(), reactor.getWriters()) == ([], [])


@pytest.mark.parametrize(
    ("number", "kind"), [(-1, ValueError), ("x", TypeError), (987654, OSError)]
)
def test_bad_descriptors(reactor: PyReactor, number: Any, kind: type[Exception]) -> None:
    bad = FileDescriptor(reactor)
    bad.fileno = lambda: number  # type: ignore[method-assign]
    with pytest.raises(kind):
        reactor.addReader(bad)
    with pytest.raises(kind):
        reactor.addWriter(bad)
    assert reactor.getReaders() == []


@pytest.mark.parametrize("kind", [PyReactor, EPollReactor])
@pytest.mark.parametrize("number", [None, "x", 1.5, -5, 10**30, 987654])
def test_what_tells_no_descriptor_is_not_there_to_be_removed(
    sockets: Any, kind: Any, number: Any
) -> None:
    """Its events are its own still; with -1 it is looked for."""
    reactor = kind()
    one = Selectable(reactor, sockets[0])
    one.startReading()
    one.fileno = lambda: number  # type: ignore[method-assign]
    reactor.removeReader(one)
    reactor.removeWriter(one)
    assert one in reactor.getReaders()
    sockets[1].send(b"x")
    spin(reactor, lambda: one.events)
    assert one.events == [b"x"]
    one.fileno = lambda: -1  # type: ignore[method-assign]
    reactor.removeReader(one)
    assert one not in reactor.getReaders()


def test_a_selectable_that_raises_is_disconnected(reactor: PyReactor, sockets: Any) -> None:
    one = Selectable(reactor, sockets[0])
    one.doRead = lambda: 1 / 0  # type: ignore[assignment,method-assign,return-value]
    one.startReading()
    sockets[1].send(b"x")
    spin(reactor, lambda: one.events)
    assert one.events == [ZeroDivisionError]
    assert reactor.getReaders() == []


def test_a_closed_selectable_is_removed_by_identity(reactor: PyReactor, sockets: Any) -> None:
    one = Selectable(reactor, sockets[0])
    one.startReading()
    sockets[0].close()
    one.stopReading()
    assert reactor.getReaders() == []


def test_the_socket_of_an_accepted_connection_is_made_on_demand(reactor: PyReactor) -> None:
    pair = Pair(reactor)
    handle = pair.server.transport.getHandle()
    assert handle is pair.server.transport.socket
    assert handle.fileno() == pair.server.transport.fileno()
    assert (handle.family, handle.type) == (socket.AF_INET, socket.SOCK_STREAM)
    assert handle.getblocking() is False
    pair.server.transport.setTcpNoDelay(True)
    assert pair.server.transport.getTcpNoDelay() is True
    host, peer = pair.server.transport.getHost(), pair.server.transport.getPeer()
    assert (host.port, peer.port) == (
        pair.port.getHost().port,
        pair.client.transport.getHost().port,
    )


def test_transports_look_like_stock(reactor: PyReactor) -> None:
    pair = Pair(reactor)
    server = pair.server.transport
    assert isinstance(server, tcp.Server)
    assert isinstance(pair.client.transport, tcp.Client)
    verifyObject(interfaces.ITCPTransport, server)
    assert repr(server) == f"<Recorder #0 on {pair.port.getHost().port}>"
    assert server.logstr == server.logPrefix() == "Recorder,0,127.0.0.1"
    shown = repr(server)
    pair.port.stopListening()
    server.loseConnection()
    spin(reactor, lambda: pair.server.lost)
    assert repr(server) == shown


def test_transports_have_stocks_attributes(reactor: PyReactor) -> None:
    server = Pair(reactor).server.transport
    assert (server.sessionno, server.hostname) == (0, "127.0.0.1")
    assert (server.connected, server.disconnected, server.disconnecting) == (1, 0, 0)
    server.mine = "attribute"
    assert weakref.ref(server)() is server


def test_the_write_queue_is_the_one_stock_code_knows(reactor: PyReactor) -> None:
    pair = Pair(reactor)
    transport = pair.server.transport
    transport.write(b"one")
    transport.write(b"two")
    assert (transport.dataBuffer, transport._tempDataBuffer, transport._tempDataLen) == (
        b"one",
        [b"two"],
        3,
    )
    # Stock's own methods go through the same queue.
    FileDescriptor.write(transport, b"three")
    FileDescriptor.writeSequence(transport, [b"four", b"five"])
    assert transport in reactor.getWriters()
    FileDescriptor.doWrite(transport)
    assert transport not in reactor.getWriters()
    spin(reactor, lambda: pair.client.received == b"onetwothreefourfive")


def test_a_subclass_may_replace_write_some_data(reactor: PyReactor) -> None:
    pair = Pair(reactor)
    sent: list[int] = []
    transport = pair.server.transport

    def at_most_two(data: bytes) -> int:
        sent.append(len(data))
        return tcp.Connection.writeSomeData(transport, bytes(data)[:2])

    transport.writeSomeData = at_most_two
    transport.write(b"12345")
    spin(reactor, lambda: pair.client.received == b"12345")
    assert sent == [5, 3, 1]


def test_many_small_writes_arrive_in_order(reactor: PyReactor) -> None:
    pair = Pair(reactor)
    expected = b""
    for number in range(3000):
        piece = b"%d," % number
        expected += piece
        pair.server.transport.write(piece)
    pair.server.transport.writeSequence([b"x" * number for number in range(500)])
    expected += b"x" * sum(range(500))
    spin(reactor, lambda: len(pair.client.received) >= len(expected))
    assert pair.client.received == expected


def test_buffer_size_limits_what_one_event_reads(reactor: PyReactor) -> None:
    pair = Pair(reactor)
    sizes: list[int] = []
    pair.client.dataReceived = lambda data: sizes.append(len(data))
    pair.client.transport.bufferSize = 10
    pair.server.transport.write(b"x" * 35)
    spin(reactor, lambda: sum(sizes) == 35)
    assert max(sizes) == 10


@pytest.mark.parametrize("where", ["instance", "class", "its base", "property", "getattribute"])
def test_buffer_size_may_come_from_anywhere(
    reactor: PyReactor, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the class too, which is remembered: before a connection is there, and after that."""
    pair = Pair(reactor)
    sizes: list[int] = []
    pair.server.dataReceived = lambda data: sizes.append(len(data))
    transport = pair.server.transport

    def receive() -> int:
        sizes.clear()
        pair.client.transport.write(b"x" * 35)
        spin(reactor, lambda: sum(sizes) == 35)
        return max(sizes)

    assert receive() == 35
    if where == "instance":
        transport.bufferSize = 10
    elif where == "class":
        monkeypatch.setattr(type(transport), "bufferSize", 10, raising=False)
    elif where == "its base":
        monkeypatch.setattr(FileDescriptor, "bufferSize", 10)
    elif where == "property":
        transport.__class__ = type("Own", (type(transport),), {"bufferSize": property(ten)})
    else:
        transport.__class__ = type("Own", (type(transport),), {"__getattribute__": ask})
    assert receive() == 10
    Pair(reactor)  # whose classes are looked at anew
    assert receive() == 10
    monkeypatch.undo()
    if where == "instance":
        del transport.bufferSize
    elif where in ("property", "getattribute"):
        transport.__class__ = type(transport).__base__
    assert receive() == 35
    Pair(reactor)
    assert receive() == 35


def ten(_connection: object) -> int:
    return 10


def ask(connection: object, name: str) -> object:
    return 10 if name == "bufferSize" else object.__getattribute__(connection, name)


def test_much_and_little_is_received_whole(reactor: PyReactor) -> None:
    """A read that brought much has the next one receive into an object of its own."""
    pair = Pair(reactor)
    pieces: list[bytes] = []
    pair.server.dataReceived = pieces.append
    sizes = [20_000, 16_384, 16_383, 100_000, 99_000, 40_000, 300_000, 1, 1, 65_536, 65_537, 20, 0]
    sizes += [25 * 4096, 25 * 4096, 26 * 4096, 250_000, 262_144, 262_143, 1_000_000, 50_000, 7]
    numbers = b"".join(b"%d," % number for number in range(200_000))
    for size in sizes:
        pieces.clear()
        pair.client.transport.write(numbers[size : 2 * size])
        spin(reactor, lambda size=size: sum(map(len, pieces)) == len(numbers[size : 2 * size]))
        assert b"".join(pieces) == numbers[size : 2 * size]
        assert {type(piece) for piece in pieces} <= {bytes}
        # None of them has more memory than it needs, or is one that will change.
        assert [sys.getsizeof(piece) - sys.getsizeof(b"") for piece in pieces] == [
            *map(len, pieces)
        ]


def test_much_is_received_by_whoever_reads_at_the_time(reactor: PyReactor) -> None:
    """By a function, then by a framing in C, then by a function again, and until the end."""
    pair = Pair(reactor)
    pieces: list[bytes] = []
    lines: list[bytes] = []
    receiver: Any = basic.LineReceiver()
    receiver.MAX_LENGTH = 1_000_000
    receiver.lineReceived = lines.append
    pair.server.dataReceived = pieces.append
    own, line = pair.server, b"x" * 49_998 + b"\r\n"
    for _ in range(2):
        for _ in range(3):
            pieces.clear()
            pair.client.transport.write(line)
            spin(reactor, lambda: sum(map(len, pieces)) == len(line))
        own.transport.protocol = receiver
        receiver.makeConnection(own.transport)
        for _ in range(3):
            lines.clear()
            pair.client.transport.write(line)
            spin(reactor, lambda: lines)
            assert lines == [line[:-2]]
        own.transport.protocol = own
    pieces.clear()
    pair.client.transport.write(line)
    pair.client.transport.loseConnection()
    spin(reactor, lambda: own.lost)
    assert b"".join(pieces) == line


def test_dropped_reactors_are_collected() -> None:
    def make() -> list[weakref.ref[Any]]:
        reactor = PyReactor()
        pair = Pair(reactor)
        reactor.callLater(1000, reactor.stop)
        reactor.callLater(1000, pair.server.dataReceived, b"")
        reactor.callFromThread(reactor.stop)
        pair.server.transport.write(b"never flushed")
        pair.client.transport.pauseProducing()
        loop = reactor._loop
        return [weakref.ref(kept) for kept in (reactor, loop, pair.server, pair.port)]

    make()  # libuv and Twisted open some descriptors once, for the process
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    references = [reference for _ in range(5) for reference in make()]
    for _ in range(3):
        gc.collect()
    assert [reference() for reference in references] == [None] * len(references)
    assert len(os.listdir("/proc/self/fd")) <= before


def blocks_after(work: Callable[[], object], times: int) -> int:
    for _ in range(times):
        work()
    gc.collect()
    return sys.getallocatedblocks()


def no_leak(work: Callable[[], object], times: int = 300) -> None:
    """`work`, done over and over, must not make the number of live blocks grow."""
    blocks_after(work, times)
    counts = [blocks_after(work, times) for _ in range(4)]
    # Caches may still fill by a few; a leak of one block each time is `times` blocks.
    assert counts[-1] - counts[0] < times


def polled_descriptors() -> set[int]:
    """Those that the epoll sets of this process hold, as the kernel tells."""
    found = set()
    for name in os.listdir("/proc/self/fdinfo"):
        with contextlib.suppress(OSError):
            text = Path("/proc/self/fdinfo", name).read_text()
            found.update(int(number) for number in re.findall(r"^tfd: *(\d+)", text, re.M))
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="epoll is Linux's")
def test_a_connection_closed_in_its_event_that_is_open_elsewhere_too(reactor: PyReactor) -> None:
    """The kernel is told before the descriptor is closed; else it would report it for ever.

    Of the libuv versions, 1.45 to 1.48 come too late by themselves.
    """
    pair = Pair(reactor)
    number = pair.server.transport.fileno()
    kept = os.dup(number)
    reactor.iterate(0)
    assert number in polled_descriptors()
    pair.client.transport.loseConnection()
    spin(reactor, lambda: pair.server.lost)
    assert number not in polled_descriptors()
    os.close(kept)


def test_no_leak_in_timed_calls(reactor: PyReactor) -> None:
    def work() -> None:
        for _ in range(5):
            reactor.callLater(0, lambda *args, **kw: None, 1, two=2)
        call: Any = reactor.callLater(10, print)
        call.cycle = call
        call.reset(5)
        call.delay(-1)
        call.cancel()
        kept: Any = reactor.callLater(0, lambda: None)
        kept.cycle = kept
        reactor.iterate()

    no_leak(work)


def test_no_leak_in_thread_calls(reactor: PyReactor) -> None:
    def work() -> None:
        for _ in range(5):
            reactor.callFromThread(lambda *args, **kw: None, 1, two=2)
        reactor.iterate()

    no_leak(work)


def test_no_leak_in_selectables(reactor: PyReactor, sockets: Any) -> None:
    def work() -> None:
        one = Selectable(reactor, sockets[0])
        one.startReading()
        one.startWriting()
        reactor.iterate()
        one.stopReading()
        one.stopWriting()

    no_leak(work)


@pytest.mark.parametrize("end", ["loseConnection", "abortConnection"])
def test_no_leak_in_connections(reactor: PyReactor, end: str) -> None:
    def work() -> None:
        pair = Pair(reactor)
        pair.server.transport.write(b"x" * 1000)
        pair.client.transport.writeSequence([b"a", b"b"])
        spin(reactor, lambda: pair.client.received and pair.server.received)
        getattr(pair.server.transport, end)()
        spin(reactor, lambda: pair.server.lost and pair.client.lost)
        pair.port.stopListening()
        reactor.iterate()

    no_leak(work, times=150)


def test_the_types_are_made_by_the_reactor_only() -> None:
    with pytest.raises(TypeError):
        _core.DelayedCall()
    with pytest.raises(TypeError):
        _core.Selectable()
    with pytest.raises(TypeError):
        _core.reactor_of(object())  # type: ignore[arg-type]


# ---- descriptors that somebody closed, shares, or takes over ----


class Ends(FileDescriptor):
    """A reader of a pipe that reads, and pays no heed to the end."""

    def __init__(self, reactor: Any, number: int) -> None:
        FileDescriptor.__init__(self, reactor)
        self.number = number
        self.connected = 1
        self.reads = 0
        self.lost: list[type] = []

    def fileno(self) -> int:
        return self.number

    def doRead(self) -> None:
        self.reads += 1
        os.read(self.number, 100)

    def connectionLost(self, reason: Any) -> None:
        self.lost.append(reason.type)
        FileDescriptor.connectionLost(self, reason)


@pytest.mark.parametrize("replace", [False, True])
def test_descriptor_closed_before_it_was_polled(reactor: PyReactor, replace: bool) -> None:
    """libuv would abort the process, as would it for a file of the same number."""
    read, write = os.pipe()
    reader = Ends(reactor, read)
    reader.startReading()
    os.close(read)
    if replace:
        move(os.open(os.devnull, os.O_RDONLY), read)
    for _ in range(5):
        reactor.iterate(0.001)
    reader.stopReading()
    os.close(write)
    if replace:
        os.close(read)


def test_descriptor_closed_before_more_was_asked_of_it(reactor: PyReactor) -> None:
    """Once it is open again, it can be watched again."""
    read, write = os.pipe()
    reader = Ends(reactor, read)
    reader.startReading()
    reactor.iterate(0)
    other = os.dup(read)
    os.close(read)
    reader.startWriting()
    reactor.iterate(0)
    move(other, read)
    reader.stopReading()
    reader.startReading()
    os.write(write, b"x")
    spin(reactor, lambda: reader.reads)
    reader.stopReading()
    reader.stopWriting()
    os.close(read)
    os.close(write)


def test_accepted_socket_closed_in_connection_made(reactor: PyReactor) -> None:
    class Closes(protocol.Protocol):
        def connectionMade(self) -> None:
            closed.append(self.transport)
            self.transport.getHandle().close()  # type: ignore[union-attr]

    closed: list[Any] = []
    port = reactor.listenTCP(0, protocol.Factory.forProtocol(Closes), interface="127.0.0.1")
    client = socket.create_connection(("127.0.0.1", port.getHost().port))
    spin(reactor, lambda: closed)
    for _ in range(5):
        reactor.iterate(0.001)
    client.close()


def test_reader_of_a_pipe_is_told_of_its_end(reactor: PyReactor) -> None:
    """As in stock; doRead is not called again and again for nothing."""
    read, write = os.pipe()
    reader = Ends(reactor, read)
    reader.startReading()
    os.write(write, b"last words")
    os.close(write)
    spin(reactor, lambda: reader.lost)
    assert (reader.reads, reader.lost) == (1, [error.ConnectionDone])
    assert not reactor.getReaders()
    os.close(read)


def test_connection_done_that_reading_raises_ends_both_halves(reactor: PyReactor) -> None:
    """Only what doRead returns may be the end of the reading half."""
    halves: list[object] = []

    class Raises(Ends):
        def doRead(self) -> None:
            Ends.doRead(self)
            raise error.ConnectionDone

        def readConnectionLost(self, reason: Any) -> None:
            halves.append(self)

    def raises(data: bytes) -> None:
        raise error.ConnectionDone

    read, write = os.pipe()
    os.write(write, b"x")
    reader = Raises(reactor, read)
    reader.startReading()
    pair = Pair(reactor)
    pair.server.dataReceived = raises
    pair.server.readConnectionLost = lambda: halves.append(pair.server)
    directlyProvides(pair.server, interfaces.IHalfCloseableProtocol)
    pair.client.transport.write(b"x")
    spin(reactor, lambda: len(halves) + len(reader.lost) + len(pair.server.lost) == 2)
    assert halves == []
    os.close(read)
    os.close(write)


def test_a_loop_keeps_the_module_that_has_its_state(reactor: PyReactor) -> None:
    """At the end of the interpreter its type may have lost the module before it ends."""
    assert _core in gc.get_referents(reactor._loop)


def test_writer_on_a_half_closed_socket_is_called_only_when_writable(reactor: PyReactor) -> None:
    mine, peer = socket.socketpair()
    mine.setblocking(False)
    calls: list[int] = []

    class Writer(Ends):
        def doWrite(self) -> None:
            calls.append(1)

    writer = Writer(reactor, mine.fileno())
    writer.startReading()
    writer.startWriting()
    writer.stopReading()
    with pytest.raises(BlockingIOError):
        while True:
            mine.send(b"x" * 65536)
    peer.shutdown(socket.SHUT_WR)
    for _ in range(20):
        reactor.iterate(0.001)
    assert calls == []
    writer.stopWriting()
    mine.close()
    peer.close()


def test_blocking_descriptor_stays_blocking(reactor: PyReactor) -> None:
    """A terminal's standard input and output share the flag."""
    read, write = os.pipe()
    reader = Ends(reactor, read)
    reader.startReading()
    assert os.get_blocking(read)
    reader.stopReading()
    os.close(read)
    os.close(write)


def test_thread_runs_while_a_nested_iterate_sleeps(reactor: PyReactor) -> None:
    order: list[str] = []

    def sleepInside() -> None:
        """In an event that was polled for without a sleep."""
        reader.stopReading()
        go.set()
        for _ in range(4):
            if not waking.reads:
                reactor.iterate(20)
        order.append("slept")

    def inThread() -> None:
        go.wait()
        order.append("thread")
        os.write(wake, b"x")

    # Only a sleeping loop lets the thread run, and only the thread ends the sleep early.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    go = threading.Event()
    thread = threading.Thread(target=inThread)
    thread.start()
    read, write = os.pipe()
    reader = Ends(reactor, read)
    reader.doRead = sleepInside  # type: ignore[method-assign]
    reader.startReading()
    os.write(write, b"x")
    woken, wake = os.pipe()
    waking = Ends(reactor, woken)
    waking.startReading()
    try:
        spin(reactor, lambda: "slept" in order)
    finally:
        sys.setswitchinterval(interval)
        go.set()
        thread.join()
    assert order == ["thread", "slept"]
    waking.stopReading()
    for descriptor in (read, write, woken, wake):
        os.close(descriptor)


def test_descriptor_handed_on(reactor: PyReactor) -> None:
    """A connection that neither reads nor writes leaves its descriptor to others."""
    pair = Pair(reactor)
    transport = pair.server.transport
    transport.stopReading()
    reader = Ends(reactor, transport.fileno())
    reader.startReading()
    assert reactor.getReaders().count(reader) == 1
    pair.client.transport.write(b"for the reader")
    spin(reactor, lambda: reader.reads)
    reader.stopReading()
    pair.client.transport.write(b"for the protocol")
    transport.startReading()
    spin(reactor, lambda: pair.server.received)
    assert pair.server.received == b"for the protocol"


def test_two_connections_on_one_descriptor(reactor: PyReactor) -> None:
    """The second is refused, as any other selectable would be, and the first goes on."""
    pair = Pair(reactor)
    first = pair.server.transport
    before = len(os.listdir("/proc/self/fd"))
    second = _tcp.Connection(first.socket, Recorder(), reactor)
    for start in (second.startReading, second.startWriting):
        with pytest.raises(FileExistsError):
            start()
    reactor.iterate(0)
    assert len(os.listdir("/proc/self/fd")) <= before  # the collector may close others meanwhile
    pair.client.transport.write(b"for the first")
    spin(reactor, lambda: pair.server.received)
    assert second not in reactor.getReaders()


def test_number_of_a_paused_connection_used_again(reactor: PyReactor) -> None:
    pair = Pair(reactor)
    transport = pair.server.transport
    transport.pauseProducing()
    number = transport.fileno()
    transport.getHandle().close()
    mine, peer = (skt.detach() for skt in socket.socketpair())
    if peer == number:
        mine, peer = peer, mine
    move(mine, number)
    reader = Ends(reactor, number)
    reader.startReading()
    os.write(peer, b"x")
    spin(reactor, lambda: reader.reads)
    reader.stopReading()
    with pytest.raises(ValueError, match="negative integer"):
        transport.resumeProducing()
    os.close(number)
    os.close(peer)


def test_do_write_replaced_while_a_write_waits(reactor: PyReactor) -> None:
    pair = Pair(reactor)
    transport = pair.server.transport
    calls: list[int] = []
    original = transport.doWrite

    def later() -> Any:
        calls.append(1)
        return original() if len(calls) > 2 else None

    transport.write(b"sent at the third call")
    transport.doWrite = later
    spin(reactor, lambda: pair.client.received)
    assert pair.client.received == b"sent at the third call"
    assert len(calls) == 3
