"""Random programs on the stock reactor and on ours show the same events."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from twisted.internet import base, error, interfaces, protocol
from twisted.internet.epollreactor import EPollReactor
from zope.interface import implementer

from pyreactor.reactor import PyReactor

EXAMPLES = int(os.environ.get("PYREACTOR_TEST_EXAMPLES", "200"))


class StockTimers(base.ReactorBase):
    """Stock's timed calls, without any descriptors."""

    def installWaker(self) -> None:
        pass


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


# Stock fires ties in no particular order, so no two times may be equal: each call gets
# its own fraction of a second.
which_call = st.integers(-2, 30)  # less than 0: of those made last
doings = st.one_of(
    st.tuples(st.just("call"), st.integers(0, 20), st.just(0)),
    st.tuples(st.just("cancel"), which_call, st.just(0)),
    st.tuples(st.just("reset"), which_call, st.integers(-20, 20)),
    st.tuples(st.just("delay"), which_call, st.integers(-20, 20)),
)
doings_in_a_call = st.one_of(
    doings,
    st.tuples(st.just("set the clock"), st.integers(-20, 5), st.just(0)),
    st.tuples(st.just("run"), st.just(0), st.just(0)),
    st.tuples(st.just("ask when the next is due"), st.just(0), st.just(0)),
    st.tuples(st.just("raise"), st.just(0), st.just(0)),
)
timer_steps = st.lists(
    st.one_of(
        doings,
        st.tuples(st.just("advance"), st.integers(0, 10), st.just(0)),
        st.tuples(st.just("call with"), st.integers(0, 20), st.lists(doings_in_a_call, max_size=4)),
    ),
    max_size=60,
)


def run_timers(reactor: Any, steps: list[tuple[str, int, Any]]) -> list[object]:
    """What happens, and what there is to see after each step."""
    clock = Clock()
    reactor.seconds = clock
    calls: list[Any] = []
    trace: list[object] = []
    fraction = iter(range(1, 1000))

    def schedule(seconds: int, doings: list[tuple[str, int, int]]) -> None:
        unique = next(fraction) * 2**-12
        number = len(calls)

        def fire() -> None:
            trace.append(("fired", number, clock.now))
            for doing in doings:
                step(*doing)

        calls.append(reactor.callLater(seconds + unique, fire))

    def attempt(method: str, number: int, *arguments: float) -> None:
        if calls:
            call = calls[number % len(calls)]
            try:
                getattr(call, method)(*arguments)
            except (error.AlreadyCalled, error.AlreadyCancelled) as problem:
                trace.append(type(problem).__name__)

    def step(kind: str, first: int, second: Any) -> None:
        if kind == "call":
            schedule(first, [])
        elif kind == "call with":
            schedule(first, second)
        elif kind == "raise":
            raise RuntimeError("as planned")
        elif kind == "cancel":
            attempt(kind, first)
        elif kind == "reset":
            attempt(kind, first, second + next(fraction) * 2**-12)
        elif kind == "delay":
            attempt(kind, first, second)
        elif kind == "set the clock":
            clock.now += first
        elif kind == "ask when the next is due":
            reactor.timeout()
        else:
            clock.now += first
            reactor.runUntilCurrent()

    for kind, first, second in steps:
        step(kind, first, second)
        active = [(call.active(), call.getTime()) for call in calls]
        pending = {calls.index(call) for call in reactor.getDelayedCalls()}
        trace.append((kind, active, pending))
    clock.now += 1000
    for _ in range(4):
        reactor.runUntilCurrent()
    trace.append([(call.called, call.cancelled) for call in calls])
    return trace


# What a call makes, and what comes before others then: by delay(), and by the clock.
PUT_FORWARD = [("call", 5, 0), ("delay", -1, -20)]
CLOCK_SET_BACK = [("set the clock", -9, 0), ("call", 0, 0)]


@settings(max_examples=EXAMPLES, deadline=None)
@example([("call with", 1, PUT_FORWARD), ("call", 3, 0), ("advance", 10, 0)])
@example([("call with", 1, CLOCK_SET_BACK), ("call", 3, 0), ("advance", 10, 0)])
@given(timer_steps)
def test_timed_calls(steps: list[tuple[str, int, Any]]) -> None:
    stock = run_timers(StockTimers(), steps)
    ours = run_timers(PyReactor(), steps)
    assert ours == stock


