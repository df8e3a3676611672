"""Objects that are given another class while they are in use."""

from __future__ import annotations

import sys
from typing import Any

import common
from twisted.internet import defer, protocol, reactor
from twisted.protocols import basic
from twisted.spread import banana


def show(*what: object) -> None:
    print(*what)


class Lines(basic.LineReceiver):
    """Answers, and becomes another one as it is told."""

    delimiter = b"\n"

    def lineReceived(self, line: bytes) -> None:
        show("lines", line)
        if line == b"louder":
            self.__class__ = LoudLines
        self.sendLine(b"got " + line)


class LoudLines(Lines):
    delimiter = b";"

    def lineReceived(self, line: bytes) -> None:
        show("loud lines", line)
        if line == b"lines":
            self.__class__ = Lines
        if line == b"transport":
            change_transport(self.transport)
        if line == b"back":
            self.transport.__class__ = self.transport.__class__.__mro__[1]
        if line == b"stop":
            self.transport.loseConnection()
        self.sendLine(b"heard " + line)

    def connectionLost(self, reason: Any = None) -> None:
        show("lost", reason.type.__name__)


def change_transport(transport: Any) -> None:
    """The transport's class is now one that replaces some of its methods."""
    stock = type(transport)

    def doRead(self: Any) -> Any:
        show("  own doRead")
        return stock.doRead(self)

    def writeSomeData(self: Any, data: bytes) -> Any:
        show("  own writeSomeData", len(data) > 0)
        return stock.writeSomeData(self, data)

    def logPrefix(self: Any) -> str:
        return "other"

    replaced = {"doRead": doRead, "writeSomeData": writeSomeData, "logPrefix": logPrefix}
    transport.__class__ = type("Changed", (stock,), replaced)
    show("  ", transport.logPrefix())


class Client(protocol.Protocol):
    """Sends one command after each answer."""

    commands = [b"one\n", b"louder\n", b"two;", b"transport;", b"three;", b"four;"]
    commands += [b"back;", b"five;", b"lines;", b"six\n", b"louder\n", b"stop;"]

    def connectionMade(self) -> None:
        self.left = list(self.commands)
        self.transport.write(self.left.pop(0))

    def dataReceived(self, data: bytes) -> None:
        show("client", data)
        if self.left:
            self.transport.write(self.left.pop(0))

    def connectionLost(self, reason: Any = None) -> None:
        show("client lost", reason.type.__name__)
        reactor.callLater(0.01, reactor.stop)


class Collecting(protocol.Protocol):
    """Hears all of it, and goes once it has."""

    size = 0

    def dataReceived(self, data: bytes) -> None:
        self.size += len(data)
        if self.size == 3_000_000:
            show("all there")
            reactor.stop()


class Sending(protocol.Protocol):
    """Sends more than the kernel takes, by methods that change meanwhile."""

    def connectionMade(self) -> None:
        transport: Any = self.transport
        stock = type(transport)
        calls: list[int] = []

        def writeSomeData(this: Any, data: bytes) -> Any:
            calls.append(len(data))
            if len(calls) == 2:
                this.__class__ = stock
            return stock.writeSomeData(this, data)

        transport.__class__ = type("Own", (stock,), {"writeSomeData": writeSomeData})
        transport.write(b"x" * 1_000_000)
        transport.__class__ = stock
        transport.write(b"x" * 1_000_000)
        transport.__class__ = type("Own", (stock,), {"writeSomeData": writeSomeData})
        transport.write(b"x" * 1_000_000)
        transport.writeSomeData = lambda data: stock.writeSomeData(transport, data)
        transport.__class__ = stock
        reactor.callLater(0.02, self.taken_away)
        self.calls = calls

    def taken_away(self) -> None:
        if "writeSomeData" in self.transport.__dict__:
            del self.transport.writeSomeData


