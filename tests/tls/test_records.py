"""
Twisted's TLS protocol by its own code and by ours, over transports of memory: the same events.

``own_code`` puts Twisted's methods back into the class, so both sides run in one process.
"""

from __future__ import annotations

import copy
import gc
import os
import runpy
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from textwrap import dedent
from typing import Any

import pytest
import twisted
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet import interfaces, protocol, task
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.protocols import policies, tls
from twisted.python.failure import Failure
from zope.interface import (
    Interface,
    classImplements,
    classImplementsOnly,
    directlyProvides,
    implementedBy,
    implementer,
    providedBy,
)

import pyreactor.reactor  # noqa: F401  (puts the C methods in)
from pyreactor import _core
from pyreactor._bench.sides import PROGRAMS
from pyreactor._tls import records as _tls
from tests.support import check

EXAMPLES = int(os.environ.get("PYREACTOR_TEST_EXAMPLES", "200"))
METHODS = tuple(_tls.METHODS)


@contextmanager
def own_code() -> Iterator[None]:
    """Run with Twisted's own methods."""
    owner = tls.TLSMemoryBIOProtocol
    ours = {name: vars(owner)[name] for name in METHODS}
    aggregate = tls._AggregateSmallWrites
    for name, method in ours.items():
        assert isinstance(method, _core.StandIn)
        setattr(owner, name, method.__wrapped__)
    tls._AggregateSmallWrites = aggregate.__mro__[2]  # type: ignore[misc]
    try:
        yield
    finally:
        for name, method in ours.items():
            setattr(owner, name, method)
        tls._AggregateSmallWrites = aggregate  # type: ignore[misc]


# ---- both ends of a connection ----


@cache
def certificate() -> bytes:
    """PEM of a key and its certificate.  RSA, for all signatures are of one length then."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    made = runpy.run_path(str(PROGRAMS / "certificate.py"))["secret_and_certificate"]
    pem: bytes = made(rsa.generate_private_key(65537, 2048))
    return pem


@implementer(IOpenSSLServerConnectionCreator, IOpenSSLClientConnectionCreator)
class Creator:
    """Makes connections of one context."""

    def __init__(self, context: SSL.Context) -> None:
        self.context = context

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        return SSL.Connection(self.context, None)

    clientConnectionForTLS = serverConnectionForTLS


def context_of(name: str, version: int, tickets: bool, trace: list[Any]) -> SSL.Context:
    """A context that tells of every step of OpenSSL's."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    if not tickets:
        context.set_options(SSL.OP_NO_TICKET)
    context.set_info_callback(lambda _, where, result: trace.append((name, "info", where, result)))
    context.set_verify(SSL.VERIFY_NONE, lambda *arguments: True)
    if name == "server":
        # What pyOpenSSL takes as a key differs between its versions; files are files.
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate())
            file.flush()
            context.use_privatekey_file(file.name)
            context.use_certificate_file(file.name)
    return context


class Transport:
    """Keeps what is written, and tells of all that is done to it."""

    def __init__(self, name: str, trace: list[Any], lengths: bool) -> None:
        self.name, self.trace, self.lengths = name, trace, lengths
        self.sent = b""
        self.lost: Any = None  # the reason that the protocol is to be told
        self.producer: Any = None

    def write(self, data: bytes) -> None:
        self.trace.append((self.name, "sent", len(data) if self.lengths else None))
        if self.lost is None:
            self.sent += data

    def loseConnection(self) -> None:
        self.trace.append((self.name, "loseConnection"))
        self.lost = self.lost or ConnectionDone()

    def abortConnection(self) -> None:
        self.trace.append((self.name, "abortConnection"))
        self.lost = self.lost or ConnectionLost()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.trace.append((self.name, "registerProducer", streaming))
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.trace.append((self.name, "unregisterProducer"))
        self.producer = None


@implementer(IHandshakeListener)
class Application(protocol.Protocol):
    """Tells of what comes, and does what it was told to do in `dataReceived`."""

    def __init__(self, name: str, trace: list[Any], reactions: list[str]) -> None:
        self.name, self.trace, self.reactions = name, trace, reactions

    def handshakeCompleted(self) -> None:
        self.trace.append((self.name, "handshakeCompleted"))

    def dataReceived(self, data: bytes) -> None:
        self.trace.append((self.name, "received", data))
        assert self.transport is not None
        match self.reactions.pop() if self.reactions else "nothing":
            case "answer":
                self.transport.write(data[:20000])
            case "lose":
                self.transport.loseConnection()
            case "abort":
                self.transport.abortConnection()
            case "raise":
                raise ValueError("an application's error")

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self.trace.append((self.name, "lost", reason.type.__name__, str(reason.value)))


@implementer(interfaces.IPushProducer)
class Producer:
    def __init__(self, name: str, trace: list[Any]) -> None:
        self.name, self.trace = name, trace

    def pauseProducing(self) -> None:
        self.trace.append((self.name, "pauseProducing"))

    def resumeProducing(self) -> None:
        self.trace.append((self.name, "resumeProducing"))

    def stopProducing(self) -> None:
        self.trace.append((self.name, "stopProducing"))


