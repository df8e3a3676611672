"""The C framings behave as the classes of twisted.protocols.basic, case by case."""

from __future__ import annotations

import copy
import pickle
import resource
import struct
import sys
import weakref
from typing import Any, ClassVar

import pytest
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols import basic as stock
from twisted.protocols.policies import TimeoutMixin

from pyreactor import basic as fast

SIDES = pytest.mark.parametrize("side", [stock, fast], ids=["stock", "pyreactor"])


def connect(base: type, **members: Any) -> Any:
    """A connected protocol that notes its messages in `got`."""

    def note(self: Any, message: Any) -> None:
        self.got.append(message)

    namespace = {"lineReceived": note, "rawDataReceived": note, "stringReceived": note}
    protocol = type("Noting", (base,), {**namespace, **members})()
    protocol.got = []
    protocol.makeConnection(StringTransport())
    return protocol


# ---- types and mixtures


def test_classes_are_subclasses_of_twisteds_own() -> None:
    for name in ("LineReceiver", "LineOnlyReceiver", "IntNStringReceiver", "NetstringReceiver"):
        assert issubclass(getattr(fast, name), getattr(stock, name))
        assert issubclass(getattr(fast, name), Protocol)
    for bits in (8, 16, 32):
        name = f"Int{bits}StringReceiver"
        assert issubclass(getattr(fast, name), getattr(stock, name))
        assert getattr(fast, name).prefixLength == bits // 8


@SIDES
def test_class_attributes_show_the_stock_values(side: Any) -> None:
    assert side.LineReceiver._buffer == b""
    assert side.LineReceiver._busyReceiving is False
    assert side.IntNStringReceiver._unprocessed == b""
    assert side.IntNStringReceiver._compatibilityOffset == 0
    with pytest.raises(AttributeError, match="_remainingData"):
        side.NetstringReceiver._remainingData  # noqa: B018
    with pytest.raises(AttributeError, match="_remainingData"):
        side.NetstringReceiver()._remainingData  # noqa: B018
    with pytest.raises(AttributeError, match="_remainingData"):
        side.NetstringReceiver().dataReceived(b"1:a,")


def test_the_method_shows_what_the_stock_function_shows() -> None:
    for name in ("LineReceiver", "NetstringReceiver"):
        method = getattr(fast, name).dataReceived
        plain = getattr(stock, name).dataReceived
        assert method.__wrapped__ is plain
        assert method.__name__ == "dataReceived"
        assert method.__qualname__ == plain.__qualname__
        assert method.__doc__ == plain.__doc__
        assert method.__code__ is plain.__code__
    protocol = fast.LineReceiver()
    assert protocol.dataReceived == protocol.dataReceived
    assert protocol.dataReceived.__self__ is protocol
    assert weakref.WeakMethod(protocol.dataReceived)() == protocol.dataReceived


@SIDES
def test_mixed_with_python_classes(side: Any) -> None:
    class Timed(side.LineReceiver, TimeoutMixin):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            self.got: list[bytes] = []
            self.clock = Clock()

        def callLater(self, delay: float, function: Any) -> Any:
            return self.clock.callLater(delay, function)

        def lineReceived(self, line: bytes) -> None:
            self.resetTimeout()
            self.got.append(line)

    protocol = Timed()
    transport = StringTransport()
    protocol.makeConnection(transport)
    protocol.setTimeout(5)
    protocol.clock.advance(4)
    protocol.dataReceived(b"a\r\nb\r\n")
    protocol.clock.advance(4)
    assert protocol.got == [b"a", b"b"]
    assert not transport.disconnected
    protocol.clock.advance(2)
    assert transport.disconnecting


@SIDES
def test_two_framings_in_one_class(side: Any) -> None:
    class Both(side.LineReceiver, side.Int16StringReceiver):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            self.got: list[Any] = []

        def lineReceived(self, line: bytes) -> None:
            self.got.append(("line", line))

        def stringReceived(self, string: bytes) -> None:
            self.got.append(("string", string))

    protocol = Both()
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(b"one\r\ntw")
    side.Int16StringReceiver.dataReceived(protocol, b"\0\3abc\0")
    protocol.dataReceived(b"o\r\n")
    side.Int16StringReceiver.dataReceived(protocol, b"\1x")
    assert protocol.got == [
        ("line", b"one"),
        ("string", b"abc"),
        ("line", b"two"),
        ("string", b"x"),
    ]


