"""The receivers that Twisted does not have, the transports' entry, activation and leaks."""

from __future__ import annotations

import contextlib
import gc
import struct
import subprocess
import sys
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.protocols import basic as stock

from pyreactor import _core, basic
from pyreactor._framing.attributes import FramingAttribute
from tests import framing_reference
from tests.framing.test_stock import connect, split
from tests.support import check

# ---- batches


class Lines(basic.BatchLineReceiver):
    MAX_LENGTH = 10

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.exceeded: list[bytes] = []

    def linesReceived(self, lines: list[bytes]) -> Any:
        self.batches.append(lines)
        command = lines[-1]
        if command == b"pause":
            self.pauseProducing()
        elif command == b"close":
            self.transport.loseConnection()
        elif command == b"again":
            self.dataReceived(b"nested\r\n")
        elif command == b"raise":
            raise KeyError("raise")
        elif command == b"stop":
            return True
        return None

    def lineLengthExceeded(self, line: bytes) -> Any:
        self.exceeded.append(line)
        return super().lineLengthExceeded(line)


class Transport(StringTransport):
    """A producer that may be paused in any state."""

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...


def lines() -> Any:
    protocol = Lines()
    protocol.makeConnection(Transport())
    return protocol


def test_lines_of_a_chunk_come_in_one_call() -> None:
    protocol = lines()
    protocol.dataReceived(b"a\r\nb\r\n\r\nc")
    protocol.dataReceived(b"d\r")
    protocol.dataReceived(b"\ne\r\n")
    assert protocol.batches == [[b"a", b"b", b""], [b"cd", b"e"]]
    assert protocol._buffer == b""


def test_lines_before_a_long_one_are_delivered() -> None:
    for ended in (b"", b"\r\nmore\r\n"):
        protocol = lines()
        protocol.dataReceived(b"a\r\n" + b"x" * 10 + b"\r\n" + b"y" * 20 + ended)
        assert protocol.batches == [[b"a", b"x" * 10]]
        assert protocol.exceeded == [b"y" * 20 + ended]
        assert protocol.transport.disconnecting


def test_pause_and_close_take_effect_between_batches() -> None:
    protocol = lines()
    protocol.dataReceived(b"a\r\npause\r\nhal")
    protocol.dataReceived(b"f\r\n")
    assert protocol.batches == [[b"a", b"pause"]]
    protocol.resumeProducing()
    assert protocol.batches == [[b"a", b"pause"], [b"half"]]
    protocol.dataReceived(b"close\r\n")
    protocol.dataReceived(b"x" * 20)
    assert len(protocol.batches) == 3
    assert protocol.exceeded == [b"x" * 20]


def test_data_that_arrives_in_a_batch_makes_the_next_one() -> None:
    protocol = lines()
    protocol.dataReceived(b"a\r\nagain\r\nb")
    assert protocol.batches == [[b"a", b"again"], [b"bnested"]]
    with pytest.raises(KeyError):
        protocol.dataReceived(b"raise\r\nc")
    protocol.dataReceived(b"\r\nstop\r\n")
    assert protocol.batches[2:] == [[b"raise"], [b"c", b"stop"]]
    assert protocol.clearLineBuffer() == b""


@pytest.mark.parametrize("delimiter", [b"\n", b"ab", b"aa", b"xyz"])
def test_batches_use_the_delimiter_of_the_moment(delimiter: bytes) -> None:
    protocol = lines()
    protocol.delimiter = delimiter
    protocol.dataReceived(b"1" + delimiter + b"2" + delimiter)
    assert protocol.batches == [[b"1", b"2"]]
    protocol.sendLines([b"x", b"y"])
    protocol.sendLine(b"z")
    protocol.sendLines([])
    assert protocol.transport.value() == delimiter.join([b"x", b"y", b"z", b""])


@pytest.mark.parametrize("name", ["delimiter", "MAX_LENGTH"])
def test_attributes_that_batches_cannot_use(name: str) -> None:
    protocol = lines()
    setattr(protocol, name, "text")
    with pytest.raises(TypeError, match="MAX_LENGTH"):
        protocol.dataReceived(b"a\r\n")
    protocol = lines()
    with pytest.raises(TypeError):
        protocol.dataReceived("text")
    with pytest.raises(TypeError):
        protocol.dataReceived()
    protocol.dataReceived(data=bytearray(b"a\r\n"))
    protocol.dataReceived(memoryview(b"b\r\n"))
    assert protocol.batches == [[b"a"], [b"b"]]


