"""Random programs on the stock reactor and on ours show the same events."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet import base, error, protocol
from twisted.internet.epollreactor import EPollReactor

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
timer_steps = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.integers(0, 20), st.just(0)),
        st.tuples(st.just("call and call again"), st.integers(0, 20), st.integers(0, 5)),
        st.tuples(st.just("cancel"), st.integers(0, 30), st.just(0)),
        st.tuples(st.just("reset"), st.integers(0, 30), st.integers(0, 20)),
        st.tuples(st.just("delay"), st.integers(0, 30), st.integers(-20, 20)),
        st.tuples(st.just("advance"), st.integers(0, 10), st.just(0)),
        st.tuples(st.just("cancel in a call"), st.integers(0, 20), st.integers(0, 30)),
        st.tuples(st.just("raise in a call"), st.integers(0, 20), st.just(0)),
    ),
    max_size=60,
)


def run_timers(reactor: Any, steps: list[tuple[str, int, int]]) -> list[object]:
    """What happens, and what there is to see after each step."""
    clock = Clock()
    reactor.seconds = clock
    calls: list[Any] = []
    trace: list[object] = []
    fraction = iter(range(1, 1000))

    def schedule(seconds: int, function: Callable[[], object]) -> None:
        unique = next(fraction) * 2**-12
        number = len(calls)

        def fire() -> None:
            trace.append(("fired", number, clock.now))
            function()

        calls.append(reactor.callLater(seconds + unique, fire))

    def attempt(method: str, number: int, *arguments: float) -> None:
        if calls:
            call = calls[number % len(calls)]
            try:
                getattr(call, method)(*arguments)
            except (error.AlreadyCalled, error.AlreadyCancelled) as problem:
                trace.append(type(problem).__name__)

    def step(kind: str, first: int, second: int) -> None:
        if kind == "call":
            schedule(first, lambda: None)
        elif kind == "call and call again":
            schedule(first, lambda: schedule(second, lambda: None))
        elif kind == "cancel in a call":
            schedule(first, lambda: attempt("cancel", second))
        elif kind == "raise in a call":
            schedule(first, lambda: [][0])
        elif kind == "cancel":
            attempt(kind, first)
        elif kind == "reset":
            attempt(kind, first, second + next(fraction) * 2**-12)
        elif kind == "delay":
            attempt(kind, first, second)
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


@settings(max_examples=EXAMPLES, deadline=None)
@given(timer_steps)
def test_timed_calls(steps: list[tuple[str, int, int]]) -> None:
    stock = run_timers(StockTimers(), steps)
    ours = run_timers(PyReactor(), steps)
    assert ours == stock


stream_steps = st.lists(
    st.sampled_from(
        [
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
    ),
    max_size=14,
)


class Side(protocol.Protocol):
    """Remembers what it sees; data is compared as a whole, for chunks may differ."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.events: list[object] = []

    def connectionMade(self) -> None:
        self.factory.made.append(self)  # type: ignore[attr-defined,union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.events.append(("lost", reason.type.__name__))


def connected(reactor: Any) -> tuple[Side, Side, Any]:
    """A server's and a client's protocol, and the port."""
    server: Any = protocol.Factory.forProtocol(Side)
    client: Any = protocol.ClientFactory.forProtocol(Side)
    server.noisy = client.noisy = False
    server.made, client.made = [], []
    port = reactor.listenTCP(0, server, interface="127.0.0.1")
    reactor.connectTCP("127.0.0.1", port.getHost().port, client)
    while not (server.made and client.made):
        reactor.iterate(0.01)
    return server.made[0], client.made[0], port


def settle(reactor: Any, sides: list[Side]) -> None:
    """Iterate until nothing has happened for a while."""
    quiet = 0
    before: object = None
    while quiet < 6:
        reactor.iterate(0.001)
        now = [(len(side.received), len(side.events)) for side in sides]
        quiet = quiet + 1 if now == before else 0
        before = now


def run_stream(reactor: Any, steps: list[str]) -> object:
    server, client, port = connected(reactor)
    sides = {"server": server, "client": client}
    actions: dict[str, Callable[[Any], object]] = {
        "write": lambda transport: transport.write(b"some data "),
        "write much": lambda transport: transport.write(b"x" * 300_000),
        "writeSequence": lambda transport: transport.writeSequence([b"a", b"", b"bc"] * 50),
        "pause": lambda transport: transport.pauseProducing(),
        "resume": lambda transport: transport.resumeProducing(),
        "loseConnection": lambda transport: transport.loseConnection(),
        "loseWriteConnection": lambda transport: transport.loseWriteConnection(),
        "abortConnection": lambda transport: transport.abortConnection(),
    }
    problems = []
    for step in steps:
        if step == "iterate":
            settle(reactor, [server, client])
            continue
        who, _, what = step.partition(" ")
        closes = what.startswith("lose")
        if closes:
            # Let come what is on its way: closing on unread data makes a reset.
            settle(reactor, [server, client])
        try:
            actions[what](sides[who].transport)
        except Exception as problem:
            problems.append((step, type(problem).__name__))
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
        # much of it still arrives, and who sees the reset, is the kernel's whim.
        return problems, lost
    received = [bytes(side.received) for side in (server, client)]
    return problems, lost, received, [side.events for side in (server, client)]


@settings(
    max_examples=max(30, EXAMPLES // 4),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(stream_steps)
def test_streams(steps: list[str]) -> None:
    stock = run_stream(EPollReactor(), steps)
    ours = run_stream(PyReactor(), steps)
    assert ours == stock
