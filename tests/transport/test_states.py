"""
The states of a connection: random scripts of both ends' actions over a socket pair show the same on
stock's epoll reactor and here.

The other end is a bare socket, and what either end sends fits into the kernel's buffers, or is more
than they can hold until all is read: so it is determined what each step shows.

PYREACTOR_TEST_EXAMPLES sets the number of scripts.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet import interfaces, protocol
from twisted.internet.epollreactor import EPollReactor
from twisted.logger import globalLogPublisher
from zope.interface import implementer

from pyreactor.reactor import PyReactor

EXAMPLES = int(os.environ.get("PYREACTOR_TEST_EXAMPLES", "60"))
#: Iterations in which all that one step leads to has happened.
ITERATIONS = 5
#: More than the kernel takes for one who does not read.
MUCH = 1_000_000
SIZES = (0, 1, 99, 5000)

locals_ = st.one_of(
    st.tuples(st.just("write"), st.sampled_from([*SIZES, MUCH])),
    st.tuples(st.just("writeSequence"), st.sampled_from(SIZES)),
    st.tuples(
        st.sampled_from(
            [
                *("pauseProducing", "resumeProducing", "stopProducing", "loseConnection"),
                *("loseWriteConnection", "abortConnection", "unregisterProducer"),
                *("stopReading", "startReading", "switch", "push", "pull", "raise", "iterate"),
            ]
        ),
        st.just(0),
    ),
)
peers = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(SIZES[1:])),
    st.tuples(st.sampled_from(["receive", "shutdown", "close"]), st.just(0)),
)
#: What an end does, and what the next callbacks do.
steps = st.lists(
    st.one_of(
        st.tuples(st.just("local"), locals_),
        st.tuples(st.just("peer"), peers),
        st.tuples(st.just("then"), st.lists(locals_, max_size=3)),
    ),
    max_size=14,
)


class Plain(protocol.Protocol):
    """Writes down what it hears, and does what is planned for the next callback."""

    half_closes = False

    def __init__(self, run: Run) -> None:
        self.run = run

    def connectionMade(self) -> None:
        self.run.hears("made")

    def dataReceived(self, data: bytes) -> None:
        self.run.hears("data", len(data), data[:1], data[-1:])

    def connectionLost(self, reason: Any = None) -> None:
        self.run.hears("lost", reason.type.__name__, str(reason.value))


@implementer(interfaces.IHalfCloseableProtocol)
class Half(Plain):
    """The same for a protocol that is told of half an end."""

    def readConnectionLost(self) -> None:
        self.run.hears("read lost")

    def writeConnectionLost(self) -> None:
        self.run.hears("write lost")


@implementer(interfaces.IPushProducer, interfaces.IPullProducer)
class Producer:
    """Writes down what it is asked for; one that is pulled from writes three times."""

    def __init__(self, run: Run, pulls: bool) -> None:
        self.run = run
        self.left = 3 if pulls else 0

    def __repr__(self) -> str:
        return "a producer"

    def resumeProducing(self) -> None:
        if self.left:
            self.left -= 1
            self.run.local("write", 99)
            if not self.left:
                self.run.transport.unregisterProducer()
        self.run.hears("resume")

    def pauseProducing(self) -> None:
        self.run.hears("pause")

    def stopProducing(self) -> None:
        self.run.hears("stop")


class Run:
    """One script on one reactor."""

    def __init__(self, reactor: Any, half: bool) -> None:
        self.reactor = reactor
        self.trace: list[Any] = []
        self.plans: list[list[Any]] = []
        self.depth = 0
        self.missing = 0  # of what was written, what the other end has not read
        self.kind = Half if half else Plain
        ours, self.peer = socket.socketpair()
        self.peer.setblocking(False)
        factory: Any = protocol.Factory.forProtocol(lambda: self.kind(self))  # type: ignore[arg-type]
        factory.noisy = False
        with ours:
            self.transport: Any = None
            self.made = reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, factory)
        if self.transport is None:
            self.transport = self.made

    def hears(self, *what: Any) -> None:
        """A callback: the trace has it, and the next plan is carried out."""
        self.trace.append(what)
        if self.plans and self.depth < 5:
            self.depth += 1
            try:
                for action, size in self.plans.pop(0):
                    self.local(action, size)
            finally:
                self.depth -= 1

    def local(self, action: str, size: int) -> None:
        """Something that this end's protocol does."""
        transport = self.transport
        if self.depth and self.peer.fileno() < 0 and action in ("write", "writeSequence"):
            return  # to one who is gone: stock would send, and be told of that, an iteration later
        if action == "raise":
            raise KeyError("a protocol's error")
        if action == "iterate":
            if self.depth < 2:
                self.reactor.iterate(0)
        elif action == "switch":
            transport.protocol = self.kind(self)
        elif action in ("push", "pull"):
            transport.registerProducer(Producer(self, action == "pull"), action == "push")
        elif action == "write":
            self.missing += size
            transport.write(b"w" * size)
        elif action == "writeSequence":
            self.missing += size + 1
            transport.writeSequence([b"s" * size, b"", b"t"])
        else:
            getattr(transport, action)()

    def peer_does(self, action: str, size: int) -> None:
        """Something that the other end does."""
        if self.peer.fileno() < 0:
            return
        if action == "send":
            self.trace.append(("took", self.peer.send(b"x" * size)))
        elif action == "receive":
            self.receive()
        elif action == "shutdown":
            self.peer.shutdown(socket.SHUT_WR)
        else:
            self.peer.close()

    def receive(self) -> None:
        """The other end reads until nothing comes any more."""
        received, quiet, end = 0, 0, ""
        while quiet < ITERATIONS and not end:
            try:
                data = self.peer.recv(1 << 20)
            except BlockingIOError:
                quiet += 1
                self.reactor.iterate(0)
            except OSError as problem:
                end = type(problem).__name__
            else:
                received, quiet, end = received + len(data), 0, "" if data else "end"
        # Of what is cut off by an end, how much the kernel had is no matter of ours.
        self.missing -= received
        self.trace.append(("received", received if not self.missing else "a part", end))

    def attempt(self, function: Any, *arguments: Any) -> None:
        """Do that; the trace has what it raises."""
        try:
            function(*arguments)
        except Exception as problem:
            self.trace.append(("raised", type(problem).__name__, str(problem)))

    def step(self, who: str, what: Any) -> None:
        if who == "then":
            self.plans.append(what)
            return
        self.attempt(self.local if who == "local" else self.peer_does, *what)
        for _ in range(ITERATIONS):
            self.reactor.iterate(0)
        transport = self.transport
        self.trace.append((who, what, bool(transport.connected), bool(transport.disconnecting)))
        self.trace.append(
            (transport in self.reactor.getReaders(), transport in self.reactor.getWriters())
        )

    def end(self) -> None:
        """Whatever was planned is not, and the other end reads until the end."""
        self.plans.clear()
        for action in ("unregisterProducer", "resumeProducing", "loseConnection"):
            self.step("local", (action, 0))
        self.step("peer", ("receive", 0))
        self.step("peer", ("close", 0))