def strings(base: type, **members: Any) -> Any:
    """A connected batch receiver; a callback's actions come from `script`."""

    def stringsReceived(self: Any, batch: list[bytes]) -> None:
        self.batches.append(batch)
        if self.script:
            self.script.pop(0)(self)

    namespace = {"stringsReceived": stringsReceived, **members}
    protocol: Any = type("Strings", (base,), namespace)()
    protocol.batches = []
    protocol.script = []
    protocol.makeConnection(Transport())
    return protocol


BATCHES = [
    (basic.BatchInt8StringReceiver, lambda s: bytes([len(s)]) + s),
    (basic.BatchInt16StringReceiver, lambda s: struct.pack("!H", len(s)) + s),
    (basic.BatchInt32StringReceiver, lambda s: struct.pack("!I", len(s)) + s),
    (basic.BatchNetstringReceiver, lambda s: b"%d:%s," % (len(s), s)),
]
EACH_BATCH = pytest.mark.parametrize(("base", "frame"), BATCHES, ids=lambda x: x.__name__)


@EACH_BATCH
def test_strings_of_a_chunk_come_in_one_call(base: type, frame: Any) -> None:
    protocol = strings(base)
    whole = frame(b"a") + frame(b"") + frame(b"ccc")
    protocol.dataReceived(whole + frame(b"half")[:3])
    protocol.dataReceived(frame(b"half")[3:] + frame(b"e"))
    assert protocol.batches == [[b"a", b"", b"ccc"], [b"half", b"e"]]
    for chunk in split(whole, 1):
        protocol.dataReceived(chunk)
    assert protocol.batches[2:] == [[b"a"], [b""], [b"ccc"]]
    protocol.sendString(b"abc")
    assert protocol.transport.value() == frame(b"abc")


@EACH_BATCH
def test_a_string_that_is_too_long_ends_the_delivery(base: type, frame: Any) -> None:
    protocol = strings(base, MAX_LENGTH=5)
    protocol.dataReceived(frame(b"12345") + frame(b"123456") + frame(b"1"))
    protocol.dataReceived(frame(b"2"))
    assert protocol.batches == [[b"12345"]]
    assert protocol.transport.disconnecting
    assert protocol._buffer == b""


@EACH_BATCH
def test_string_batches_pause_reenter_and_raise(base: type, frame: Any) -> None:
    protocol = strings(base)
    protocol.script = [lambda p: p.dataReceived(frame(b"n")), lambda p: 1 / 0]
    with pytest.raises(ZeroDivisionError):
        protocol.dataReceived(frame(b"a") + frame(b"b"))
    protocol.dataReceived(frame(b"c"))
    assert protocol.batches == [[b"a", b"b"], [b"n"], [b"c"]]
    protocol.script = [lambda p: p.pauseProducing()]
    protocol.dataReceived(frame(b"d"))
    protocol.dataReceived(frame(b"e"))
    assert len(protocol.batches) == 4
    protocol.resumeProducing()
    assert protocol.batches[4:] == [[b"e"]]


def test_bad_netstrings_in_batches() -> None:
    protocol = strings(basic.BatchNetstringReceiver)
    protocol.dataReceived(b"1:a,01:b,1:c,")
    assert protocol.batches == [[b"a"]]
    assert protocol.brokenPeer == 1
    assert protocol.transport.disconnecting


def test_a_bad_netstring_that_ends_the_chunk_is_noticed() -> None:
    protocol = strings(basic.BatchNetstringReceiver)
    protocol.dataReceived(b"0:,1:ab")
    assert protocol.batches == [[b""]]
    assert protocol.brokenPeer == 1


def test_a_paused_netstring_receiver_waits_between_batches() -> None:
    protocol = strings(basic.BatchNetstringReceiver)
    protocol.dataReceived(b"1:a,2:b")
    protocol.paused = True
    protocol.dataReceived(b"c,1:d,")
    assert protocol.batches == [[b"a"]]
    protocol.paused = False
    protocol.dataReceived(b"")
    assert protocol.batches == [[b"a"], [b"bc", b"d"]]