def of_framings() -> None:
    """Framings become others between two chunks."""

    class Netstrings(basic.NetstringReceiver):
        def stringReceived(self, string: bytes) -> None:
            show("netstring", string)

    class Short(Netstrings):
        MAX_LENGTH = 3

        def stringReceived(self, string: bytes) -> None:
            show("short", string)

    class Ints(basic.Int16StringReceiver):
        def stringReceived(self, string: bytes) -> None:
            show("int16", string)

    class Other(Ints):
        structFormat = "!B"
        prefixLength = 1

        def stringReceived(self, string: bytes) -> None:
            show("int8", string)

    class Words(banana.Banana):
        def expressionReceived(self, expression: Any) -> None:
            show("banana", expression)

    class OtherWords(Words):
        def expressionReceived(self, expression: Any) -> None:
            show("other banana", expression)

    chunks = [
        (Netstrings, Short, [b"3:abc,4:ab", b"cd,3:xyz,", b"4:abcd,"]),
        (Ints, Other, [b"\0\1a\0\2", b"bc\1d", b"\1e\2fg"]),
        (Words, OtherWords, [b"\1\201", b"\2\201", b"\3\201"]),
    ]
    for first, second, pieces in chunks:
        made: Any = first()
        made.makeConnection(protocol_transport())
        if isinstance(made, banana.Banana):
            made.currentDialect = b"none"
        for place, piece in enumerate(pieces):
            made.__class__ = (first, second)[place % 2]
            try:
                made.dataReceived(piece)
            except Exception as error:
                show(type(error).__name__)


def protocol_transport() -> Any:
    from twisted.internet.testing import StringTransport

    return StringTransport()


def of_deferreds() -> None:
    """A Deferred's class changes while it waits, and in a callback."""

    class Loud(defer.Deferred):
        def addCallbacks(self, *args: Any, **kwargs: Any) -> Any:
            show("addCallbacks")
            return super().addCallbacks(*args, **kwargs)

        def callback(self, result: Any) -> None:
            show("callback", result)
            super().callback(result)

        def unpause(self) -> None:
            show("unpause")
            super().unpause()

        def _runCallbacks(self) -> None:
            show("_runCallbacks")
            super()._runCallbacks()

    def change(result: Any) -> Any:
        d.__class__ = defer.Deferred if type(d) is Loud else Loud
        return result

    d: Any = defer.Deferred()
    inner: Any = defer.Deferred()
    d.__class__ = Loud
    d.addCallback(lambda r: (show("first", r), r)[1]).addCallback(change)
    d.addCallback(lambda r: inner).addCallback(change)
    d.callback(1)
    show(type(d).__name__)
    inner.__class__ = Loud
    inner.callback(2)
    show(type(d).__name__)
    d.addCallback(show)
    listed: Any = defer.DeferredList([defer.Deferred(), d])
    listed.__class__ = type("Listed", (defer.DeferredList,), {"callback": Loud.callback})
    show(type(listed).__name__)

    @defer.inlineCallbacks
    def run() -> Any:
        show((yield waited))

    waited: Any = defer.Deferred()
    waited.__class__ = Loud
    done = run()
    done.__class__ = Loud
    done.addCallback(lambda r: show("done"))
    waited.callback(5)


class Datagrams(protocol.DatagramProtocol):
    """Ends when it has heard of two datagrams."""

    def __init__(self) -> None:
        self.heard = 0

    def datagramReceived(self, data: bytes, addr: Any) -> None:
        show("datagram", data)
        self.heard += 1
        transport: Any = self.transport
        if self.heard == 2:
            reactor.stop()
            return
        stock = type(transport)

        def write(this: Any, data: bytes, addr: Any = None) -> Any:
            show("own write", data)
            return stock.write(this, data, addr)

        def doRead(this: Any) -> None:
            show("own doRead")
            stock.doRead(this)

        transport.__class__ = type("Other", (stock,), {"write": write, "doRead": doRead})
        reactor.callLater(0, transport.write, b"second", addr)


def main() -> None:
    kind = sys.argv[1]
    if kind in ("talk", "sending"):
        port = common.listen(Lines if kind == "talk" else Sending)
        common.connect(port, Client if kind == "talk" else Collecting)
    elif kind == "udp":
        listening: Any = reactor.listenUDP(0, Datagrams(), interface="127.0.0.1")
        listening.write(b"first", ("127.0.0.1", listening.getHost().port))
    else:
        of_framings()
        of_deferreds()
        reactor.callLater(0, reactor.stop)
    common.run()


if __name__ == "__main__":
    main()
