"""Code that runs where a framing least expects it: finalizers, collections, odd values."""

from __future__ import annotations

import copy
import gc
import struct
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols import basic as stock

from pyreactor import _core
from pyreactor import basic as fast
from pyreactor._framing.members import receiving
from tests.support import check

SIDES = pytest.mark.parametrize("side", [stock, fast], ids=["stock", "pyreactor"])


@pytest.fixture
def eager_collections() -> Iterator[None]:
    """A garbage collection with nearly every new container."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.enable()


class Trap:
    """Garbage in a cycle, which calls `spring` when it is collected."""

    def __init__(self, spring: Any) -> None:
        self.spring = spring
        self.me = self

    def __del__(self) -> None:
        self.spring()


BATCHES = [
    ("BatchLineReceiver", b"hello world\r\n", {}),
    ("BatchInt8StringReceiver", b"\x0bhello world", {}),
    ("BatchNetstringReceiver", b"11:hello world,", {}),
    (
        "HeaderReceiver",
        struct.pack("!HI", 5, 11) + b"hello world",
        {"headerFormat": "!HI", "lengthField": 1},
    ),
]


@pytest.mark.parametrize(("base", "data", "members"), BATCHES)
def test_a_collection_that_empties_the_buffer_while_it_is_parsed(
    base: str, data: bytes, members: dict[str, Any], eager_collections: None
) -> None:
    def note(self: Any, *messages: Any) -> None:
        self.got.append(messages)

    names = dict.fromkeys(("linesReceived", "stringsReceived", "packetReceived"), note)
    protocol = type("Noting", (getattr(fast, base),), {**names, **members})()
    protocol.got = []
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(data * 20)
    whole = list(protocol.got)

    def empty() -> None:
        protocol._buffer = b""

    for _ in range(5):
        gc.disable()
        gc.collect()
        Trap(empty)
        gc.set_threshold(1)
        gc.enable()
        protocol.dataReceived(data * 20)
        gc.set_threshold(700)
        protocol._buffer = b""
        protocol.dataReceived(data * 20)
    assert all(each in whole for each in protocol.got)
    assert protocol._buffer == b""


@SIDES
@pytest.mark.parametrize("base", ["LineReceiver", "LineOnlyReceiver"])
def test_data_that_arrives_while_the_old_transport_is_freed(side: Any, base: str) -> None:
    class Transport:
        disconnecting = False

    class Feeding:
        def __init__(self, protocol: Any) -> None:
            self.protocol = protocol

        def __del__(self) -> None:
            self.protocol.dataReceived(b"freed\r\n" * 2)

    got = []

    class Noting(getattr(side, base)):  # type: ignore[misc]
        def lineReceived(self, line: bytes) -> None:
            got.append(line)

    def connect(protocol: Any, transport: Any) -> None:
        protocol.transport = transport  # specialized by the interpreter after some calls

    protocol = Noting()
    protocol.__dict__ = dict(protocol.__dict__)
    for _ in range(100):
        connect(protocol, Transport())
    for _ in range(20):
        transport = Transport()
        transport.bomb = Feeding(protocol)  # type: ignore[attr-defined]
        connect(protocol, transport)
        del transport
        protocol.dataReceived(b"held\r\n")
        connect(protocol, Transport())
    assert got == [b"held", b"freed", b"freed"] * 20


@SIDES
@pytest.mark.parametrize("value", ["", None, 0, [], (), 0.0])
@pytest.mark.parametrize(
    ("base", "name", "data"),
    [
        ("LineReceiver", "_buffer", b"a\r\nb\r\n"),
        ("NetstringReceiver", "_remainingData", b"1:a,1:b,"),
        ("Int8StringReceiver", "recvd", b"\1a\1b"),
    ],
)
def test_a_callback_that_empties_the_buffer_with_another_type(
    side: Any, value: Any, base: str, name: str, data: bytes
) -> None:
    got = []

    def receive(self: Any, message: bytes) -> None:
        got.append(message)
        setattr(self, name, value)

    members = {"lineReceived": receive, "stringReceived": receive}
    protocol = type("Emptying", (getattr(side, base),), members)()
    protocol.makeConnection(StringTransport())
    assert protocol.dataReceived(data) is None
    assert got == [b"a"]
    if name != "recvd":
        assert getattr(protocol, name) == value


@SIDES
def test_a_busy_flag_whose_truth_replaces_the_dict(side: Any) -> None:
    got = []

    class Noting(side.LineReceiver):  # type: ignore[name-defined, misc]
        def lineReceived(self, line: bytes) -> None:
            got.append(line)

    class Replacing:
        def __bool__(self) -> bool:
            protocol.__dict__ = {"transport": protocol.transport}
            return False

    for _ in range(50):
        protocol = Noting()
        protocol.makeConnection(StringTransport())
        protocol._busyReceiving = Replacing()
        protocol.dataReceived(b"a\r\n")
    assert got == [b"a"] * 50


@SIDES
def test_make_connection_without_arguments(side: Any) -> None:
    with pytest.raises(TypeError):
        side.NetstringReceiver.makeConnection()
    protocol = type("Noting", (side.NetstringReceiver,), {"stringReceived": print})()
    side.NetstringReceiver.makeConnection(self=protocol, transport=StringTransport())
    protocol.dataReceived(b"1:")
    assert protocol._expectedPayloadSize == 2


@SIDES
@pytest.mark.parametrize("received", [b"2:ok,", b"2:ok,5", b"2:ok,5:", b"2:ok,5:ab"])
def test_deep_copies_of_a_netstring_receiver(side: Any, received: bytes) -> None:
    def note(self: Any, string: bytes) -> None:
        self.got.append(string)

    protocol = type("Noting", (side.NetstringReceiver,), {"stringReceived": note})()
    protocol.got = []
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(received)
    protocol.transport = None
    twin = copy.deepcopy(protocol)
    assert twin._remainingData == protocol._remainingData
    rest = b"5:abcde,"[len(received) - 5 :]
    twin.dataReceived(rest)
    protocol.dataReceived(rest)
    assert twin.got == protocol.got == [b"ok", b"abcde"]


@SIDES
def test_shallow_copies_of_a_netstring_receiver(side: Any) -> None:
    def note(self: Any, string: bytes) -> None:
        self.got.append(string)

    protocol = type("Noting", (side.NetstringReceiver,), {"stringReceived": note})()
    protocol.makeConnection(StringTransport())
    protocol.got = []
    protocol.dataReceived(b"2:ok,")
    twin = copy.copy(protocol)
    twin.got = []
    twin.dataReceived(b"1:a,1")
    protocol.dataReceived(b"1:b,")
    twin.dataReceived(b":c,")
    assert (protocol.got, twin.got) == ([b"ok", b"b"], [b"a", b"c"])


@SIDES
def test_another_protocols_class_takes_over_the_buffer(side: Any) -> None:
    class Other(Protocol):
        _buffer = b""

        def dataReceived(self, data: bytes) -> None:
            self._buffer += data

    protocol = type("First", (side.LineReceiver,), {"lineReceived": lambda *_: None})()
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(b"a\r\nhalf")
    protocol.__class__ = Other
    assert protocol._buffer.find(b"f") == 3
    assert protocol._buffer[:2] == b"ha"
    protocol.dataReceived(b" and more")
    assert protocol._buffer == b"half and more"


def test_packets_behind_a_close_take_no_memory() -> None:
    class Closing(fast.HeaderReceiver):
        headerFormat = "!B"
        lengthField = 0

        def packetReceived(self, header: Any, payload: bytes) -> None:
            transport: Any = self.transport
            transport.loseConnection()

    protocol: Any = Closing()
    protocol.makeConnection(StringTransport())
    for _ in range(3):
        protocol.dataReceived(b"\1a\2b")
        assert protocol._buffer == b""


@SIDES
@pytest.mark.parametrize("name", ["_state", "_payload", "_currentPayloadSize"])
def test_a_netstring_class_with_its_own_attribute_for_the_parser(side: Any, name: str) -> None:
    got = []

    class Own(side.NetstringReceiver):  # type: ignore[name-defined, misc]
        def stringReceived(self, string: bytes) -> None:
            got.append(string)

    setattr(Own, name, "of the class")
    protocol = Own()
    protocol.makeConnection(StringTransport())
    assert getattr(protocol, name) != "of the class"
    protocol.dataReceived(b"2:ok,1:a,5:")
    assert got == [b"ok", b"a"]
    assert protocol._state == 1


@SIDES
def test_a_class_with_its_own_compatibility_offset(side: Any) -> None:
    seen = []

    class Own(side.Int8StringReceiver):  # type: ignore[name-defined, misc]
        _compatibilityOffset = 0

        def stringReceived(self, string: bytes) -> None:
            seen.append(self.recvd)

    protocol = Own()
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(b"\1a\1b")
    assert seen == [b"\1b", b""]


def test_a_header_declaration_whose_end_replaces_the_transport() -> None:
    class Transport:
        disconnecting = False

    class Unpack:
        def __init__(self, protocol: Any) -> None:
            self.protocol = protocol

        def __call__(self, raw: bytes) -> tuple[int]:
            return (1,)

        def __del__(self) -> None:
            self.protocol.transport = Transport()

    class Replacing(fast.HeaderReceiver):
        headerFormat = "!B"
        lengthField = 0
        count = 0

        def packetReceived(self, header: Any, payload: bytes) -> None:
            self.count += 1
            self._header = (1, 0, False, Unpack(self))  # type: ignore[misc]

    protocol: Any = Replacing()
    protocol.makeConnection(Transport())
    for _ in range(20):
        protocol.dataReceived(b"\1a" * 5)
    assert protocol.count == 100


@pytest.mark.parametrize("failing", range(8))
def test_lent_memory_is_not_kept_when_there_is_no_other(failing: int) -> None:
    """A callback feeds more, and there is no memory to keep it after that call."""
    testcapi: Any = pytest.importorskip("_testcapi")
    got = []

    class Feeding(fast.LineReceiver):
        fed = False

        def lineReceived(self, line: bytes) -> None:
            got.append(line)
            if not self.fed:
                self.fed = True
                data = bytearray(b"y" * 3000 + b"\r\nz\r\n")
                testcapi.set_nomemory(failing, failing + 1)
                try:
                    _core._framing_feed(self, data)
                except MemoryError:
                    pass
                finally:
                    testcapi.remove_mem_hooks()
                data[:] = b"\xdd" * len(data)

    protocol = Feeding()
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(b"a\r\n")
    protocol.dataReceived(b"e\r\n")
    assert got in ([b"a", b"e"], [b"a", b"y" * 3000, b"z", b"e"])


@pytest.mark.parametrize("failing", range(8))
def test_a_string_that_cannot_be_put_back_is_let_go(failing: int) -> None:
    """The callback of a large string raises, and there is no memory to show it again."""
    testcapi: Any = pytest.importorskip("_testcapi")
    error = KeyError()

    class Failing(fast.Int32StringReceiver):
        def stringReceived(self, string: bytes) -> None:
            testcapi.set_nomemory(failing, failing + 1)
            raise error

    protocol = Failing()
    protocol.makeConnection(StringTransport())
    data = struct.pack("!I", 9000) + b"x" * 9000 + b"\0\0\0"
    raised = 0
    for start in range(0, len(data), 1460):
        try:
            try:
                protocol.dataReceived(data[start : start + 1460])
            finally:
                testcapi.remove_mem_hooks()
        except (KeyError, MemoryError, SystemError):  # the last where CPython has lost one
            raised += 1
    elsewhere = [b"\xdd" * size for size in range(48, 80) for _ in range(8)]
    assert raised == 1
    assert protocol._unprocessed in (data, b"")
    assert len(elsewhere) == 256


@SIDES
@pytest.mark.parametrize("limit", [-1, -sys.maxsize, -(1 << 70)])
def test_a_limit_that_nothing_keeps(side: Any, limit: int) -> None:
    exceeded: list[bytes] = []

    class Limited(side.LineOnlyReceiver):  # type: ignore[misc]
        MAX_LENGTH = limit

        def lineLengthExceeded(self, line: bytes) -> None:
            exceeded.append(line)

    protocol = Limited()
    protocol.makeConnection(StringTransport())
    for size in (100, 10, 10, 10):
        protocol.dataReceived(b"x" * size)
    assert exceeded == [b"x" * size for size in (100, 110, 120, 130)]


@SIDES
def test_a_collection_that_replaces_the_dict_at_the_first_data(
    side: Any, eager_collections: None
) -> None:
    got: list[bytes] = []

    class Line(side.LineReceiver):  # type: ignore[misc]
        def lineReceived(self, line: bytes) -> None:
            got.append(line)

    protocol: Any = None

    def replace() -> None:
        protocol.__dict__ = dict(protocol.__dict__)

    for _ in range(20):
        protocol = Line()
        protocol.first = 1
        protocol.makeConnection(StringTransport())
        gc.disable()
        Trap(replace)
        gc.set_threshold(1)
        gc.enable()
        protocol.dataReceived(b"line\r\n")
        assert (protocol.first, type(protocol.transport)) == (1, StringTransport)
    assert got == [b"line"] * 20


class Feeding:
    """Feeds the first of the protocols when it ends."""

    def __init__(self, protocols: list[Any], data: bytes) -> None:
        self.protocols = protocols
        self.data = data

    def __del__(self) -> None:
        self.protocols[0].dataReceived(self.data)


def test_what_ends_with_a_packet_handler_receives() -> None:
    protocols: list[Any] = []
    got = []

    class Packets(fast.HeaderReceiver):
        headerFormat = "!B"
        lengthField = 0

        def packetReceived(self, header: Any, payload: bytes) -> None:
            got.append((payload, "of the base"))

    class Own(Packets):
        def packetReceived(
            self,
            header: Any,
            payload: bytes,
            ends: Any = Feeding(protocols, b"\1b"),  # noqa: B008
        ) -> None:
            got.append((payload, "its own"))

    protocols.append(Own())
    protocols[0].makeConnection(StringTransport())
    protocols[0].dataReceived(b"\1a")
    del Own.packetReceived
    assert got == [(b"a", "its own"), (b"b", "of the base")]


def test_a_transport_takes_the_declaration_of_a_header_away() -> None:
    class Packets(fast.HeaderReceiver):
        headerFormat = "!B"
        lengthField = 0

        def packetReceived(self, header: Any, payload: bytes) -> None:
            raise AssertionError("there is no header")

    class Transport(StringTransport):
        @property
        def disconnecting(self) -> bool:  # type: ignore[override]
            protocol._header = None
            protocol.MAX_LENGTH = None
            return False

        @disconnecting.setter
        def disconnecting(self, value: bool) -> None:
            pass

    protocol: Any = Packets()
    protocol.makeConnection(Transport())
    with pytest.raises(TypeError, match="needs MAX_LENGTH to be an int"):
        protocol.dataReceived(b"\1a")


def test_the_end_of_an_interpreter_with_buffers_that_the_collector_knows() -> None:
    check(
        """