def test_a_prefix_that_gets_another_size_while_its_message_is_awaited() -> None:
    """The prefix of a large message is held apart from what came of it."""
    batches = []
    for base in (framing_reference.BatchIntNStringReceiver, basic.BatchIntNStringReceiver):
        protocol: Any = strings(base, structFormat="!H", prefixLength=2)
        protocol.dataReceived(b"\x28\x00" + b"\x01b" * 100)  # the beginning of 10240 bytes
        protocol.structFormat, protocol.prefixLength = "!B", 1
        protocol.dataReceived(b"\x01b" * 100)
        batches.append(protocol.batches)
    assert batches[1] == batches[0]
    assert len(batches[0][0][0]) == 0x28


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(st.binary(max_size=20)), st.integers(1, 40))
@pytest.mark.parametrize("index", range(len(BATCHES)))
def test_batches_hold_what_single_calls_get(index: int, messages: list[bytes], size: int) -> None:
    base, frame = BATCHES[index]
    protocol = strings(base)
    for chunk in split(b"".join(map(frame, messages)), size):
        protocol.dataReceived(chunk)
    assert [string for batch in protocol.batches for string in batch] == messages


# ---- packets with a header


class Packets(basic.HeaderReceiver):
    headerFormat = "!HBI"
    lengthField = 2
    MAX_LENGTH = 1000

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.script: list[Any] = []

    def packetReceived(self, header: tuple[Any, ...], payload: bytes) -> None:
        self.got.append((header, payload))
        if self.script:
            self.script.pop(0)()

    def headerInvalid(self, header: tuple[Any, ...], reason: str) -> None:
        self.got.append(("invalid", header))
        super().headerInvalid(header, reason)

    def lengthLimitExceeded(self, length: int) -> None:
        self.got.append(("too long", length))
        super().lengthLimitExceeded(length)


class Counting(Packets):
    headerFormat = "<hq"
    lengthField = 0
    lengthIncludesHeader = True


def packets(base: type[Packets] = Packets) -> Any:
    protocol = base()
    protocol.makeConnection(Transport())
    return protocol


@pytest.mark.parametrize("size", [1, 2, 3, 8, 1000])
@pytest.mark.parametrize("base", [Packets, Counting])
def test_packets_arrive_as_they_were_sent(base: type[Packets], size: int) -> None:
    sender, receiver = packets(base), packets(base)
    index = base.lengthField
    sent = []
    for payload in (b"", b"a", b"x" * 1000):
        header: list[Any] = list(
            range(
                5,
                5
                + len(struct.unpack(base.headerFormat, bytes(struct.calcsize(base.headerFormat)))),
            )
        )
        sender.sendPacket(header, payload)
        header[index] = len(payload) + (
            struct.calcsize(base.headerFormat) if base.lengthIncludesHeader else 0
        )
        sent.append((tuple(header), payload))
    for chunk in split(sender.transport.value(), size):
        receiver.dataReceived(chunk)
    assert receiver.got == sent


def test_packets_too_long_or_nonsense_close_the_connection() -> None:
    protocol = packets()
    protocol.dataReceived(struct.pack("!HBI", 1, 2, 1) + b"a" + b"\xff" * 7 + b"rest")
    assert protocol.got == [((1, 2, 1), b"a"), ("too long", 2**32 - 1)]
    assert protocol.transport.disconnecting
    protocol.dataReceived(struct.pack("!HBI", 1, 2, 1) + b"a")
    assert len(protocol.got) == 2
    for nonsense in (-1, 0, 9, -32768):
        protocol = packets(Counting)
        protocol.dataReceived(struct.pack("<hq", nonsense, 7))
        assert protocol.got == [("invalid", (nonsense, 7))]
        assert protocol.transport.disconnecting


def test_packets_pause_close_reenter_and_raise() -> None:
    packet = struct.pack("!HBI", 1, 2, 1) + b"a"
    protocol = packets()
    protocol.script = [protocol.pauseProducing]
    protocol.dataReceived(packet * 2)
    assert len(protocol.got) == 1
    protocol.resumeProducing()
    assert len(protocol.got) == 2
    protocol.script = [lambda: protocol.dataReceived(packet)]
    protocol.dataReceived(packet)
    assert len(protocol.got) == 4
    protocol.script = [lambda: 1 / 0]
    with pytest.raises(ZeroDivisionError):
        protocol.dataReceived(packet * 2)
    protocol.dataReceived(packet)
    assert len(protocol.got) == 7
    protocol.script = [protocol.transport.loseConnection]
    protocol.dataReceived(packet * 2)
    assert len(protocol.got) == 8