@SIDES
@pytest.mark.parametrize("other", [dict, "slots", "getattr", "setattr", "getattribute"])
def test_mixed_with_classes_of_another_layout_or_attribute_access(side: Any, other: Any) -> None:
    class Slots:
        __slots__ = ("extra",)

    class Getattr:
        def __getattr__(self, name: str) -> Any:
            raise AttributeError(name)

    class Setattr:
        seen: ClassVar[list[str]] = []

        def __setattr__(self, name: str, value: Any) -> None:
            self.seen.append(name)
            object.__setattr__(self, name, value)

    class Getattribute:
        def __getattribute__(self, name: str) -> Any:
            return object.__getattribute__(self, name)

    mixins = {"slots": Slots, "getattr": Getattr, "setattr": Setattr, "getattribute": Getattribute}
    mixin = mixins.get(other, other)
    mixed = type("Mixed", (side.LineReceiver, mixin), {})
    protocol = connect(mixed)
    protocol.dataReceived(b"a\r\nb")
    assert protocol._buffer == b"b"
    protocol.dataReceived(b"\r\n")
    assert protocol.got == [b"a", b"b"]
    if other == "setattr":
        assert "_buffer" in Setattr.seen


@SIDES
def test_a_subclass_may_have_its_own_buffer_attribute(side: Any) -> None:
    protocol = connect(side.LineReceiver, _buffer=b"x", _busyReceiving=False)
    protocol.dataReceived(b"a\r\nb")
    assert protocol.got == [b"xa"]
    assert protocol.__dict__["_buffer"] == b"b"


@SIDES
def test_copies_and_pickles_have_a_buffer_of_their_own(side: Any) -> None:
    protocol = connect(side.LineReceiver)
    protocol.dataReceived(b"a\r\nhalf")
    twin = copy.copy(protocol)
    twin.got = []
    twin.dataReceived(b" twin\r\n")
    protocol.dataReceived(b" first\r\n")
    assert (twin.got, protocol.got) == ([b"half twin"], [b"a", b"half first"])
    protocol.dataReceived(b"rest")
    state = {"_buffer": protocol.__dict__["_buffer"]}
    assert pickle.loads(pickle.dumps(state)) == {"_buffer": b"rest"}
    assert copy.deepcopy(state) == {"_buffer": b"rest"}


@SIDES
def test_deleting_the_buffer_shows_the_class_attribute_again(side: Any) -> None:
    protocol = connect(side.LineReceiver)
    protocol.dataReceived(b"half")
    del protocol._buffer
    assert protocol._buffer == b""
    protocol.dataReceived(b"a\r\n")
    assert protocol.got == [b"a"]


@SIDES
def test_overridden_parser_methods_of_netstrings_are_used(side: Any) -> None:
    calls = []

    class Longer(side.NetstringReceiver):  # type: ignore[name-defined, misc]
        def _extractLength(self, text: bytes) -> int:
            calls.append(text)
            return super()._extractLength(text)  # type: ignore[no-any-return]

    protocol = connect(Longer)
    protocol.dataReceived(b"3:abc,1:x")
    protocol.dataReceived(b",")
    assert protocol.got == [b"abc", b"x"]
    assert calls == [b"3", b"1"]


@SIDES
def test_amp_like_switch_through_recvd(side: Any) -> None:
    switched = []

    def stringReceived(self: Any, string: bytes) -> None:
        switched.append(self.recvd)
        self.recvd = ""

    protocol = connect(side.Int8StringReceiver, stringReceived=stringReceived)
    protocol.dataReceived(b"\1arest of it")
    assert switched == [b"rest of it"]
    assert protocol._unprocessed == ""
    assert "recvd" not in protocol.__dict__


