"""Messages of many chunks: a long one gets the buffer's memory; and lines sent in C."""

from __future__ import annotations

import contextlib
import gc
import struct
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.protocol import Factory
from twisted.internet.testing import StringTransport
from twisted.protocols import basic as stock

from pyreactor import basic
from tests.framing.test_stock import SIDES, connect, split
from tests.support import check

Frame = Callable[[bytes], bytes]

KINDS: list[tuple[str, Frame]] = [
    ("LineReceiver", lambda body: body + b"\r\n"),
    ("LineOnlyReceiver", lambda body: body + b"\r\n"),
    ("Int32StringReceiver", lambda body: struct.pack("!I", len(body)) + body),
    ("Int16StringReceiver", lambda body: struct.pack("!H", len(body)) + body),
    ("NetstringReceiver", lambda body: b"%d:%s," % (len(body), body)),
]
BATCHES: list[tuple[str, Frame]] = [
    ("BatchLineReceiver", KINDS[0][1]),
    ("BatchInt32StringReceiver", KINDS[2][1]),
    ("BatchNetstringReceiver", KINDS[4][1]),
]
SIZES = (0, 1, 15, 16, 17, 255, 256, 257, 4095, 4096, 4097, 8192, 30000, 60000)


def body_of(size: int) -> bytes:
    return (b"%07d," % size * (size // 8 + 1))[:size]


def each(kinds: list[tuple[str, Frame]]) -> Any:
    return pytest.mark.parametrize(("name", "frame"), kinds, ids=[name for name, _ in kinds])


@pytest.mark.parametrize("chunk", [1, 7, 16, 33, 64, 100, 1460, 4096, 5000, 65536])
@each(KINDS)
def test_messages_of_all_sizes_in_chunks_of_all_sizes(name: str, frame: Frame, chunk: int) -> None:
    protocol = connect(getattr(basic, name), MAX_LENGTH=1 << 20)
    sizes = SIZES if chunk > 1 else SIZES[:-4]
    bodies = [body_of(size) for size in (*sizes, *reversed(sizes))]
    for piece in split(b"".join(map(frame, bodies)), chunk):
        protocol.dataReceived(piece)
    assert protocol.got == bodies
    assert [hash(body) for body in protocol.got] == [hash(body) for body in bodies]


@pytest.mark.parametrize("chunk", [16, 64, 1460, 5000])
@each(BATCHES)
def test_large_messages_in_batches(name: str, frame: Frame, chunk: int) -> None:
    got: list[bytes] = []

    def receive(self: Any, messages: list[bytes]) -> None:
        got.extend(messages)

    members = {"linesReceived": receive, "stringsReceived": receive, "MAX_LENGTH": 1 << 20}
    protocol: Any = type("Collecting", (getattr(basic, name),), members)()
    protocol.makeConnection(StringTransport())
    bodies = [body_of(size) for size in (*SIZES, *reversed(SIZES))]
    for piece in split(b"".join(map(frame, bodies)), chunk):
        protocol.dataReceived(piece)
    assert got == bodies


@pytest.mark.parametrize("chunk", [16, 64, 1460, 5000])
def test_large_packets(chunk: int) -> None:
    got: list[tuple[tuple[int, ...], bytes]] = []

    class Packets(basic.HeaderReceiver):
        headerFormat = "!HI"
        lengthField = 1

        def packetReceived(self, header: tuple[int, ...], payload: bytes) -> None:
            got.append((header, payload))

    protocol: Any = Packets()
    protocol.makeConnection(StringTransport())
    bodies = [body_of(size) for size in (*SIZES, *reversed(SIZES))]
    packets = [struct.pack("!HI", 7, len(body)) + body for body in bodies]
    for piece in split(b"".join(packets), chunk):
        protocol.dataReceived(piece)
    assert got == [((7, len(body)), body) for body in bodies]


# ---- what a callback of a large string sees


@SIDES
def test_what_was_received_shows_during_a_large_string(side: Any) -> None:
    """Stock's _unprocessed still has the string that is being delivered, and its prefix."""
    body = body_of(9000)
    data = struct.pack("!I", 9000) + body + struct.pack("!I", 1) + b"x" + b"\0\0"
    seen: list[Any] = []

    def look(self: Any, string: bytes) -> None:
        seen.append((string, self._unprocessed, self._compatibilityOffset, self.recvd))

    protocol = connect(side.Int32StringReceiver, stringReceived=look)
    for piece in split(data, 1460):
        protocol.dataReceived(piece)
    assert seen == [
        (body, data, 9004, data[9004:]),
        (b"x", data, 9009, b"\0\0"),
    ]
    assert protocol._unprocessed == b"\0\0"
    assert protocol._compatibilityOffset == 0


@SIDES
def test_a_large_string_whose_callback_raises_stays_received(side: Any) -> None:
    body = body_of(9000)
    data = struct.pack("!I", 9000) + body + b"\0\0\0"

    def fail(self: Any, string: bytes) -> None:
        raise KeyError(len(string))

    protocol = connect(side.Int32StringReceiver, stringReceived=fail)
    with pytest.raises(KeyError, match="9000"):
        for piece in split(data, 1460):
            protocol.dataReceived(piece)
    assert protocol._unprocessed == data
    assert protocol._compatibilityOffset == 9004


def feed_and_replace(side: Any, after: bytes) -> list[Any]:
    """What happens when the callback of a large string feeds more, and sets recvd."""
    body = body_of(9000)
    data = struct.pack("!I", 9000) + body + after
    events: list[Any] = []
    again = [True, True]

    def reenter(self: Any, string: bytes) -> None:
        events.append(("string", len(string), self._unprocessed))
        if again:
            again.pop()
            self.dataReceived(b"\0\0\0\1y")
            events.append(("fed", self._unprocessed, self._compatibilityOffset))
            self.recvd = b"\0\0\0\1w\0"

    protocol = connect(side.Int32StringReceiver, stringReceived=reenter)
    for piece in split(data, 1460):
        try:
            protocol.dataReceived(piece)
        except Exception as error:
            events.append(repr(error))
    return [*events, protocol._unprocessed, protocol._compatibilityOffset]


@pytest.mark.parametrize("after", [b"", b"\0\0", b"\0\0\0\1z\0"])
def test_a_large_string_whose_callback_feeds_and_replaces(after: bytes) -> None:
    assert feed_and_replace(basic, after) == feed_and_replace(stock, after)


@SIDES
@each([kind for kind in KINDS if kind[0] not in ("LineOnlyReceiver", "NetstringReceiver")])
def test_pausing_in_a_large_message(side: Any, name: str, frame: Frame) -> None:
    got: list[bytes] = []

    def receive(self: Any, message: bytes) -> None:
        got.append(message)
        self.paused = True

    protocol = connect(getattr(side, name), lineReceived=receive, stringReceived=receive)
    bodies = [body_of(9000), b"a", body_of(6000), b"b"]
    for piece in split(b"".join(map(frame, bodies)), 1460):
        protocol.dataReceived(piece)
    assert got == bodies[:1]
    for count in range(2, 5):
        protocol.paused = False
        protocol.dataReceived(b"")
        assert got == bodies[:count]


# ---- small chunks


@SIDES
@each(KINDS)
def test_attributes_change_between_the_chunks_of_a_message(
    side: Any, name: str, frame: Frame
) -> None:
    """Chunks that only lengthen a message take a short way; it must not miss a change."""
    protocol = connect(getattr(side, name), lineLengthExceeded=lambda self, line: None)
    whole = frame(body_of(3000))
    pieces = split(whole, 50)
    state = next(key for key in ("_buffer", "_unprocessed", "_payload") if hasattr(protocol, key))
    for number, piece in enumerate(pieces[:20]):
        protocol.dataReceived(piece)
        if number % 3 == 0:
            protocol.counter = number
        if state != "_payload":
            assert getattr(protocol, state) == whole[: 50 * (number + 1)]
    if state == "_buffer":
        protocol._buffer = b"instead"
        protocol.dataReceived(b"x" * 50)
        assert protocol._buffer == b"instead" + b"x" * 50
        protocol.MAX_LENGTH = 10
        protocol.dataReceived(b"y")
        assert protocol.got == []
        protocol.MAX_LENGTH = 1000
        protocol.delimiter = b"z"
        protocol.dataReceived(b"z")
    else:
        protocol.stringReceived = lambda string: protocol.got.append(("own", string))
        for piece in pieces[20:]:
            protocol.dataReceived(piece)
        assert protocol.got == [("own", body_of(3000))]


def test_a_delimiter_over_two_small_chunks_is_found() -> None:
    for chunk in range(16, 40):
        protocol = connect(basic.LineReceiver)
        for size in range(chunk - 3, chunk + 4):
            for piece in split(b"a" * 3 * chunk + b"b" * size + b"\r\n", chunk):
                protocol.dataReceived(piece)
        assert [len(line) for line in protocol.got] == [
            3 * chunk + size for size in range(chunk - 3, chunk + 4)
        ]


def test_a_carriage_return_alone_ends_no_line() -> None:
    protocol = connect(basic.LineReceiver)
    for piece in (b"a" * 20, b"b" * 20 + b"\r", b"\r" * 20, b"c" * 20, b"\r", b"d" * 20, b"\r"):
        protocol.dataReceived(piece)
    assert protocol.got == []
    protocol.dataReceived(b"\n")
    assert protocol.got == [
        b"a" * 20 + b"b" * 20 + b"\r" * 21 + b"c" * 20 + b"\r" + b"d" * 20,
    ]


# ---- memory


@pytest.mark.parametrize(
    ("base", "begin"),
    [
        (basic.Int32StringReceiver, b"\x7f\xff\xff\xff"),
        (basic.BatchInt32StringReceiver, b"\x7f\xff\xff\xff"),
        (basic.NetstringReceiver, b"2147483647:"),
        (basic.BatchNetstringReceiver, b"2147483647:"),
    ],
)
def test_an_announced_length_alone_takes_no_memory(base: type, begin: bytes) -> None:
    protocol = connect(base, MAX_LENGTH=1 << 31)
    protocol.dataReceived(begin)
    protocol.dataReceived(b"x" * 5000)
    [buffer] = [v for v in vars(protocol).values() if type(v).__name__ == "FramingBuffer"]
    assert sys.getsizeof(buffer) < 40_000


@each(KINDS)
def test_large_messages_leave_no_memory_behind(name: str, frame: Frame) -> None:
    pieces = split(frame(body_of(9000)) + frame(b"small") + frame(body_of(30000)), 1460)

    def work() -> None:
        protocol = connect(getattr(basic, name), MAX_LENGTH=1 << 20)
        for _ in range(3):
            for piece in pieces:
                protocol.dataReceived(piece)
        assert len(protocol.got) == 9
        type(protocol).lineReceived = type(protocol).stringReceived = fail
        with pytest.raises(ZeroDivisionError):
            for piece in pieces:
                protocol.dataReceived(piece)

    def fail(self: Any, message: bytes) -> None:
        raise ZeroDivisionError

    for _ in range(5):
        work()
    gc.collect()
    tracemalloc.start()
    try:
        work()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(30):
            work()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()


# ---- sendLine


class Writes:
    """A transport that notes what is looked up and written."""

    def __init__(self, events: list[Any]) -> None:
        self.events = events

    def __getattribute__(self, name: str) -> Any:
        events = object.__getattribute__(self, "events")
        events.append(name)
        return (lambda data: events.append(data) or "written") if name == "write" else None


class Pipes(StringTransport):
    """A transport at whose `write` its protocol may change."""

    hook: Callable[[], object] | None = None

    @property
    def write(self) -> Any:  # type: ignore[override]
        if self.hook is not None:
            self.hook()
        return super().write


def _change_class(protocol: Any, other: Any) -> None:
    protocol.__class__ = type("Other", (type(protocol),), {"delimiter": b"+", "n": 1})


CHANGES: dict[str, Callable[[Any, Any], object]] = {
    "delimiter": lambda protocol, other: setattr(protocol, "delimiter", b"|"),
    "delimiter of the class": lambda protocol, other: setattr(type(protocol), "delimiter", b"|"),
    "transport": lambda protocol, other: setattr(protocol, "transport", other),
    "both, in the dict": lambda protocol, other: vars(protocol).update(
        transport=other, delimiter=b"/"
    ),
    "the dict": lambda protocol, other: setattr(
        protocol, "__dict__", {**vars(protocol), "transport": other, "delimiter": b"/"}
    ),
    "the class": _change_class,
    "a property": lambda protocol, other: setattr(
        type(protocol), "transport", property(lambda self: other)
    ),
    "other attributes": lambda protocol, other: [
        setattr(protocol, f"attribute{i}", i) for i in range(30)
    ],
    "during the write": lambda protocol, other: setattr(
        protocol.transport, "hook", lambda: setattr(protocol, "delimiter", b"*")
    ),
    "deleted": lambda protocol, other: delattr(protocol, "transport"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_send_line_sees_what_was_changed(change: Callable[[Any, Any], object]) -> None:
    """Between lines, in one, and after all of them."""
    seen = []
    for side in (stock, basic):
        other = Pipes()
        missing: list[str] = []

        class Echo(side.LineReceiver):  # type: ignore[name-defined, misc]
            def lineReceived(
                self, line: bytes, other: Any = other, missing: list[str] = missing
            ) -> None:
                if line == b"change":
                    change(self, other)
                try:
                    self.sendLine(line)
                except AttributeError as error:
                    missing.append(str(error).partition("attribute")[2])
                    self.transport = other

        first = Pipes()
        protocol: Any = Echo()
        protocol.makeConnection(first)
        for data in (b"one\r\ntwo\r\n", b"three\r\nchange\r\n", b"four\r\n", b"four|"):
            protocol.dataReceived(data)
        protocol.sendLine(b"last")
        change(protocol, first)
        with contextlib.suppress(AttributeError):
            protocol.sendLine(b"very last")
        seen.append((first.value(), other.value(), missing))
    assert seen[0] == seen[1]


@SIDES
def test_send_line_looks_things_up_in_order(side: Any) -> None:
    events: list[Any] = []

    class Noting(side.LineReceiver):  # type: ignore[misc]
        @property
        def delimiter(self) -> bytes:  # type: ignore[override]
            events.append("delimiter")
            return b"!"

    protocol: Any = Noting()
    protocol.transport = Writes(events)
    del events[:]
    assert protocol.sendLine(b"line") == "written"
    assert protocol.sendLine(line=b"named") == "written"
    assert events == ["write", "delimiter", b"line!", "write", "delimiter", b"named!"]


@SIDES
@pytest.mark.parametrize(
    ("line", "delimiter", "transport"),
    [
        ("text", b"\n", "string"),
        (b"line", "\n", "string"),
        ("text", "\n", "string"),
        (bytearray(b"line"), b"\n", "string"),
        (b"line", bytearray(b"\n"), "string"),
        (None, b"\n", "string"),
        (b"line", b"\n", "none"),
        (None, b"\n", "none"),
        (b"", b"", "string"),
    ],
)
def test_send_line_with_odd_values(side: Any, line: Any, delimiter: Any, transport: str) -> None:
    protocol: Any = side.LineReceiver()
    protocol.delimiter = delimiter
    protocol.transport = StringTransport() if transport == "string" else None

    def outcome(send: Callable[..., Any]) -> Any:
        try:
            result = send(line)
        except Exception as error:
            return type(error), str(error)
        return result, protocol.transport.value()

    def plain(line: Any) -> Any:
        return protocol.transport.write(line + protocol.delimiter)

    expected = outcome(plain)
    if transport == "string":
        protocol.transport.clear()
    assert outcome(protocol.sendLine) == expected


@SIDES
def test_send_line_with_a_wrong_number_of_arguments(side: Any) -> None:
    protocol: Any = side.LineReceiver()
    for arguments in ((), (b"a", b"b")):
        with pytest.raises(TypeError, match=r"sendLine\(\)"):
            protocol.sendLine(*arguments)


def test_send_line_shows_as_stocks_method() -> None:
    assert basic.LineReceiver.sendLine.__doc__ == stock.LineReceiver.sendLine.__doc__
    assert basic.LineReceiver.sendLine.__name__ == "sendLine"
    assert type(vars(basic.LineReceiver)["sendLine"]).__name__ == "StandIn"
    assert Factory.forProtocol(basic.LineReceiver).protocol is basic.LineReceiver


SEND_LINES = """
from twisted.internet import protocol, reactor
from twisted.protocols.basic import LineReceiver
from pyreactor._transport.tcp import Connection

events = []
base_write = Connection.write

class Server(LineReceiver):
    def connectionMade(self):
        self.sendLine(b"plain")
        write = self.transport.write
        self.transport.write = lambda data: (events.append(data), write(data))
        self.sendLine(b"replaced on the instance")
        del self.transport.write
        self.sendLine(b"plain again")
        kind = type(self.transport)
        kind.write = lambda self, data: (events.append(data), super(kind, self).write(data))
        self.sendLine(b"replaced on the class")
        del kind.write
        Connection.write = lambda self, data: (events.append(data), base_write(self, data))
        self.sendLine(b"replaced on its base")
        Connection.write = base_write
        self.sendLine(b"and back")
        self.transport.loseConnection()
        self.sendLine(b"after the end")

class Client(LineReceiver):
    def lineReceived(self, line):
        events.append(line)

    def connectionLost(self, reason):
        reactor.stop()

port = reactor.listenTCP(0, protocol.Factory.forProtocol(Server), interface="127.0.0.1")
factory = protocol.ClientFactory.forProtocol(Client)
reactor.connectTCP("127.0.0.1", port.getHost().port, factory)
reactor.callLater(60, reactor.stop)
reactor.run()
print(events)
"""


def test_send_line_over_a_connection_whose_write_is_replaced() -> None:
    assert eval(check("import pyreactor\npyreactor.install()" + SEND_LINES)) == [  # noqa: S307 - what our own program has printed
        b"replaced on the instance\r\n",
        b"replaced on the class\r\n",
        b"replaced on its base\r\n",
        b"plain",
        b"replaced on the instance",
        b"plain again",
        b"replaced on the class",
        b"replaced on its base",
        b"and back",
        b"after the end",
    ]