class Pair:
    """A client and a server, and the events of both."""

    def __init__(
        self,
        version: int = SSL.TLS1_3_VERSION,
        tickets: bool = False,
        reactions: list[str] | None = None,
        kind: type[tls.TLSMemoryBIOProtocol] = tls.BufferingTLSTransport,
    ) -> None:
        self.trace: list[Any] = []
        self.tickets = tickets  # their length depends on the time: nothing may depend on it
        self.clock = task.Clock()
        self.ends: dict[str, Any] = {}
        self.transports: dict[str, Transport] = {}
        for name in ("client", "server"):
            context = context_of(name, version, tickets, self.trace)
            application = Application(name, self.trace, list(reactions or ()))
            factory = tls.TLSMemoryBIOFactory(
                Creator(context),
                name == "client",
                protocol.Factory.forProtocol(lambda application=application: application),
                clock=self.clock,
            )
            factory.protocol = kind
            self.ends[name] = factory.buildProtocol(None)
            self.transports[name] = Transport(name, self.trace, not tickets)
        for name, end in self.ends.items():
            end.makeConnection(self.transports[name])

    def attempt(self, name: str, function: Any, *arguments: Any) -> None:
        """Call it; what it raises is an event."""
        try:
            function(*arguments)
        except Exception as error:
            self.trace.append((name, "raised", type(error).__name__, str(error)))

    def close(self, name: str, reason: Exception) -> None:
        """The transport of one end is gone."""
        end = self.ends.pop(name, None)
        if end is not None:
            self.transports[name].lost = reason
            self.attempt(name, end.connectionLost, Failure(reason))

    def pump(self, name: str, size: int) -> None:
        """Let one end receive up to so many bytes that wait for it."""
        peer = self.transports["server" if name == "client" else "client"]
        data, peer.sent = peer.sent[:size], peer.sent[size:]
        end = self.ends.get(name)
        if end is not None and data:
            before = len(self.trace)
            self.attempt(name, end.dataReceived, data)
            if any(event[1] == "raised" for event in self.trace[before:]):
                self.close(name, ConnectionLost())
        if end is not None and self.transports[name].lost is not None:
            self.close(name, self.transports[name].lost)
        if not peer.sent and peer.lost is not None:
            self.close(name, ConnectionDone())

    def settle(self) -> None:
        """Until nothing is on its way."""
        for _ in range(60):
            self.clock.advance(1)
            for name in ("client", "server"):
                self.pump(name, 100_000)

    def do(self, what: str, name: str, number: int) -> None:
        """One step of a random program."""
        end, transport = self.ends.get(name), self.transports[name]
        if what == "settle":
            self.settle()
        elif what == "advance":
            self.clock.advance(1)
        elif what == "pump":
            self.pump(name, 10**6 if self.tickets else number)
        elif what == "close":
            self.close(name, ConnectionLost())
        elif what in ("garbage", "damage") and self.tickets:
            pass
        elif what == "garbage":
            # Not what comes there by itself: in the middle of a record that may be anything.
            garbage = number % 251 + (transport.sent[:1] == bytes([number % 251]))
            transport.sent = bytes([garbage] * (number % 100)) + transport.sent
        elif what == "damage":
            # One byte short, and one wrong: what comes in the place of the first may be the same.
            left, spoilt = transport.sent[:-2], transport.sent[-2:-1]
            transport.sent = left + bytes(byte ^ 255 for byte in spoilt)
        elif end is not None:
            self.attempt(name, getattr(self, what), name, end, number)

    def write(self, name: str, end: Any, number: int) -> None:
        end.write(bytes(number % 256 for _ in range(number)))

    def writeSequence(self, name: str, end: Any, number: int) -> None:
        end.writeSequence([b"a" * number, b"", b"b"])

    def write_bytearray(self, name: str, end: Any, number: int) -> None:
        end._write(bytearray(number))

    def lose(self, name: str, end: Any, number: int) -> None:
        end.loseConnection()

    def abort(self, name: str, end: Any, number: int) -> None:
        end.abortConnection()

    def fail(self, name: str, end: Any, number: int) -> None:
        end.failVerification(Failure(ValueError("not verified")))

    def register(self, name: str, end: Any, number: int) -> None:
        if end._producer is None:
            end.registerProducer(Producer(name, self.trace), True)

    def unregister(self, name: str, end: Any, number: int) -> None:
        end.unregisterProducer()

    def renegotiate(self, name: str, end: Any, number: int) -> None:
        if end._tlsConnection is not None:
            end._tlsConnection.renegotiate()

    def shutdown(self, name: str, end: Any, number: int) -> None:
        if end._tlsConnection is not None:
            end._tlsConnection.shutdown()


COMMON = ("write", "pump", "advance", "settle")
RARE = (
    "writeSequence",
    "write_bytearray",
    "lose",
    "abort",
    "fail",
    "close",
    "garbage",
    "damage",
    "register",
    "unregister",
    "renegotiate",
    "shutdown",
)
sizes = st.one_of(
    st.integers(1, 40),
    st.integers(0, 70_000),
    st.sampled_from([0, 16383, 16384, 16385, 32768, 64000, 64001, 200_000]),
)
steps = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(COMMON), st.sampled_from(COMMON), st.sampled_from(RARE)),
        st.sampled_from(["client", "server"]),
        sizes,
    ),
    max_size=25,
)
reactions = st.lists(
    st.sampled_from(["nothing", "answer", "answer", "lose", "abort", "raise"]), max_size=6
)