@SIDES
def test_stateful_string_protocol(side: Any) -> None:
    class Stateful(side.StatefulStringProtocol, side.Int8StringReceiver):  # type: ignore[name-defined, misc]
        seen: ClassVar[list[bytes]] = []

        def proto_init(self, data: bytes) -> str:
            self.seen.append(data)
            return "done"

    Stateful.seen = []
    protocol = Stateful()
    transport = StringTransport()
    protocol.makeConnection(transport)
    protocol.dataReceived(b"\1a")
    assert (Stateful.seen, transport.disconnecting) == ([b"a"], True)


# ---- bad input


def split(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


@SIDES
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("delimiter", [b"\n", b"\r\n", b"aab", b"--boundary--" * 20])
def test_delimiters_that_straddle_chunks(side: Any, size: int, delimiter: bytes) -> None:
    for base in (side.LineReceiver, side.LineOnlyReceiver):
        protocol = connect(base, delimiter=delimiter)
        for chunk in split(delimiter.join([b"one", b"", b"aaa", b"half"]), size):
            protocol.dataReceived(chunk)
        assert protocol.got[:2] == [b"one", b""]
        assert delimiter.join([*protocol.got, protocol._buffer]).endswith(
            b"aaa" + delimiter + b"half"
        )


@SIDES
def test_an_empty_delimiter(side: Any) -> None:
    protocol = connect(side.LineReceiver, delimiter=b"", MAX_LENGTH=5)
    protocol.dataReceived(b"abcd")
    assert protocol._buffer == b"abcd"
    protocol.dataReceived(b"e")
    assert protocol.transport.disconnecting
    only = connect(side.LineOnlyReceiver, delimiter=b"")
    with pytest.raises(ValueError, match="empty separator"):
        only.dataReceived(b"abcd")


@SIDES
@pytest.mark.parametrize("base", ["LineReceiver", "LineOnlyReceiver"])
@pytest.mark.parametrize("extra", [-2, -1, 0, 1, 2, 3, 50])
@pytest.mark.parametrize("ended", [True, False])
def test_line_limit(side: Any, base: str, extra: int, ended: bool) -> None:
    exceeded = []
    protocol = connect(
        getattr(side, base),
        MAX_LENGTH=10,
        lineLengthExceeded=lambda self, line: exceeded.append(line),
    )
    line = b"x" * (10 + extra)
    protocol.dataReceived(b"ok\r\n" + line + (b"\r\nnext\r\n" if ended else b""))
    assert protocol.got[0] == b"ok"
    assert bool(exceeded) == (extra > (0 if ended or base == "LineOnlyReceiver" else 1))


@SIDES
@pytest.mark.parametrize("name", ["Int8", "Int16", "Int32"])
def test_length_prefix_of_all_ones(side: Any, name: str) -> None:
    exceeded = []
    base = getattr(side, name + "StringReceiver")
    size = base.prefixLength
    protocol = connect(
        base, MAX_LENGTH=100, lengthLimitExceeded=lambda self, length: exceeded.append(length)
    )
    protocol.dataReceived(b"\xff" * size + b"data")
    assert exceeded == [2 ** (8 * size) - 1]
    assert protocol.recvd == b"\xff" * size + b"data"
    assert protocol.got == []


@SIDES
@pytest.mark.parametrize(
    ("form", "size"), [("!Q", 8), ("<Q", 8), ("=L", 4), ("@H", 2), ("!h", 2), ("xB", 2)]
)
def test_user_defined_formats(side: Any, form: str, size: int) -> None:
    import struct

    protocol = connect(side.IntNStringReceiver, structFormat=form, prefixLength=size)
    for string in (b"", b"a", b"x" * 100):
        protocol.dataReceived(struct.pack(form, len(string)) + string)
    assert protocol.got == [b"", b"a", b"x" * 100]


@SIDES
@pytest.mark.parametrize("limit", [2**63 - 2, 2**63 - 1, 2**63, 2**63 + 5])
@pytest.mark.parametrize("beyond", [0, 1])
def test_a_limit_as_large_as_sizes_are(side: Any, limit: int, beyond: int) -> None:
    """A length is compared with the very number."""
    exceeded: list[tuple[int, bytes, int]] = []

    class Wide(side.IntNStringReceiver):  # type: ignore[name-defined, misc]
        structFormat = "!Q"
        prefixLength = 8
        MAX_LENGTH = limit

        def stringReceived(self, string: bytes) -> None:
            assert string == b"one"

        def lengthLimitExceeded(self, length: int) -> None:
            exceeded.append((length, self._unprocessed, self._compatibilityOffset))

    protocol = Wide()
    data = struct.pack("!Q", 3) + b"one" + struct.pack("!Q", limit + beyond) + b"some"
    protocol.dataReceived(data)
    assert exceeded == ([(limit + 1, data, 11)] if beyond else [])
    if not beyond:
        assert protocol._unprocessed == data[11:]


@SIDES
def test_a_format_that_does_not_fit_its_prefix(side: Any) -> None:
    import struct

    protocol = connect(side.IntNStringReceiver, structFormat="!I", prefixLength=2)
    with pytest.raises(struct.error):
        protocol.dataReceived(b"\0\1a")


@SIDES
@pytest.mark.parametrize(
    "bad",
    [
        *(b"01:a,", b"00:,", b"-1:a,", b"+1:a,", b" 1:a,", b"1 :a,", b"1:ab", b":", b",", b"x"),
        *(b"99999999999999999999:", b"4294967296:", b"100000:", b"9" * 100, b"1\n2:", b"1\r:"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_bad_netstrings_close_the_connection(side: Any, bad: bytes, size: int) -> None:
    protocol = connect(side.NetstringReceiver)
    for chunk in split(b"2:ok," + bad, size):
        if not protocol.brokenPeer:
            protocol.dataReceived(chunk)
    assert protocol.got == [b"ok"]
    assert protocol.brokenPeer == 1
    assert protocol.transport.disconnecting


@SIDES
def test_a_limit_of_zero_for_netstrings(side: Any) -> None:
    protocol = connect(side.NetstringReceiver, MAX_LENGTH=0)
    with pytest.raises(ValueError, match="math domain|positive"):
        protocol.dataReceived(b"0:,")


@SIDES
@pytest.mark.parametrize("data", ["text", None, 3, bytearray(b"a\r\n"), memoryview(b"a\r\n")])
@pytest.mark.parametrize("base", ["LineReceiver", "LineOnlyReceiver", "Int8StringReceiver"])
def test_data_that_is_not_bytes(side: Any, base: str, data: Any) -> None:
    protocol = connect(getattr(side, base), MAX_LENGTH=10)
    expected = connect(getattr(stock, base), MAX_LENGTH=10)
    results = []
    for each in (protocol, expected):
        try:
            each.dataReceived(data)
            results.append(each.got)
        except TypeError as error:
            results.append(str(error))
    assert results[0] == results[1]


@SIDES
def test_wrong_arguments(side: Any) -> None:
    protocol = connect(side.LineReceiver)
    with pytest.raises(TypeError):
        protocol.dataReceived()
    with pytest.raises(TypeError):
        protocol.dataReceived(b"", b"")
    with pytest.raises(TypeError):
        protocol.dataReceived(date=b"")
    protocol.dataReceived(data=b"a\r\n")
    assert protocol.got == [b"a"]


@SIDES
@pytest.mark.parametrize(
    ("base", "data"),
    [
        ("LineReceiver", b"a\r\nb\r\n"),
        ("LineOnlyReceiver", b"a\r\nb\r\n"),
        ("Int8StringReceiver", b"\1a\1b"),
        ("NetstringReceiver", b"1:a,1:b,"),
    ],
)
def test_a_callback_may_drop_the_last_reference_to_its_protocol(
    side: Any, base: str, data: bytes
) -> None:
    seen = []
    holder: list[Any] = []

    def callback(self: Any, message: bytes) -> None:
        seen.append(message)
        self.__dict__.pop("got", None)
        holder.clear()

    members = {"lineReceived": callback, "stringReceived": callback}
    holder.append(connect(getattr(side, base), **members))
    holder[0].dataReceived(data)
    assert seen == [b"a", b"b"]


@SIDES
def test_the_class_may_change_while_lines_are_delivered(side: Any) -> None:
    protocol = connect(side.LineReceiver)
    seen = []

    def changed(self: Any, line: bytes) -> None:
        seen.append(line)

    def first(self: Any, line: bytes) -> None:
        del type(self).lineReceived
        type(self).lineReceived = changed
        type(self).delimiter = b"|"

    type(protocol).lineReceived = first
    protocol.dataReceived(b"one\r\ntwo|three|")
    assert seen == [b"two", b"three"]


# ---- cost


def peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("base", ["LineReceiver", "BatchLineReceiver"])
def test_a_gigabyte_without_a_delimiter_needs_little_memory(base: str) -> None:
    protocol = connect(getattr(fast, base))
    chunk = b"x" * 65536
    before = peak_memory()
    for _ in range((1 << 30) // len(chunk)):
        protocol.dataReceived(chunk)
        assert len(protocol._buffer) <= 16384 + len(chunk)
    assert peak_memory() - before < 8 << 20
    assert protocol.transport.disconnecting


@SIDES
def test_line_only_receiver_asks_to_close_at_the_first_byte_too_many(side: Any) -> None:
    """As in stock it keeps what comes after that: a transport that closes brings no more."""
    protocol = connect(side.LineOnlyReceiver)
    protocol.dataReceived(b"x" * 16384)
    assert not protocol.transport.disconnecting
    protocol.dataReceived(b"x")
    assert protocol.transport.disconnecting
    assert len(protocol._buffer) == 16385


@pytest.mark.parametrize("base", ["LineReceiver", "LineOnlyReceiver"])
def test_small_chunks_without_a_delimiter_need_little_memory(base: str) -> None:
    protocol = connect(getattr(fast, base))
    for _ in range(100_000):
        protocol.dataReceived(b"x" * 700)
        if protocol.transport.disconnecting and base == "LineOnlyReceiver":
            break
    assert sys.getsizeof(protocol.__dict__["_buffer"]) < 200_000
    assert protocol.transport.disconnecting


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("LineReceiver", b"a" * 20 + b"\r\n"),
        ("LineOnlyReceiver", b"a" * 20 + b"\r\n"),
        ("Int16StringReceiver", b"\0\x14" + b"a" * 20),
        ("NetstringReceiver", b"20:" + b"a" * 20 + b","),
    ],
)
def test_an_idle_connection_keeps_no_large_buffer(base: str, message: bytes) -> None:
    protocol = connect(getattr(fast, base))
    data = message * 10_000 + message[:5]
    for chunk in split(data, 65536):
        protocol.dataReceived(chunk)
    assert len(protocol.got) == 10_000
    kept = {key: value for key, value in protocol.__dict__.items() if key.startswith("_")}
    assert sum(map(sys.getsizeof, kept.values())) < 10_000


@pytest.mark.parametrize(
    ("base", "begin"),
    [
        ("LineReceiver", b""),
        ("LineOnlyReceiver", b""),
        ("Int32StringReceiver", b"\1\0\0\0"),
        ("NetstringReceiver", b"16777216:"),
    ],
)
def test_a_large_message_moves_in_memory_a_few_times_only(base: str, begin: bytes) -> None:
    """Work, not time: each change of the buffer's room copies it once, so room must double."""
    protocol = connect(getattr(fast, base), MAX_LENGTH=1 << 30)
    protocol.dataReceived(begin + b"x")
    [buffer] = [v for v in vars(protocol).values() if type(v).__name__ == "FramingBuffer"]
    rooms = []
    for _ in range((8 << 20) // 1460):
        protocol.dataReceived(b"x" * 1460)
        room = sys.getsizeof(buffer)
        if not rooms or rooms[-1] != room:
            rooms.append(room)
    assert len(rooms) < 40
    assert sum(rooms) < 4 * rooms[-1]
    assert rooms[-1] < 4 * (8 << 20)  # whatever was announced


@SIDES
def test_a_length_that_is_refused_shows_all_data_again(side: Any) -> None:
    """Also where a callback has put something into its place that C cannot hold."""
    seen: list[object] = []

    class Strings(side.Int32StringReceiver):  # type: ignore[name-defined, misc]
        def stringReceived(self, string: bytes) -> None:
            self._unprocessed = bytearray(b"odd")

        def lengthLimitExceeded(self, length: int) -> None:
            seen.append(self._unprocessed)

    data = b"\x00\x00\x00\x0201\x01\x00\x00\x00\x00"
    Strings().dataReceived(data)
    assert seen == [data]
    assert type(seen[0]) is bytes