# ---- the kernel's part ----


@contextmanager
def one_core() -> Iterator[None]:
    """Stay on one core.  What is sent from there over the loopback interface comes in turn."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


class Loopback:
    """Tells when what was sent has come: on a busy machine, that may take the kernel a while."""

    def __init__(self) -> None:
        self.skt = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.skt.bind(("127.0.0.1", 0))
        self.skt.connect(self.skt.getsockname())
        self.skt.settimeout(60)

    def wait(self) -> None:
        """Until what was sent is there, and then what the kernel itself sent in answer."""
        for _ in range(2):
            self.skt.send(b"x")
            self.skt.recv(1)


LOOPBACK = Loopback()

SIOCOUTQNSD = 0x894B  # of Linux: how many bytes of a TCP stream have not been sent yet


def unsent(transport: Any) -> bool:
    """Whether the kernel still holds back what was written to a TCP connection."""
    if transport.fileno() < 0 or transport.getHandle().family != socket.AF_INET:
        return False
    held = fcntl.ioctl(transport.fileno(), SIOCOUTQNSD, b"\0" * 4)
    return struct.unpack("i", held)[0] > 0


STREAM_STEPS = [
    "server write",
    "server write much",
    "server writeSequence",
    "server pause",
    "server resume",
    "server loseConnection",
    "server loseWriteConnection",
    "server abortConnection",
    "client write",
    "client write much",
    "client pause",
    "client resume",
    "client loseConnection",
    "client loseWriteConnection",
    "client abortConnection",
    "iterate",
]
UNIX_STEPS = ["server sendFileDescriptor", "client sendFileDescriptor"]
stream_steps = st.lists(st.sampled_from(STREAM_STEPS), max_size=14)
unix_steps = st.lists(st.sampled_from(STREAM_STEPS + 2 * UNIX_STEPS), max_size=14)


@implementer(interfaces.IFileDescriptorReceiver)
class Side(protocol.Protocol):
    """Remembers what it sees; data is compared as a whole, for chunks may differ."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.descriptors: list[int] = []  # each with the bytes that came before it
        self.events: list[object] = []

    def connectionMade(self) -> None:
        self.factory.made.append(self)  # type: ignore[attr-defined,union-attr]

    def fileDescriptorReceived(self, descriptor: int) -> None:
        os.close(descriptor)
        self.descriptors.append(len(self.received))

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.events.append(("lost", reason.type.__name__))


def connected(reactor: Any, path: str | None = None) -> tuple[Side, Side, Any]:
    """A server's and a client's protocol, and the port: TCP, or UNIX at `path`."""
    server: Any = protocol.Factory.forProtocol(Side)
    client: Any = protocol.ClientFactory.forProtocol(Side)
    server.noisy = client.noisy = False
    server.made, client.made = [], []
    if path is not None:
        port = reactor.listenUNIX(path, server)
        reactor.connectUNIX(path, client)
    else:
        port = reactor.listenTCP(0, server, interface="127.0.0.1")
        reactor.connectTCP("127.0.0.1", port.getHost().port, client)
    while not (server.made and client.made):
        reactor.iterate(0.01)
    return server.made[0], client.made[0], port


def under_way(reactor: Any, sides: list[Side]) -> bool:
    """Whether something is on its way to one of two sides that reads it."""
    readers, writers = reactor.getReaders(), reactor.getWriters()
    for side, peer in (sides, sides[::-1]):
        coming = side.events or side.transport in writers or unsent(side.transport)
        if coming and peer.transport in readers:
            return True
    return False


def settle(reactor: Any, sides: list[Side]) -> None:
    """Iterate until nothing is under way, and nothing happens any more."""
    quiet = 0
    before: object = None
    give_up = time.monotonic() + 60
    while quiet < 6:
        assert time.monotonic() < give_up, "something stays under way"
        LOOPBACK.wait()
        reactor.iterate(0)
        now = [(len(side.received), len(side.events)) for side in sides]
        if now != before:
            quiet = 0
        elif under_way(reactor, sides):
            quiet = 0
            reactor.iterate(0.001)
        else:
            quiet += 1
        before = now