from pyreactor.basic import LineReceiver
kept = []
for _ in range(300):
    protocol = LineReceiver()
    protocol.dataReceived(b"abc")
    protocol._buffer = bytearray()
    protocol.me = protocol
    kept.append(protocol)
kept.append(kept)
""",
        env={"PYTHONMALLOC": "debug"},
    )


def test_what_ends_with_the_method_that_received_last_receives() -> None:
    got = []

    class Strings(fast.Int8StringReceiver):
        def stringReceived(self, string: bytes) -> None:
            got.append(string)

    class Ends:
        def __del__(self) -> None:
            _core._framing_feed(strings, b"\1b")

    def function(ends: Ends) -> Any:
        return lambda self, data: ends

    class Old(fast.LineReceiver):
        dataReceived = receiving("line", function(Ends()))

        def lineReceived(self, line: bytes) -> None:
            got.append(line)

    class New(fast.LineReceiver):
        def lineReceived(self, line: bytes) -> None:
            got.append(line)

    strings, old, new = Strings(), Old(), New()
    for protocol in (strings, old, new):
        protocol.makeConnection(StringTransport())
    _core._framing_feed(old, b"a\r\n")
    del Old.dataReceived
    gc.collect()
    _core._framing_feed(new, b"c\r\n")
    _core._framing_feed(new, b"d\r\n")
    assert got == [b"a", b"b", b"c", b"d"]


@SIDES
def test_a_copy_goes_on_from_a_buffer_of_another_type(side: Any) -> None:
    class Noting(side.LineReceiver):  # type: ignore[name-defined, misc]
        def lineReceived(self, line: bytes) -> None:
            self.got.append(bytes(line))

    protocol: Any = Noting()
    protocol.makeConnection(StringTransport())
    protocol.got = []
    protocol.dataReceived(b"a\r\n")
    protocol._buffer = bytearray(b"half")
    twin = copy.copy(protocol)
    twin.dataReceived(b" and more\r\n")
    assert protocol.got == [b"a", b"half and more"]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_goes_on_behind_the_header(copied: Any) -> None:
    class Noting(fast.HeaderReceiver):
        headerFormat = "!B"
        lengthField = 0

        def packetReceived(self, header: Any, payload: bytes) -> None:
            got.append(payload)

    got: list[bytes] = []
    protocol = Noting()
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(b"\2a")
    copied(protocol).dataReceived(b"b\1c")
    assert got == [b"ab", b"c"]