def run(
    version: int,
    tickets: bool,
    shaken: bool,
    program: list[tuple[str, str, int]],
    what_to_do: list[str],
) -> list[Any]:
    pair = Pair(version, tickets, what_to_do)
    if shaken:
        pair.settle()
    for what, name, number in program:
        pair.do(what, name, number)
        pair.trace.append("done")
    pair.settle()
    for name in list(pair.ends):
        pair.close(name, ConnectionDone())
    return pair.trace


ENDS = ("client", "server")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    st.sampled_from([SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION]),
    st.booleans(),
    st.sampled_from([True, True, True, False]),
    steps,
    reactions,
)
@example(SSL.TLS1_3_VERSION, False, True, [("write", "client", 200_000)], ["answer"])
@example(SSL.TLS1_3_VERSION, True, True, [("write", "client", 9), ("lose", "client", 0)], [])
@example(SSL.TLS1_2_VERSION, False, True, [("write", "client", 50_000)], ["abort"])
@example(SSL.TLS1_2_VERSION, False, True, [("write", "client", 50_000)], ["raise"])
@example(SSL.TLS1_3_VERSION, False, False, [("write", end, 50_000) for end in ENDS], [])
@example(SSL.TLS1_2_VERSION, False, True, [("garbage", "client", 99)], [])
@example(SSL.TLS1_3_VERSION, False, True, [("close", "client", 0)], [])
@example(SSL.TLS1_2_VERSION, False, True, [("shutdown", "server", 0), ("write", "server", 5)], [])
@example(
    SSL.TLS1_2_VERSION,
    False,
    True,
    [("renegotiate", "client", 0), ("write", "client", 5), ("settle", "client", 0)],
    [],
)
@example(
    SSL.TLS1_3_VERSION,
    False,
    True,
    [("write", "client", 70_000), ("damage", "client", 0), ("write", "client", 1)],
    [],
)
def test_random_programs_show_the_same(
    version: int,
    tickets: bool,
    shaken: bool,
    program: list[tuple[str, str, int]],
    what_to_do: list[str],
) -> None:
    with own_code():
        expected = run(version, tickets, shaken, program, what_to_do)
    assert run(version, tickets, shaken, program, what_to_do) == expected


# ---- what a connection's transport provides ----


class First(Interface):
    """One of what transports provide."""


class Second(Interface):
    """Another."""