ACTIONS: dict[str, Callable[[Any], object]] = {
    "write": lambda transport: transport.write(b"some data "),
    "write much": lambda transport: transport.write(b"x" * 300_000),
    "writeSequence": lambda transport: transport.writeSequence([b"a", b"", b"bc"] * 50),
    "pause": lambda transport: transport.pauseProducing(),
    "resume": lambda transport: transport.resumeProducing(),
    "loseConnection": lambda transport: transport.loseConnection(),
    "loseWriteConnection": lambda transport: transport.loseWriteConnection(),
    "abortConnection": lambda transport: transport.abortConnection(),
    "sendFileDescriptor": lambda transport: transport.sendFileDescriptor(0),
}


ENDINGS = ("loseConnection", "loseWriteConnection", "abortConnection")


def run_stream(reactor: Any, steps: list[str], path: str | None = None) -> object:
    server, client, port = connected(reactor, path)
    sides = {"server": server, "client": client}
    problems = []
    for number, step in enumerate(steps):
        if step == "iterate":
            settle(reactor, [server, client])
            continue
        who, _, what = step.partition(" ")
        closes = what.startswith("lose")
        if closes:
            # Let come what is on its way: closing on unread data makes a reset.
            settle(reactor, [server, client])
        try:
            ACTIONS[what](sides[who].transport)
        except Exception as problem:
            problems.append((number, step, type(problem).__name__))
        if closes:
            # So does writing to who has closed.
            settle(reactor, [server, client])
    for side in (server, client):
        side.transport.resumeProducing()
        settle(reactor, [server, client])
        side.transport.loseConnection()
        settle(reactor, [server, client])
    port.stopListening()
    reactor.iterate(0)
    reactor.disconnectAll()
    for call in reactor.getDelayedCalls():
        call.cancel()
    reset = any("abort" in step or "pause" in step for step in steps)
    lost = [[event[0] for event in side.events] for side in (server, client)]  # type: ignore[index]
    if reset:
        # A reset, also one by a close on unread data, throws away what is on its way: how
        # much of it still arrives, and who sees the reset, is the kernel's whim.  So is when: one
        # who does not read hears of it by the next send, and stock sends a part at a time.
        ends = [at for at, step in enumerate(steps) if step.partition(" ")[2] in ENDINGS]
        return [each for each in problems if not ends or each[0] <= ends[0]], lost
    received = [bytes(side.received) for side in (server, client)]
    passed: list[object] = [side.descriptors for side in (server, client)]
    if "write much" in "".join(steps):
        # Where in the stream one goes depends on how much the kernel took before.
        passed = [len(side.descriptors) for side in (server, client)]
    return problems, lost, received, passed, [side.events for side in (server, client)]