@contextmanager
def errors_in(trace: list[Any]) -> Iterator[None]:
    """The trace has the errors that are logged, too."""

    def observe(event: Any) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            trace.append(("logged", failure.type.__name__, str(failure.value)))

    globalLogPublisher.addObserver(observe)
    try:
        yield
    finally:
        globalLogPublisher.removeObserver(observe)


def trace_of(reactor: Any, half: bool, script: list[Any]) -> list[Any]:
    """All that a script shows on this reactor."""
    run = Run(reactor, half)
    try:
        with errors_in(run.trace):
            for who, what in script:
                run.step(who, what)
            run.end()
    finally:
        run.peer.close()
        reactor.disconnectAll()
        for call in reactor.getDelayedCalls():
            call.cancel()
    return run.trace


@settings(max_examples=EXAMPLES)
@given(st.booleans(), steps)
@example(False, [("local", ("write", MUCH)), ("peer", ("close", 0))])
@example(True, [("local", ("loseWriteConnection", 0)), ("peer", ("shutdown", 0))])
@example(True, [("then", [("startReading", 0), ("pull", 0)]), ("peer", ("shutdown", 0))])
@example(
    True, [("then", [("startReading", 0), ("loseWriteConnection", 0)]), ("peer", ("shutdown", 0))]
)
@example(True, [("then", [("loseConnection", 0), ("startReading", 0)]), ("peer", ("shutdown", 0))])
@example(True, [("then", [("raise", 0)]), ("peer", ("shutdown", 0))])
def test_random_scripts_show_the_same(half: bool, script: list[Any]) -> None:
    expected = trace_of(EPollReactor(), half, script)
    found = trace_of(PyReactor(), half, script)
    for at, (stocks, ours) in enumerate(zip(expected, found, strict=False)):
        assert ours == stocks, f"event {at} of {found}, expected {expected}"
    assert len(found) == len(expected)