@pytest.mark.parametrize("wrapped", [True, False])
def test_the_same_is_provided_as_on_stock(wrapped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each transport, also after its class or the object came to provide more."""

    def provided() -> list[Any]:
        kind: Any = type("Kind", (Transport,), {})
        found = []

        def look() -> None:
            made = [kind("x", [], True) for _ in range(2)]
            directlyProvides(made[1], First)
            for transport in made:
                factory = tls.TLSMemoryBIOFactory(
                    Creator(context_of("client", SSL.TLS1_3_VERSION, False, [])),
                    True,
                    protocol.Factory.forProtocol(protocol.Protocol),
                    clock=task.Clock(),
                )
                application = protocol.Protocol()
                end = factory.protocol(factory, application, wrapped)  # type: ignore[arg-type]
                end.makeConnection(transport)
                implementedBy(type(end))  # zope tells of no class that was never asked
                found.append([each.__name__ for each in providedBy(end)])
                found.append([each.__name__ for each in vars(end).get("__provides__", ())])

        look()
        classImplements(kind, interfaces.ITCPTransport)
        look()
        classImplements(kind, First, Second)
        look()
        classImplements(Transport, interfaces.ISSLTransport)
        look()
        classImplementsOnly(Transport)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(tls, "providedBy", providedBy)
        expected = provided()
    # The method of earlier releases is another one, and stays.
    assert (tls.providedBy is not providedBy) == (twisted.version.major >= 26)
    assert provided() == expected
    assert any("Second" in names for names in expected)


# ---- what somebody replaced ----


def connected(**options: Any) -> Pair:
    pair = Pair(**options)
    pair.settle()
    pair.trace.clear()
    return pair


def echo(pair: Pair) -> list[Any]:
    """What both ends see of three writes."""
    for size in (10, 20_000, 100_000):
        pair.attempt("client", pair.ends["client"].write, b"x" * size)
        pair.settle()
    return pair.trace


@pytest.mark.parametrize("name", [*METHODS, "_checkHandshakeStatus", "_bufferedWrite"])
@pytest.mark.parametrize("where", ["class", "subclass", "instance"])
def test_replaced_method_is_called(name: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def calls() -> list[Any]:
        seen: list[Any] = []
        found = getattr(tls.TLSMemoryBIOProtocol, name)

        def replacement(self: Any, *arguments: Any) -> Any:
            seen.append((type(self).__name__, *map(len, arguments)))
            return found(self, *arguments)

        kind: Any = type("Kind", (tls.TLSMemoryBIOProtocol,), {})
        with monkeypatch.context() as patch:
            if where == "class":
                patch.setattr(tls.TLSMemoryBIOProtocol, name, replacement)
            elif where == "subclass":
                setattr(kind, name, replacement)
            pair = Pair(kind=kind)
            if where == "instance":
                for end in pair.ends.values():
                    setattr(end, name, replacement.__get__(end))
            pair.ends["client"].write(b"early")
            pair.settle()
            return [seen, echo(pair)]

    with own_code():
        expected = calls()
    assert expected[0]
    ours = calls()
    # Handshake records may differ by a byte between two runs: only the calls are compared.
    assert [len(call) for call in ours[0]] == [len(call) for call in expected[0]]
    assert ours[1] == expected[1]


@pytest.mark.parametrize(
    "name",
    ["recv", "send", "bio_read", "bio_write", "_raise_ssl_error", "_handle_bio_errors"],
)
@pytest.mark.parametrize("where", ["class", "instance"])
def test_replaced_method_of_pyopenssl_is_called(
    name: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def calls() -> list[Any]:
        pair = connected()
        seen: list[str] = []
        found = getattr(SSL.Connection, name)

        def replacement(self: Any, *arguments: Any) -> Any:
            seen.append(name)
            return found(self, *arguments)

        with monkeypatch.context() as patch:
            if where == "class":
                patch.setattr(SSL.Connection, name, replacement)
            else:
                for end in pair.ends.values():
                    connection = end._tlsConnection
                    setattr(connection, name, replacement.__get__(connection))
            return [echo(pair), len(seen)]

    with own_code():
        expected = calls()
    assert expected[1]
    if name.startswith("_"):
        # Of these only errors are left to call, where the class or instance has its own.
        assert calls()[0] == expected[0]
    assert calls() == expected


def replace_method(end: Any, name: str, seen: list[Any]) -> None:
    found = getattr(end, name)

    def replacement(*arguments: Any) -> Any:
        seen.append((name, *(type(argument).__name__ for argument in arguments)))
        return found(*arguments)

    setattr(end, name, replacement)


def replace_transport(end: Any, seen: list[Any]) -> None:
    stock = end.transport

    class Below:
        def __getattr__(self, name: str) -> Any:
            seen.append(name)
            return getattr(stock, name)

    end.transport = Below()


def replace_wrapped(end: Any, seen: list[Any]) -> None:
    class Above(protocol.Protocol):
        def dataReceived(self, data: bytes) -> None:
            seen.append(len(data))

        def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
            seen.append("lost")

    end.wrappedProtocol = Above()


def replace_class(end: Any, seen: list[Any]) -> None:
    stock, handshake = type(end), end._handshakeDone

    class Kind(stock):  # type: ignore[misc, valid-type]
        @property
        def _handshakeDone(self) -> Any:
            seen.append("_handshakeDone")
            return handshake

        def _flushSendBIO(self) -> None:
            seen.append("_flushSendBIO")
            super()._flushSendBIO()

    del end._handshakeDone
    end.__class__ = Kind


def set_again(end: Any, name: str) -> None:
    """It has another place in the dict then."""
    found = vars(end).pop(name)
    end.another = 1
    setattr(end, name, found)


class Helper:
    """In the place of one of pyOpenSSL's, which has nothing to raise."""

    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen

    def raise_if_problem(self) -> None:
        self.seen.append("asked")


CHANGES: dict[str, Any] = {
    **{
        name: lambda end, seen, name=name: replace_method(end, name, seen)
        for name in (*METHODS, "_bufferedWrite", "_unbufferPendingWrites")
    },
    "recv": lambda end, seen: replace_method(end._tlsConnection, "recv", seen),
    "send": lambda end, seen: replace_method(end._tlsConnection, "send", seen),
    "bio_read": lambda end, seen: replace_method(end._tlsConnection, "bio_read", seen),
    "bio_write": lambda end, seen: replace_method(end._tlsConnection, "bio_write", seen),
    "transport": replace_transport,
    "wrappedProtocol": replace_wrapped,
    "class": replace_class,
    "lost": lambda end, seen: setattr(end, "_lostTLSConnection", True),
    "aborted": lambda end, seen: setattr(end, "_aborted", True),
    "disconnecting": lambda end, seen: setattr(end, "disconnecting", True),
    "a new dict": lambda end, seen: setattr(
        end, "__dict__", {**vars(end), "wrappedProtocol": protocol.Protocol()}
    ),
    "problem": lambda end, seen: end._tlsConnection._context._verify_helper._problems.append(
        KeyError("from a callback")
    ),
    "connection": lambda end, seen: setattr(
        end, "_tlsConnection", Double(end._tlsConnection, seen)
    ),
    "no connection": lambda end, seen: setattr(end, "_tlsConnection", None),
    "no ssl": lambda end, seen: setattr(end._tlsConnection, "_ssl", None),
    "by way of the dict": lambda end, seen: vars(end).update(wrappedProtocol=protocol.Protocol()),
    "no buffer in the dict": lambda end, seen: vars(end).pop("_appSendBuffer"),
    "taken away and set again": lambda end, seen: set_again(end, "transport"),
    "another list of problems": lambda end, seen: setattr(
        end._tlsConnection._context._verify_helper, "_problems", [KeyError("from a callback")]
    ),
    "another helper": lambda end, seen: setattr(
        end._tlsConnection._context, "_ocsp_helper", Helper(seen)
    ),
    "no helper": lambda end, seen: setattr(end._tlsConnection._context, "_verify_helper", None),
    "another context": lambda end, seen: setattr(
        end._tlsConnection, "_context", copy.copy(end._tlsConnection._context)
    ),
    "attribute of another name": lambda end, seen: setattr(end, "another", seen),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("when", ["received", "sent"])
def test_what_a_handler_changes_counts_at_once(change: str, when: str) -> None:
    """Between two records, and between a record's receipt and the answer."""

    def events() -> list[Any]:
        pair, seen = connected(kind=tls.TLSMemoryBIOProtocol), []  # type: ignore[var-annotated]
        end = pair.ends["server"]

        def do() -> None:
            if do in left:
                left.remove(do)
                CHANGES[change](end, seen)

        left = [do]
        if when == "sent":
            write = end.transport.write

            def changing_write(data: bytes) -> None:
                do()
                write(data)

            end.transport.write = changing_write
        else:
            received = end.wrappedProtocol.dataReceived

            def changing_receive(data: bytes) -> None:
                do()
                received(data)

            end.wrappedProtocol.dataReceived = changing_receive
        end.wrappedProtocol.reactions = ["answer"] * 6
        for size in (10, 40_000, 10):
            if "client" in pair.ends:
                pair.attempt("client", pair.ends["client"].write, b"x" * size)
            pair.settle()
        for name in list(pair.ends):
            pair.close(name, ConnectionDone())
        return [pair.trace, seen, left]

    with own_code():
        expected = events()
    assert not expected[-1]
    assert events() == expected


def test_finalizer_of_a_replaced_value_finds_the_new_one() -> None:
    """CPython 3.11 runs it while the number of the dict's state is the old one."""

    def events() -> list[Any]:
        pair, seen = connected(kind=tls.TLSMemoryBIOProtocol), []  # type: ignore[var-annotated]
        client, end = pair.ends["client"], pair.ends["server"]

        def deliver() -> None:
            sent, client.transport.sent = client.transport.sent, b""
            if sent:
                end.dataReceived(sent)

        class Above(protocol.Protocol):
            def __init__(self, number: int) -> None:
                self.number = number

            def dataReceived(self, data: bytes) -> None:
                seen.append((self.number, data))

            def __del__(self) -> None:
                deliver()

        def replace(end: Any) -> None:
            for number in range(60):
                client.write(b"before")
                deliver()
                client.write(b"during")
                end.wrappedProtocol = Above(number)

        vars(end)
        replace(end)
        return seen

    with own_code():
        expected = events()
    assert (58, b"before") in expected and (59, b"during") in expected
    assert events() == expected


class Double:
    """Stands for a Connection: not one, but works as one."""

    def __init__(self, connection: SSL.Connection, seen: list[Any]) -> None:
        self.connection, self.seen = connection, seen

    def __getattr__(self, name: str) -> Any:
        self.seen.append(name)
        return getattr(self.connection, name)


def test_double_is_asked() -> None:
    def calls() -> list[Any]:
        pair, seen = connected(), []  # type: ignore[var-annotated]
        for end in pair.ends.values():
            end._tlsConnection = Double(end._tlsConnection, seen)
        return [echo(pair), seen]

    with own_code():
        expected = calls()
    assert expected[1]
    assert calls() == expected


def test_subclass_of_connection_is_asked() -> None:
    class Own(SSL.Connection):
        sent = 0

        def send(self, buf: Any, flags: int = 0) -> int:
            Own.sent += 1
            return super().send(buf, flags)

    pair = connected()
    end = pair.ends["client"]
    end._tlsConnection.__class__ = Own
    end.write(b"x" * 20_000)
    pair.settle()
    assert Own.sent == 2


@pytest.mark.parametrize("given", [True, 0, -3, -20_000, 2**40, sys.maxsize])
def test_any_count_from_a_send_that_was_replaced_during_a_write(given: int) -> None:
    def sizes_sent() -> list[int]:
        pair = connected(kind=tls.TLSMemoryBIOProtocol)
        end, sizes = pair.ends["client"], []  # type: ignore[var-annotated]

        def send(buf: bytes, flags: int = 0) -> int:
            assert set(buf) <= set(b"y")
            sizes.append(len(buf))
            if len(sizes) == 3:
                raise KeyError("enough")
            return given

        def write(data: bytes) -> None:
            end._tlsConnection.send = send

        end.transport.write = write
        try:
            end.write(b"y" * 50_000)
        except KeyError:
            sizes.append(-1)
        return sizes

    with own_code():
        expected = sizes_sent()
    assert sizes_sent() == expected


def test_ends_that_answer_each_other_for_ever() -> None:
    """A RecursionError, though there is no Python function between them."""
    code = """
from types import SimpleNamespace
from tests.tls.test_records import connected, tls
pair = connected(kind=tls.TLSMemoryBIOProtocol)
ends = list(pair.ends.values())
for end, peer in (ends, reversed(ends)):
    end.transport = SimpleNamespace(write=peer.dataReceived)
    end.wrappedProtocol = SimpleNamespace(dataReceived=end.write)
try:
    ends[0].write(b"hello")
except RecursionError:
    print("RecursionError")
"""
    assert check(code) == "RecursionError\n"


def test_replaced_delivery_of_the_wrapper(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    pair = connected()
    monkeypatch.setattr(
        policies.ProtocolWrapper, "dataReceived", lambda self, data: seen.append(data)
    )
    pair.ends["client"].write(b"hello")
    pair.settle()
    assert seen == [b"hello"]


def test_exception_of_a_callback_is_raised_where_stock_raises_it() -> None:
    def events() -> list[Any]:
        pair = connected()
        problems = pair.ends["server"]._tlsConnection.get_context()._verify_helper._problems
        problems.append(KeyError("from a callback"))
        pair.ends["client"].write(b"hello")
        pair.settle()
        return pair.trace

    with own_code():
        expected = events()
    assert ("server", "raised", "KeyError", "'from a callback'") in expected
    assert events() == expected


# ---- as a function is ----


@pytest.mark.parametrize("name", METHODS)
def test_looks_like_the_method_it_stands_for(name: str) -> None:
    ours: Any = vars(tls.TLSMemoryBIOProtocol)[name]
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__", "__code__"):
        assert getattr(ours, attribute) == getattr(ours.__wrapped__, attribute)
    end = connected().ends["client"]
    bound = getattr(tls.TLSMemoryBIOProtocol, name).__get__(end)
    assert bound.__self__ is end
    assert bound.__func__ is ours
    assert weakref.WeakMethod(bound)() == bound


def test_arguments_by_name_and_wrong_ones() -> None:
    pair = connected(kind=tls.TLSMemoryBIOProtocol)
    end = pair.ends["client"]
    end.write(bytes=b"hello")
    pair.settle()
    assert ("server", "received", b"hello") in pair.trace
    for call in (
        lambda: end.write(),
        lambda: end.write(b"", b""),
        lambda: end._flushSendBIO(1),
        lambda: end.write(5),
        lambda: end.dataReceived(5),
        lambda: tls.TLSMemoryBIOProtocol.write(),
    ):
        with own_code(), pytest.raises(TypeError) as expected:
            call()
        with pytest.raises(TypeError) as found:
            call()
        assert str(found.value) == str(expected.value)


def test_without_connection() -> None:
    """After connectionLost there is none."""
    pair = connected(kind=tls.TLSMemoryBIOProtocol)
    end = pair.ends["client"]
    pair.close("client", ConnectionLost())
    for call in (end._flushSendBIO, lambda: end.dataReceived(b"x")):
        with own_code(), pytest.raises(AttributeError) as expected:
            call()
        with pytest.raises(AttributeError) as found:
            call()
        assert str(found.value) == str(expected.value)
    assert end._flushReceiveBIO.__func__ is vars(tls.TLSMemoryBIOProtocol)["_flushReceiveBIO"]
    end._write(b"dropped")


def test_nothing_is_written_without_connection() -> None:
    """Before makeConnection there is not even the attribute."""

    class Bare(tls.TLSMemoryBIOProtocol):
        def __init__(self) -> None:
            """Nothing."""

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(name)

    end: Any = Bare()
    end._write(b"")
    with pytest.raises(AttributeError, match="_tlsConnection"):
        end._write(b"x")


def kept_after(end_by: str) -> int:
    """How many of both ends are there still, after the connection ended so."""
    gc.collect()
    gc.disable()
    try:
        pair = connected()
        echo(pair)
        ends = [weakref.ref(end) for end in pair.ends.values()]
        applications = [end.wrappedProtocol for end in pair.ends.values()]
        pair.do(end_by, "client", 99)
        pair.settle()
        for name in list(pair.ends):
            pair.close(name, ConnectionDone())
        for application in applications:
            application.transport = None
        del pair
        return sum(end() is not None for end in ends)
    finally:
        gc.enable()


@pytest.mark.parametrize("end_by", ["lose", "abort", "close", "garbage"])
def test_nothing_keeps_a_connection_that_ended(end_by: str) -> None:
    with own_code():
        stock = kept_after(end_by)  # which keeps some, by the frames of its errors
    assert kept_after(end_by) <= stock


def test_threads_go_on_while_much_is_written() -> None:
    """A write of many records gives other threads a chance between them."""
    code = """
import sys, threading, time
sys.setswitchinterval(1e-6)
from tests.tls.test_records import connected
pair = connected()
records, seen, stop = [], set(), False
def work():
    while not stop:
        seen.add(len(records))
thread = threading.Thread(target=work)
thread.start()
pair.ends["client"].transport.write = records.append
data = bytes(20_000_000)
write = pair.ends["client"]._write
give_up = time.monotonic() + 100
while time.monotonic() < give_up:
    records.clear()
    seen.clear()
    write(data)
    # What the thread saw in the middle; a busy machine may not have got to it.
    if seen & set(range(1, len(records))):
        break
stop = True
thread.join()
print(len(records) > 100, seen & set(range(1, len(records))) != set())
"""
    assert check(code) == "True True\n"


# ---- small writes ----


class Collector:
    """An `_AggregateSmallWrites`, and all that is seen of it."""

    def __init__(self) -> None:
        self.clock = task.Clock()
        self.seen: list[Any] = []
        self.written: Any = lambda: None  # called in the middle of the next write
        self.of = tls._AggregateSmallWrites(self.write, self.clock)

    def write(self, data: bytes) -> None:
        self.seen.append(data if len(data) < 100 else len(data))
        written, self.written = self.written, lambda: None
        written()

    def attempt(self, function: Any, *arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception as error:
            self.seen.append(repr(error))
        for name in ("_buffer", "_bufferLeft", "_scheduled", "_closed"):
            try:
                value = getattr(self.of, name, "absent")
                if isinstance(value, list):
                    value = [
                        bytes(item) if isinstance(item, memoryview) else item for item in value
                    ]
                known = isinstance(value, (list, int, str))
                self.seen.append(str(value) if known else value is None)
            except Exception as error:
                self.seen.append(repr(error))
        self.seen.append(len(self.clock.calls))


class Attribute:
    """A value that a method of a class leaves no trace of, other than its name."""

    def __init__(self, seen: list[Any], answer: Any) -> None:
        self.seen, self.answer = seen, answer

    def __bool__(self) -> bool:
        self.seen.append("bool")
        return bool(self.answer)

    def __call__(self, *arguments: Any) -> Any:
        self.seen.append(("called", len(arguments)))
        return self.answer

    def append(self, item: Any) -> None:
        self.seen.append(("append", item))

    def __iter__(self) -> Iterator[Any]:
        return iter([b"a", b"b"])

    def __delitem__(self, item: Any) -> None:
        self.seen.append(("del", item))


#: What a program does to one: a name, and what is set under it (None: it is deleted).
AGGREGATE_CHANGES: dict[str, Any] = {
    **{
        f"no {name}": (name, None)
        for name in ("_buffer", "_bufferLeft", "_scheduled", "_write", "_clock")
    },
    "a list of its own": ("_buffer", lambda seen: [b"1", b"2"]),
    "a list of something else": ("_buffer", lambda seen: ["1", 2]),
    "no list": ("_buffer", lambda seen: Attribute(seen, True)),
    "no list, and empty": ("_buffer", lambda seen: Attribute(seen, False)),
    "a small number": ("_bufferLeft", lambda seen: 1),
    "a large number": ("_bufferLeft", lambda seen: 2**80),
    "a very small number": ("_bufferLeft", lambda seen: -(2**63)),
    "no integer": ("_bufferLeft", lambda seen: 2.5),
    "a limit": ("MAX_BUFFER_SIZE", lambda seen: 3),
    "a limit that is no integer": ("MAX_BUFFER_SIZE", lambda seen: 3.5),
    "a true call": ("_scheduled", lambda seen: Attribute(seen, True)),
    "a false call": ("_scheduled", lambda seen: Attribute(seen, False)),
    **{
        f"another {name}": (name, lambda seen: Attribute(seen, None))
        for name in ("flush", "_scheduledFlush", "_write", "_clock")
    },
}


@pytest.mark.parametrize("when", ["before", "while it waits", "in a write"])
@pytest.mark.parametrize("change", AGGREGATE_CHANGES)
def test_what_collects_writes_is_as_on_stock(change: str, when: str) -> None:
    name, make = AGGREGATE_CHANGES[change]

    def events() -> list[Any]:
        collector = Collector()

        def do() -> None:
            if make is None:
                delattr(collector.of, name)
            else:
                setattr(collector.of, name, make(collector.seen))

        if when == "before":
            do()
        collector.attempt(lambda: collector.of.write(b"x"))
        if when == "while it waits":
            do()
        elif when == "in a write":
            collector.written = do
        for data in (b"y", bytearray(b"z"), "s", memoryview(b"m"), b"", b"x" * 64_000):
            collector.attempt(lambda data=data: collector.of.write(data))  # type: ignore[misc]
            collector.attempt(collector.clock.advance, 0)
        for method in ("_scheduledFlush", "flush", "close"):
            collector.attempt(lambda method=method: getattr(collector.of, method)())  # type: ignore[misc]
        return collector.seen

    with own_code():
        expected = events()
    assert events() == expected


@pytest.mark.parametrize("name", _tls.AGGREGATE)
@pytest.mark.parametrize("where", ["class", "instance"])
def test_what_collects_writes_calls_its_methods(
    name: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def calls() -> list[Any]:
        collector = Collector()
        found = getattr(tls._AggregateSmallWrites, name)

        def replacement(self: Any, *arguments: Any) -> Any:
            collector.seen.append((name, *arguments))
            return found(self, *arguments)

        with monkeypatch.context() as patch:
            if where == "class":
                patch.setattr(tls._AggregateSmallWrites, name, replacement)
            else:
                setattr(collector.of, name, replacement.__get__(collector.of))
            for data in (b"x", b"y", b"x" * 64_000, b"z"):
                collector.attempt(collector.of.write, data)
            collector.attempt(collector.clock.advance, 0)
        return collector.seen

    with own_code():
        expected = calls()
    assert any(name in event for event in expected if isinstance(event, tuple))
    assert calls() == expected


def test_what_collects_writes_may_be_of_a_class_with_properties() -> None:
    def calls() -> list[Any]:
        seen: list[Any] = []

        def get(self: Any) -> Any:
            seen.append("get")
            return vars(self)["own"]

        def put(self: Any, value: Any) -> None:
            seen.append(("set", list(value)))
            vars(self)["own"] = value

        own = type("Own", (tls._AggregateSmallWrites,), {"_buffer": property(get, put)})
        clock = task.Clock()
        of: Any = own(seen.append, clock)
        for data in (b"x", b"y", b"x" * 64_000, b"z"):
            of.write(data)
        clock.advance(0)
        return seen

    with own_code():
        expected = calls()
    assert expected.count("get") > 8
    assert calls() == expected


def test_writes_in_a_write_are_as_on_stock() -> None:
    """Those made while the collected ones are sent are lost, as Twisted has it."""

    def events() -> list[Any]:
        collector = Collector()
        collector.written = lambda: collector.attempt(collector.of.write, b"in it")
        collector.attempt(collector.of.write, b"x")
        collector.attempt(collector.clock.advance, 0)
        collector.written = lambda: 1 // 0
        collector.attempt(collector.of.write, b"y")
        collector.attempt(collector.clock.advance, 0)
        collector.attempt(collector.of.flush)
        return collector.seen

    with own_code():
        expected = events()
    assert events() == expected


def test_the_clock_may_go_while_the_last_timed_call_is_asked() -> None:
    def events() -> list[Any]:
        collector = Collector()

        class Call:
            def __bool__(self) -> bool:
                del collector.of._clock
                return False

        collector.of._scheduled = Call()  # type: ignore[assignment]
        try:
            collector.of.write(b"x")
        except AttributeError as error:
            collector.seen.append(str(error))
        return collector.seen

    with own_code():
        expected = events()
    assert expected == ["'_AggregateSmallWrites' object has no attribute '_clock'"]
    assert events() == expected


def test_what_collects_writes_is_freed() -> None:
    """Alone, and in a cycle; and it has attributes of its own, and can be referred to weakly."""
    gc.collect()
    for cycle in (False, True):
        collector = Collector()
        collector.of.another = collector.of if cycle else 1  # type: ignore[attr-defined]
        collector.attempt(collector.of.write, b"x")
        found = weakref.ref(collector.of)
        stock: Any = tls._AggregateSmallWrites.__mro__[2]
        assert isinstance(collector.of, stock)
        del collector
        gc.collect()
        assert found() is None


# ---- what is not known ----


def test_status_and_fallback() -> None:
    assert _tls.status() == "TLS records in C"
    code = """
from types import FunctionType
from OpenSSL import SSL
def recv(self, bufsiz, flags=None):
    return something_new(self)
SSL.Connection.recv = FunctionType(recv.__code__, vars(SSL))
import pyreactor.reactor
from pyreactor._tls import records as _tls
print(_tls.status())
from twisted.protocols import tls
print(type(vars(tls.TLSMemoryBIOProtocol)["write"]).__name__)
"""
    assert check(code) == (
        "TLS methods of Twisted's own: all (Connection.recv uses something_new)\nfunction\n"
    )


def test_another_helper_with_errors_is_not_passed_over() -> None:
    """A release of pyOpenSSL where callbacks leave their errors in one more place."""
    code = """
from OpenSSL import SSL
stock = SSL.Connection._raise_ssl_error.__code__
names = stock.co_names + ("_new_helper",)
SSL.Connection._raise_ssl_error.__code__ = stock.replace(co_names=names)
import pyreactor.reactor
from pyreactor._tls import records as _tls
print(_tls.status())
"""
    assert check(code) == (
        "TLS methods of Twisted's own: all (Connection._raise_ssl_error uses _new_helper)\n"
    )


def test_method_that_was_replaced_before_stays() -> None:
    code = """
from twisted.protocols import tls
def write(self, bytes): pass
tls.TLSMemoryBIOProtocol.write = write
import pyreactor.reactor
from pyreactor._tls import records as _tls
print(_tls.status())
print(tls.TLSMemoryBIOProtocol.write is write)
"""
    assert check(code) == (
        "TLS methods of Twisted's own: write"
        " (TLSMemoryBIOProtocol.write is not twisted.protocols.tls's own)\nTrue\n"
    )


def test_small_writes_that_are_collected_otherwise_are_told() -> None:
    """By a class of another release, whose methods in C nobody has looked at."""
    code = """
from twisted.protocols import tls
def write(self, data): pass
tls._AggregateSmallWrites.write = write
import pyreactor.reactor
from pyreactor._tls import records as _tls
print(_tls.status())
"""
    assert check(code) == (
        "TLS methods of Twisted's own: _AggregateSmallWrites"
        " (_AggregateSmallWrites.write is not twisted.protocols.tls's own)\n"
    )


def test_instrumented_method_is_called() -> None:
    """What `functools.wraps` makes has the module and the name of what it wraps."""
    code = """
import functools
from twisted.protocols import tls
stock = tls.TLSMemoryBIOProtocol.write
@functools.wraps(stock)
def write(*args):
    return stock(*args)
tls.TLSMemoryBIOProtocol.write = write
import pyreactor.reactor
print(tls.TLSMemoryBIOProtocol.write is write)
"""
    assert check(code) == "True\n"


@pytest.mark.parametrize("disabled", [True, False])
def test_switched_off_with_the_reactor(disabled: bool) -> None:
    code = """
import pyreactor
pyreactor.install()
from twisted.internet import reactor
from twisted.protocols import tls
print(type(vars(tls.TLSMemoryBIOProtocol)["write"]).__name__)
"""
    variables = {"PYREACTOR_DISABLE": "reactor"} if disabled else {}
    assert check(code, env=variables) == ("function\n" if disabled else "StandIn\n")


@pytest.mark.skipif(sys.version_info < (3, 14), reason="older Pythons count calls")
def test_a_deep_recursion_ends_in_an_error() -> None:
    """Python code that runs while a record is read finds stack left: CPython keeps some KB free."""
    code = """
        import sys, threading
        from tests.tls.test_records import Pair
        pair = Pair()
        pair.settle()
        client = pair.ends["client"]
        context = client._tlsConnection._context
        class Helper(type(context._verify_helper)):
            def raise_if_problem(self):
                super().raise_if_problem()
        context._verify_helper.__class__ = Helper
        read = client._flushReceiveBIO
        sys.setrecursionlimit(1_000_000)
        ended = []
        def deeper(_=None):
            try:
                sorted([0], key=deeper)
            except RecursionError:
                read()  # where there is least
                raise
        def run():
            try:
                deeper()
            except RecursionError:
                ended.append("RecursionError")
        threading.stack_size(512 * 1024)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        print(ended)
    """
    assert check(dedent(code)) == "['RecursionError']\n"