@settings(
    max_examples=max(30, EXAMPLES // 4),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(stream_steps)
def test_streams(steps: list[str]) -> None:
    with one_core():
        stock = run_stream(EPollReactor(), steps)
        ours = run_stream(PyReactor(), steps)
    assert ours == stock


@settings(
    max_examples=max(30, EXAMPLES // 4),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(unix_steps)
def test_unix_streams(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stock = run_stream(EPollReactor(), steps, os.path.join(folder, "stock"))
        ours = run_stream(PyReactor(), steps, os.path.join(folder, "ours"))
    assert ours == stock


# What the whole of a program sends fits into a socket's buffer: nothing gets lost.
ends = st.sampled_from(["a", "b"])
sends = st.tuples(st.just("send"), ends, st.sampled_from([0, 1, 99, 8193]))
plans = st.tuples(  # for the next datagramReceived
    st.sampled_from(
        [
            "in raise",
            "in answer",
            "in iterate",
            "in stopReading",
            "in stopListening",
            "in connectionLost",
            "in switch",
            "in cut",
        ]
    ),
    ends,
    st.just(0),
)
datagram_steps = st.lists(
    st.one_of(
        sends,
        sends,
        sends,
        plans,
        plans,
        st.tuples(st.just("send to nobody"), ends, st.just(1)),
        st.tuples(st.just("send too much"), ends, st.just(65_508)),
        st.tuples(
            st.sampled_from(["stopReading", "startReading", "stopListening", "connectionLost"]),
            ends,
            st.just(0),
        ),
        st.tuples(st.just("iterate"), st.just("a"), st.just(0)),
    ),
    max_size=24,
)


class Peer(protocol.DatagramProtocol):
    """One of two ports that write to each other."""

    other: Peer
    refusals = 0

    def __init__(self, reactor: Any, name: str, trace: list[object]) -> None:
        self.reactor, self.name, self.trace = reactor, name, trace
        self.plans: list[str] = []
        self.port = reactor.listenUDP(0, self, interface="127.0.0.1")
        self.where = ("127.0.0.1", self.port.getHost().port)

    def attempt(self, what: str, *arguments: object) -> None:
        try:
            result: object = getattr(self.port, what)(*arguments)
        except Exception as problem:
            result = type(problem).__name__
        LOOPBACK.wait()
        self.trace.append((self.name, what, result if isinstance(result, int | str) else None))

    def send(self, data: bytes, where: tuple[str, int] | None = None) -> None:
        if self.port._connectedAddr is None:
            self.attempt("write", data, where or self.other.where)
        else:
            self.attempt("write", data)

    def datagramReceived(self, data: bytes, addr: tuple[str, int]) -> None:
        self.trace.append((self.name, "received", data[:30], len(data), addr == self.other.where))
        plan = self.plans.pop(0) if self.plans else "nothing"
        if plan == "raise":
            raise RuntimeError("planned")
        if plan == "answer":
            self.send(b"answer to " + data[:20])
        elif plan == "iterate":
            self.reactor.iterate(0)
        elif plan == "switch":
            self.port.protocol = Switched(self)
        elif plan == "cut":
            self.port.maxPacketSize = 5
        elif plan != "nothing":
            self.attempt(plan)
        self.trace.append((self.name, "handled", plan))

    def connectionRefused(self) -> None:
        self.trace.append((self.name, "refused"))

    def stopProtocol(self) -> None:
        self.trace.append((self.name, "stopped"))


class Switched(protocol.DatagramProtocol):
    def __init__(self, first: Peer) -> None:
        self.first = first

    def datagramReceived(self, data: bytes, addr: tuple[str, int]) -> None:
        self.first.trace.append(("switched", data[:30]))


def run_datagrams(reactor: Any, steps: list[tuple[str, str, int]], connected: bool) -> object:
    """What the two ports see; the order between them is the kernel's, so each has its own."""
    traces: dict[str, list[object]] = {"a": [], "b": []}
    peers = {name: Peer(reactor, name, traces[name]) for name in "ab"}
    peers["a"].other, peers["b"].other = peers["b"], peers["a"]
    # Its number is taken, but it hears from one peer only, which there is not.
    deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    deaf.bind(("127.0.0.1", 0))
    deaf.connect(("127.0.0.1", 9))
    nobody = deaf.getsockname()
    if connected:
        peers["a"].port.connect(*peers["b"].where)
    reactor.iterate(0)  # the kernel watches both from now on: which is ready first comes first
    for number, (what, name, size) in enumerate(steps):
        peer = peers[name]
        if what == "iterate":
            for _ in range(4):
                reactor.iterate(0)
        elif what == "send to nobody":
            peer.send(b"", nobody)
        elif what.startswith("send"):
            peer.send((b"%d " % number + b"x" * size)[: max(size, 0)])
        elif what.startswith("in "):
            peer.plans.append(what[3:])
        else:
            peer.attempt(what)
    for _ in range(6):
        reactor.iterate(0)
    for peer in peers.values():
        if peer.port.connected:
            peer.port.stopListening()
    for _ in range(3):
        reactor.iterate(0)
    for call in reactor.getDelayedCalls():
        call.cancel()
    deaf.close()
    return traces


@settings(
    max_examples=max(100, EXAMPLES),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(datagram_steps, st.booleans())
def test_datagrams(steps: list[tuple[str, str, int]], connected: bool) -> None:
    with one_core():
        stock = run_datagrams(EPollReactor(), steps, connected)
        ours = run_datagrams(PyReactor(), steps, connected)
    assert ours == stock
