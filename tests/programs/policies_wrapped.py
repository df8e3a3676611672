"""Connections through the wrappers of ``twisted.protocols.policies``."""

from __future__ import annotations

import builtins
import io
import sys
from typing import Any

from common import log_errors, run
from twisted.internet import defer, endpoints, protocol, reactor, task
from twisted.protocols import basic, policies


class Echo(basic.LineReceiver):
    def connectionMade(self) -> None:
        print("server made", type(self.transport).__name__, self.transport.disconnecting)

    def lineReceived(self, line: bytes) -> None:
        if line == b"close":
            self.transport.loseConnection()
        elif line == b"abort":
            self.transport.abortConnection()
        elif line == b"raise":
            raise ZeroDivisionError("asked for")
        else:
            self.sendLine(line)
            self.transport.writeSequence([b"and ", b"again", b"\r\n"])

    def connectionLost(self, reason: Any) -> None:
        print("server lost", reason.type.__name__, reason.value)


class Ask(basic.LineReceiver):
    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.wanted: list[tuple[int, Any]] = []
        self.lost: Any = defer.Deferred()

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line)
        self.look()

    def look(self) -> None:
        while self.wanted and len(self.lines) >= self.wanted[0][0]:
            self.wanted.pop(0)[1].callback(None)

    def have(self, count: int) -> Any:
        waiting: Any = defer.Deferred()
        self.wanted.append((count, waiting))
        self.look()
        return waiting

    def connectionLost(self, reason: Any) -> None:
        self.lost.callback(reason.type.__name__)


async def ask(factory: Any, *lines: bytes) -> None:
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    client = await endpoints.connectProtocol(end, Ask())
    for number, line in enumerate(lines, 1):
        client.sendLine(line)
        if line not in (b"close", b"abort", b"raise"):
            await client.have(number * 2)
    if not lines or lines[-1] not in (b"close", b"abort", b"raise"):
        client.transport.loseConnection()
    print("client lost", await client.lost, client.lines)
    await port.stopListening()
    while getattr(factory, "protocols", None):
        await task.deferLater(reactor, 0.01)


def server() -> Any:
    factory = protocol.Factory.forProtocol(Echo)
    factory.noisy = False
    return factory


async def wrapping() -> None:
    for last in ([], [b"close"], [b"abort"], [b"raise"]):
        factory = policies.WrappingFactory(server())
        factory.noisy = False
        await ask(factory, b"one", b"two", *last)


async def twice() -> None:
    factory = policies.WrappingFactory(policies.WrappingFactory(server()))
    await ask(factory, b"one", b"two", b"close")


async def throttled() -> None:
    factory = policies.ThrottlingFactory(
        server(), maxConnectionCount=1, readLimit=400, writeLimit=300
    )
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    client = await endpoints.connectProtocol(end, Ask())
    client.sendLine(b"x" * 700)
    await client.have(2)
    second = await endpoints.connectProtocol(end, Ask())
    print("second lost", await second.lost, second.lines, factory.connectionCount)
    client.sendLine(b"y" * 700)
    await client.have(4)
    print([line[:9] for line in client.lines])
    client.transport.loseConnection()
    print("first lost", await client.lost)
    while factory.protocols:
        await task.deferLater(reactor, 0.01)
    third = await endpoints.connectProtocol(end, Ask())
    third.sendLine(b"close")
    print("third lost", await third.lost)
    await port.stopListening()
    while factory.protocols:
        await task.deferLater(reactor, 0.01)
    calls = [call for call in reactor.getDelayedCalls() if "give_up" not in str(call)]
    print("left", factory.connectionCount, calls)


async def limited() -> None:
    factory = policies.LimitTotalConnectionsFactory()
    factory.protocol = Echo
    factory.noisy = False
    factory.connectionLimit = 1
    factory.overflowProtocol = lambda: Refuse()
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    first = await endpoints.connectProtocol(end, Ask())
    first.sendLine(b"here")
    await first.have(2)
    second = await endpoints.connectProtocol(end, Ask())
    print("second", await second.lost, second.lines)
    first.sendLine(b"close")
    print("first", await first.lost, first.lines)
    await port.stopListening()


class Refuse(protocol.Protocol):
    def connectionMade(self) -> None:
        self.transport.write(b"too many\r\n")
        self.transport.loseConnection()


class Impatient(basic.LineReceiver, policies.TimeoutMixin):
    def connectionMade(self) -> None:
        print("was", self.setTimeout(30), "is", self.timeOut)

    def lineReceived(self, line: bytes) -> None:
        self.resetTimeout()
        if line == b"hurry":
            print("was", self.setTimeout(0.1))
        elif line == b"never":
            print("was", self.setTimeout(None))
        else:
            self.sendLine(line)
            self.sendLine(line)

    def timeoutConnection(self) -> None:
        print("timed out")
        super().timeoutConnection()

    def connectionLost(self, reason: Any) -> None:
        print("lost", reason.type.__name__)


async def impatient() -> None:
    factory = protocol.Factory.forProtocol(Impatient)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    client = await endpoints.connectProtocol(end, Ask())
    client.sendLine(b"never\r\none")
    await client.have(2)
    client.sendLine(b"hurry")
    print("client lost", await client.lost, client.lines)
    await port.stopListening()


async def logged() -> None:
    factory = policies.TrafficLoggingFactory(server(), "unused")
    factory.noisy = False
    files: list[Any] = []

    def open_one(name: Any) -> Any:
        files.append(io.StringIO())
        return files[-1]

    real = builtins.open
    builtins.open = lambda name, mode="r": open_one(name)  # type: ignore[assignment]
    try:
        await ask(factory, b"one", b"two", b"close")
    finally:
        builtins.open = real
    for file in files:
        print(file if file.closed else file.getvalue().replace("\r", ""))


async def spewing() -> None:
    factory = policies.SpewingFactory(server())
    factory.noisy = False
    await ask(factory, b"one", b"close")


log_errors()
defer.ensureDeferred(globals()[sys.argv[1]]()).addErrback(
    lambda failure: print("failed", failure.getTraceback())
).addCallback(lambda _: reactor.callWhenRunning(reactor.stop))
run()
print("done")