@pytest.mark.parametrize(
    ("form", "index", "error"),
    [
        ("!H", 1, TypeError),
        ("!H", -1, TypeError),
        ("!H", True, TypeError),
        ("!4s", 0, TypeError),
        ("!f", 0, TypeError),
        ("!?", 0, TypeError),
        ("!Z", 0, struct.error),
        ("!H", "length", TypeError),
    ],
)
def test_declarations_that_cannot_work(form: str, index: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        type("Bad", (basic.HeaderReceiver,), {"headerFormat": form, "lengthField": index})


def test_an_undeclared_header_and_a_length_that_does_not_fit() -> None:
    protocol = connect(basic.HeaderReceiver)
    with pytest.raises(TypeError, match="not declared"):
        protocol.dataReceived(b"abc")
    with pytest.raises(TypeError, match="not declared"):
        protocol.sendPacket((), b"")
    small = connect(
        type("Small", (basic.HeaderReceiver,), {"headerFormat": "!BB", "lengthField": 0})
    )
    with pytest.raises(basic.StringTooLongError):
        small.sendPacket((0, 1), b"x" * 256)
    with pytest.raises(struct.error):
        small.sendPacket((0, 256), b"x")


# ---- the transports' entry


def test_feeding_pointer_and_length() -> None:
    protocol = connect(basic.LineReceiver)
    assert _core._framing_feed(protocol, b"a\r\nb") is None
    data = bytearray(b"c\r\nd")
    _core._framing_feed(protocol, data)
    data[:] = b"XXXX"
    assert (protocol.got, protocol._buffer) == ([b"a", b"bc"], b"d")


def test_what_is_not_fed_by_pointer() -> None:
    protocol = connect(basic.LineReceiver)
    plain = connect(stock.LineReceiver)
    assert _core._framing_feed(plain, b"a") is NotImplemented
    assert _core._framing_feed(object(), b"a") is NotImplemented
    protocol.dataReceived = lambda data: None
    assert _core._framing_feed(protocol, b"a") is NotImplemented
    del protocol.dataReceived
    assert _core._framing_feed(protocol, b"a") is None
    type(protocol).dataReceived = lambda self, data: None
    assert _core._framing_feed(protocol, b"a") is NotImplemented
    del type(protocol).dataReceived
    assert _core._framing_feed(protocol, b"a") is None
    type(protocol).__getattribute__ = lambda self, name: object.__getattribute__(self, name)
    assert _core._framing_feed(protocol, b"a") is NotImplemented


def test_the_result_of_a_callback_comes_back() -> None:
    protocol = connect(basic.LineReceiver, lineReceived=lambda self, line: 7)
    assert _core._framing_feed(protocol, b"a\r\n") == 7
    failing = connect(basic.LineReceiver, lineReceived=lambda self, line: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _core._framing_feed(failing, b"a\r\nb")
    assert failing._buffer == b"b"


def test_wrong_names_for_descriptors() -> None:
    with pytest.raises(ValueError, match="no framing"):
        _core.FramingMethod("morse", connect, {})
    with pytest.raises(ValueError, match="no framing"):
        FramingAttribute("buffers")


# ---- activation

PATCHED = """
import twisted.protocols.basic as basic
from twisted.internet.testing import StringTransport
from pyreactor._core import StandIn

def shout(self, line):
    self.transport.write(line.upper() + self.delimiter)

basic.LineReceiver.sendLine = shout
from pyreactor._activation import framing
framing.activate(basic)
from pyreactor.basic import LineReceiver
for side in (basic.LineReceiver, LineReceiver):
    protocol = side()
    protocol.makeConnection(StringTransport())
    protocol.sendLine(b"line")
    assert protocol.transport.value() == b"LINE\\r\\n", side
    assert isinstance(side.__dict__["dataReceived"], StandIn)
"""


def test_activation_leaves_a_patched_send_line() -> None:
    check(PATCHED)


ACTIVATION = """
import sys
import twisted.protocols.basic as basic
from twisted.internet.testing import StringTransport
from pyreactor._activation import framing

class Early(basic.LineReceiver):
    def lineReceived(self, line):
        got.append(line)
        if line == b"activate":
            framing.activate(basic)

class Net(basic.NetstringReceiver):
    def stringReceived(self, string):
        got.append(string)

got = []
assert framing.status() == (False, "not activated"), framing.status()
early, net = Early(), Net()
for protocol in (early, net):
    protocol.makeConnection(StringTransport())
net.dataReceived(b"3:a")
early.dataReceived(b"one\\r\\nactivate\\r\\ntwo\\r\\nthr")
assert early._buffer == b"thr", early._buffer
early.dataReceived(b"ee\\r\\n")
net.dataReceived(b"bc,1:x,")
late = Net()
late.makeConnection(StringTransport())
late.dataReceived(b"2:ok,")
assert got == [b"one", b"activate", b"two", b"three", b"abc", b"x", b"ok"], got
before = basic.LineReceiver.__dict__["dataReceived"]
framing.activate(basic)
assert basic.LineReceiver.__dict__["dataReceived"] is before
assert framing.status()[0], framing.status()
import pyreactor.basic
assert pyreactor.basic.LineReceiver.dataReceived.__wrapped__ is before.__wrapped__
basic.LineReceiver.dataReceived = before.__wrapped__
assert framing.status() == (False, "LineReceiver: dataReceived is not the C one")
"""


def test_activation_in_the_middle_of_a_callback() -> None:
    subprocess.run([sys.executable, "-c", ACTIVATION], check=True)


REPLACED = """
import re
from twisted.protocols import basic
from twisted.spread import banana
from pyreactor._activation import framing
for module in (basic, banana):
    framing.activate(module)
before = framing.status()
assert before[0], before
for cls, name, receives in (
    (basic.NetstringReceiver, "_extractLength", True),
    (basic.NetstringReceiver, "_LENGTH", True),
    (banana.Banana, "gotItem", True),
    (banana.Banana, "sendEncoded", False),
    (banana.Banana, "_encode", False),
    (basic.LineReceiver, "sendLine", False),
    (basic.NetstringReceiver, "makeConnection", None),
):
    kept = vars(cls)[name]
    setattr(cls, name, re.compile(b"x") if name == "_LENGTH" else lambda *args: None)
    told = f"not in C, as replaced: {cls.__name__}.{name}"
    expected = (True, f"{before[1]}; {told}") if receives is False else (False, told)
    assert framing.status() == expected, (framing.status(), expected)
    setattr(cls, name, kept)
    assert framing.status() == before, (name, framing.status())
"""


def test_the_status_tells_of_what_a_program_replaced() -> None:
    subprocess.run([sys.executable, "-c", REPLACED], check=True)


def test_a_class_that_somebody_else_has_patched_is_left_alone() -> None:
    code = (
        "import twisted.protocols.basic as b; from pyreactor._activation import framing;"
        "patch = lambda self, data: None; b.LineReceiver.dataReceived = patch;"
        "framing.activate(b);"
        "assert b.LineReceiver.dataReceived is patch;"
        "assert 'LineReceiver:' in framing.status()[1], framing.status()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- leaks


def work(base: str, data: bytes) -> weakref.ref[Any]:
    """A connection's life, with a callback that raises at its end."""
    protocol = connect(getattr(basic, base))
    protocol.myself = protocol.dataReceived
    for chunk in split(data, 7):
        protocol.dataReceived(chunk)
    protocol.lineReceived = protocol.stringReceived = lambda message: 1 / 0
    with contextlib.suppress(ZeroDivisionError):
        protocol.dataReceived(data)
    return weakref.ref(protocol)


@pytest.mark.parametrize(
    ("base", "data"),
    [
        ("LineReceiver", b"one line\r\nand another\r\nhalf"),
        ("LineOnlyReceiver", b"one line\r\nand another\r\nhalf"),
        ("Int8StringReceiver", b"\3abc\4abcd\0\7half"),
        ("NetstringReceiver", b"3:abc,0:,4:abcd,9:half"),
    ],
)
def test_connections_leave_nothing_behind(base: str, data: bytes) -> None:
    tracemalloc.start()
    try:
        for _ in range(200):  # what is remembered for good is there then
            work(base, data)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        references = [work(base, data) for _ in range(200)]
        gc.collect()
        assert all(reference() is None for reference in references)
        del references
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()


# ---- the instance's dict


@pytest.mark.parametrize("attributes", [0, 1, 7, 40])
def test_the_instances_dict_keeps_its_content_and_order(attributes: int) -> None:
    """Also of an instance that had no dict before it received anything."""

    class Plain(basic.LineReceiver):
        def __init__(self) -> None:
            for number in range(attributes):
                setattr(self, f"a{number}", [number])

    names = [f"a{number}" for number in range(attributes)]
    for _ in range(3):
        received = Plain()
        received.dataReceived(b"part of a line")
        assert received.clearLineBuffer() == b"part of a line"
        assert [name for name in vars(received) if name.startswith("a")] == names
        assert [getattr(received, name) for name in names] == [[n] for n in range(attributes)]


def connected(type_: Callable[[], Any]) -> Any:
    """An instance with a transport."""
    protocol = type_()
    protocol.makeConnection(StringTransport())
    return protocol


def second_of(type_: Callable[[], Any]) -> Any:
    """An instance of a class another one of which has received something."""
    for _ in range(2):
        protocol = connected(type_)
        protocol.dataReceived(b"a line\r\nand a part")
    return protocol


def test_an_attribute_that_another_instance_had_first_is_seen() -> None:
    """So its place among the names that instances share comes late."""

    class Plain(basic.LineReceiver):
        other: Any = None

        def __init__(self) -> None:
            self.lines: list[bytes] = []

        def lineReceived(self, line: bytes) -> None:
            self.lines.append(line)
            if line == b"set":
                self.other.MAX_LENGTH = 1000
                self.MAX_LENGTH = 3

        def lineLengthExceeded(self, line: bytes) -> None:
            self.lines.append(b"exceeded")

    protocol = second_of(Plain)
    protocol.clearLineBuffer()
    protocol.lines.clear()
    protocol.other = second_of(Plain)
    protocol.dataReceived(b"longer\r\nset\r\nlonger\r\nend\r\n")
    assert protocol.lines == [b"longer", b"set", b"exceeded"]


@pytest.mark.parametrize("paused", [True, 1, 2, 10**30, "yes"])
def test_whatever_is_true_pauses(paused: object) -> None:
    class Plain(basic.LineReceiver):
        def __init__(self) -> None:
            self.lines: list[bytes] = []

        def lineReceived(self, line: bytes) -> None:
            self.lines.append(line)
            self.paused = paused if line == b"pause" else 1000 - 1000 * len(self.lines)

    protocol = second_of(Plain)
    protocol.clearLineBuffer()
    protocol.lines.clear()
    protocol.paused = 0
    protocol.dataReceived(b"one\r\npause\r\nthree\r\n")
    assert protocol.lines == [b"one", b"pause"]
    assert protocol._buffer == b"three\r\n"


def test_more_attributes_than_instances_can_share() -> None:
    class Many(basic.LineReceiver):
        def lineReceived(self, line: bytes) -> None:
            setattr(self, line.decode(), line)

    for _ in range(3):
        protocol = connected(Many)
        protocol.dataReceived(b"".join(b"name%d\r\n" % number for number in range(60)))
        assert [getattr(protocol, f"name{n}") for n in range(60)] == [
            b"name%d" % n for n in range(60)
        ]
        protocol.dataReceived(b"rest")
        assert protocol._buffer == b"rest"


@pytest.mark.parametrize(
    ("type_", "attribute"),
    [(basic.LineReceiver, "_buffer"), (basic.NetstringReceiver, "_payload")],
)
def test_a_cycle_by_way_of_the_state_is_collected(type_: type, attribute: str) -> None:
    class Plain(type_):  # type: ignore[misc, valid-type]
        pass

    for _ in range(2):
        protocol = connected(Plain)
        protocol.dataReceived(b"3:a")
        setattr(protocol, attribute, [protocol])
        gone = weakref.ref(protocol)
        del protocol
        gc.collect()
        assert gone() is None
