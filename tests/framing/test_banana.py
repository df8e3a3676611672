"""Banana in C behaves as twisted.spread.banana's, in both directions."""

from __future__ import annotations

import contextlib
import gc
import os
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from twisted.internet.testing import StringTransport
from twisted.spread import banana
from twisted.spread.banana import BananaError

from pyreactor import _core
from pyreactor._framing.members import REPLACED
from tests.banana_model import Fast, Scenario, Stock, digits, scenario, trace
from tests.chance import SHARES, Choice, many
from tests.support import PYREACTOR, check

EXAMPLES = int(os.environ.get("PYREACTOR_FRAMING_EXAMPLES", "300"))
SIDES = pytest.mark.parametrize("side", [Stock, Fast], ids=["stock", "pyreactor"])

EXPRESSION = [
    *(0, 1, -1, 127, 128, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63, -(2**63), 2**200),
    *(1.5, -0.0, float("inf"), b"", b"bytes", b"None", b"message"),
    *((), [], (1, [2, (3,)], b"four"), [[[[]]]]),
]


@pytest.fixture
def size_limit() -> Iterator[None]:
    """Undoes what a test does to the module's limit."""
    before = banana.SIZE_LIMIT
    yield
    banana.SIZE_LIMIT = before


def connect(side: Any, dialect: bytes = b"pb", **members: Any) -> Any:
    """A connected protocol that notes its expressions in `got`."""

    def note(self: Any, expression: Any) -> None:
        self.got.append(expression)

    protocol = type("Noting", (side,), {"expressionReceived": note, **members})()
    protocol.got = []
    protocol.makeConnection(StringTransport())
    protocol._selectDialect(dialect)
    return protocol


def encoded(expression: Any, dialect: bytes = b"pb") -> bytes:
    """What Twisted sends."""
    protocol = connect(Stock, dialect)
    protocol.sendEncoded(expression)
    return bytes(protocol.transport.value())


def lists(expression: Any) -> Any:
    """What comes of tuples on the way."""
    if isinstance(expression, list | tuple):
        return [lists(each) for each in expression]
    return expression


# ---- random programs


SCENARIOS = Choice(scenario)


@settings(
    max_examples=min(EXAMPLES, 300),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(SCENARIOS.strategy)
def test_random_programs_see_the_same_events(plan: Scenario) -> None:
    same(plan)


def same(plan: Scenario) -> None:
    assert trace(Fast, plan) == trace(Stock, plan)


@pytest.mark.parametrize("share", range(SHARES))
def test_many_random_programs_see_the_same_events(share: int) -> None:
    many(SCENARIOS, EXAMPLES, same, share)


def test_the_stock_side_is_stock() -> None:
    """A comparison of C with C would prove nothing."""
    for name in ("dataReceived", "sendEncoded"):
        assert type(Stock.__dict__[name]).__name__ == "function"
        assert type(Fast.__dict__[name]).__name__ == "StandIn"
        assert Fast.__dict__[name].__wrapped__ is Stock.__dict__[name]
    assert Fast.buffer == Stock.buffer == b""


# ---- receiving


@SIDES
@pytest.mark.parametrize("dialect", [b"pb", b"none"])
def test_there_and_back(side: Any, dialect: bytes) -> None:
    protocol = connect(side, dialect)
    protocol.sendEncoded(EXPRESSION)
    data = protocol.transport.value()
    assert data == encoded(EXPRESSION, dialect)
    protocol.dataReceived(data)
    assert repr(protocol.got) == repr([lists(EXPRESSION)])
    assert protocol.listStack == []
    assert protocol.buffer == b""


@SIDES
@pytest.mark.parametrize("depth", [1, 98, 99, 100, 101, 150])
def test_lists_within_lists_are_sent(side: Any, depth: int) -> None:
    """However many: C leaves very deep ones to Twisted's code."""
    expression: list[Any] = [1]
    for _ in range(depth):
        expression = [expression, b"message"]
    protocol = connect(side)
    protocol.sendEncoded(expression)
    data = protocol.transport.value()
    assert data == encoded(expression)
    protocol.dataReceived(data)
    assert protocol.got == [expression]


@SIDES
def test_cut_at_each_byte(side: Any) -> None:
    data = encoded([1, [2**40, b"string", -7], 2.5, [], b"None"])
    for at in range(1, len(data)):
        protocol = connect(side)
        reference = connect(Stock)
        for chunk in (data[:at], data[at:]):
            protocol.dataReceived(chunk)
            reference.dataReceived(chunk)
            assert protocol.buffer == reference.buffer
            assert protocol.listStack == reference.listStack
        assert protocol.got == [[1, [2**40, b"string", -7], 2.5, [], b"None"]]


ERRORS = [
    (b"\1" * 65, BananaError, "Security precaution: more than 64 bytes of prefix"),
    (
        b"\1" * 65 + b"\x81",
        BananaError,
        "Security precaution: longer than 64 bytes worth of prefix",
    ),
    (digits(banana.SIZE_LIMIT + 1) + b"\x80", BananaError, "Security precaution: List too long."),
    (digits(banana.SIZE_LIMIT + 1) + b"\x82", BananaError, "Security precaution: String too long."),
    (digits(2**300) + b"\x82", BananaError, "Security precaution: String too long."),
    (b"\x88", NotImplementedError, r"Invalid Type Byte b'\x88'"),
    (b"\3\xff", NotImplementedError, r"Invalid Type Byte b'\xff'"),
    (digits(99) + b"\x87", KeyError, "99"),
]


@SIDES
@pytest.mark.parametrize(("data", "error", "text"), ERRORS)
def test_errors_in_the_middle(side: Any, data: bytes, error: type[Exception], text: str) -> None:
    """What came before is delivered; what is left begins with the item that is wrong."""
    protocol = connect(side)
    with pytest.raises(error) as caught:
        protocol.dataReceived(b"\5\x81\2\x80\6\x81" + data)
    assert type(caught.value) is error
    assert str(caught.value) == text
    assert protocol.got == [5]
    assert protocol.listStack == [(2, [6])]
    assert protocol.buffer == data


@SIDES
def test_words_need_the_dialect(side: Any) -> None:
    protocol = connect(side, b"none")
    with pytest.raises(NotImplementedError) as caught:
        protocol.dataReceived(b"\1\x87")
    assert str(caught.value) == "Invalid item for pb protocol b'None'"
    assert protocol.buffer == b"\1\x87"


@SIDES
def test_the_modules_limit_may_change(side: Any, size_limit: None) -> None:
    protocol = connect(side)
    banana.SIZE_LIMIT = 3
    for item in (digits(4) + b"\x82", digits(4) + b"\x80"):
        with pytest.raises(BananaError, match="too long"):
            protocol.dataReceived(item)
        protocol.buffer = b""
    for expression in (b"four", [1, 2, 3, 4]):
        with pytest.raises(BananaError, match=r"too long to send \(4\)"):
            protocol.sendEncoded(expression)
    banana.SIZE_LIMIT = 1 << 40
    large = bytes(700_000)
    protocol.sendEncoded([large])
    protocol.dataReceived(protocol.transport.value())
    assert protocol.got == [[large]]


@SIDES
def test_before_the_connection(side: Any) -> None:
    protocol = side()
    with pytest.raises(TypeError, match="'>' not supported between instances of 'int' and 'None"):
        protocol.dataReceived(b"\1\x81")
    assert protocol.buffer == b"\1\x81"
    with pytest.raises(AttributeError, match="_smallestLongInt"):
        protocol.sendEncoded(1)
    with pytest.raises(AttributeError, match="currentDialect"):
        protocol.sendEncoded(b"")
    bare = side.__new__(side)
    with pytest.raises(AttributeError, match="listStack"):
        bare.dataReceived(b"\1\x81")
    assert bare.buffer == b""


@SIDES
def test_a_callback_that_raises_leaves_its_item(side: Any) -> None:
    def fail(self: Any, expression: Any) -> None:
        self.seen = (self.buffer, list(self.listStack))
        raise KeyError("from the callback")

    protocol = connect(side, expressionReceived=fail)
    with pytest.raises(KeyError):
        protocol.dataReceived(b"\2\x80\1\x81\2\x81\3\x81")
    assert protocol.seen == (b"\2\x81\3\x81", [])
    assert protocol.buffer == b"\2\x81\3\x81"


@SIDES
def test_data_from_a_callback(side: Any) -> None:
    """As in stock the item of the callback is parsed again with it, and all of it once more."""

    def feed(self: Any, expression: Any) -> None:
        self.got.append((expression, self.buffer))
        if len(self.got) == 1:
            self.dataReceived(b"\7\x81")

    protocol = connect(side, expressionReceived=feed)
    protocol.dataReceived(b"\5\x81\6\x81")
    assert protocol.got == [
        (5, b"\5\x81\6\x81"),
        (5, b"\5\x81\6\x81\7\x81"),
        (6, b"\6\x81\7\x81"),
        (7, b"\7\x81"),
        (6, b"\6\x81"),
    ]
    assert protocol.buffer == b""


@SIDES
def test_a_buffer_that_does_not_shrink(side: Any) -> None:
    def cut(self: Any, expression: Any) -> None:
        self.buffer = self.buffer[2:]

    protocol = connect(side, expressionReceived=cut)
    with pytest.raises(AssertionError) as caught:
        protocol.dataReceived(b"\5\x81\6\x81")
    assert str(caught.value) == r"This ain't right: b'\x06\x81' b'\x06\x81'"
    with pytest.raises(AssertionError):
        protocol.dataReceived(b"")


OPTIMIZED = """
from twisted.internet.testing import StringTransport
from twisted.spread import banana

class Cutting(banana.Banana):
    def expressionReceived(self, expression):
        print(expression)
        self.buffer = self.buffer[2:]

protocol = Cutting()
protocol.makeConnection(StringTransport())
protocol._selectDialect(b"pb")
protocol.dataReceived(b"\\5\\x81\\6\\x81\\7")
protocol.dataReceived(b"")
print(protocol.buffer)
"""


@pytest.mark.parametrize("options", [[], ["-m", "pyreactor"]], ids=["stock", "pyreactor"])
def test_without_assertions(options: list[str]) -> None:
    printed = check(OPTIMIZED, runner=["-O", *options])
    assert printed == "5\n6\nb'\\x07'\n"


@SIDES
def test_subclasses_that_override(side: Any) -> None:
    calls: list[Any] = []

    class Overriding(side):  # type: ignore[misc]
        def dataReceived(self, chunk: bytes) -> None:
            calls.append(("dataReceived", chunk))
            super().dataReceived(chunk[::-1])

        def gotItem(self, item: Any) -> None:
            calls.append(("gotItem", item, self.buffer))
            super().gotItem(item)

        def callExpressionReceived(self, obj: Any) -> None:
            calls.append(("callExpressionReceived", obj))
            super().callExpressionReceived(obj)

        def sendEncoded(self, obj: Any) -> None:
            calls.append(("sendEncoded", obj))
            super().sendEncoded(obj)

        def _encode(self, obj: Any, write: Any) -> None:
            calls.append(("_encode", obj))
            super()._encode(obj, write)

    protocol = connect(Overriding)
    protocol.dataReceived(b"\x81\5\x80\1")
    protocol.sendEncoded([1])
    assert protocol.got == [[5]]
    assert calls == [
        ("dataReceived", b"\x81\5\x80\1"),
        ("gotItem", 5, b"\5\x81"),
        ("gotItem", [5], b"\5\x81"),
        ("callExpressionReceived", [5]),
        ("sendEncoded", [1]),
        ("_encode", [1]),
        ("_encode", 1),
    ]


# What is read of a protocol may be Python code: it sees self.buffer, and may change things.


class Words(dict[int, bytes]):
    """A vocabulary that does something when it is asked."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self.ask = ask

    def __missing__(self, number: int) -> bytes:
        self.ask()
        return b"word"


class Compared(int):
    """A limit that does something when it is compared."""

    ask: Callable[[], object]

    def __lt__(self, other: int) -> bool:
        self.ask()
        return int(self) < other


class Dialect(bytes):
    ask: Callable[[], object]
    __hash__ = bytes.__hash__

    def __eq__(self, other: object) -> bool:
        self.ask()
        return True


def compared(kind: type, value: Any, ask: Callable[[], object]) -> Any:
    result = kind(value)
    result.ask = ask
    return result


def own_limit(ask: Callable[[], object]) -> None:
    banana.SIZE_LIMIT = compared(Compared, 1000, ask)


UNUSUAL: dict[str, Callable[[Any, Callable[[], object]], object]] = {
    "words": lambda p, ask: setattr(p, "incomingVocabulary", Words(ask)),
    "prefix limit": lambda p, ask: setattr(p, "prefixLimit", compared(Compared, 9, ask)),
    "size limit": lambda p, ask: own_limit(ask),
    "dialect": lambda p, ask: setattr(p, "currentDialect", compared(Dialect, b"pb", ask)),
}
ASKED: dict[str, Callable[[Any], object]] = {
    "look": lambda p: None,
    "set the buffer": lambda p: setattr(p, "buffer", b"\1\x81"),
    "the buffer is what is left": lambda p: setattr(p, "buffer", b"\1\x87\3\x82ab"),
    "new stack": lambda p: setattr(p, "listStack", []),
    "raise": lambda p: 1 // 0,
}


@SIDES
@pytest.mark.parametrize("asked", list(ASKED))
@pytest.mark.parametrize("unusual", list(UNUSUAL))
def test_python_code_in_what_is_read(side: Any, unusual: str, asked: str, size_limit: None) -> None:
    """As often as with stock, and with the same before its eyes."""

    def events(kind: Any) -> list[Any]:
        protocol = connect(kind)
        seen: list[Any] = protocol.got

        def ask() -> None:
            seen.append((protocol.buffer, protocol.listStack[:]))
            if len(seen) == 3:
                ASKED[asked](protocol)

        UNUSUAL[unusual](protocol, ask)
        for data in (b"\2\x80\1\x82x\1\x87\1\x87\3\x82ab", b"c\1\x81"):
            try:
                protocol.dataReceived(data)
            except Exception as error:  # noqa: BLE001 - to be compared
                seen.append(repr(error))
            seen.append((protocol.buffer, protocol.listStack[:]))
        banana.SIZE_LIMIT = 640 * 1024
        return seen

    assert events(side) == events(Stock)


@SIDES
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("name", ["prefixLimit", "listStack", "currentDialect"])
def test_properties_are_asked_as_often(side: Any, name: str, late: bool) -> None:
    def events(kind: Any) -> list[Any]:
        protocol = connect(kind)
        value = vars(protocol)[name]

        def ask(self: Any) -> Any:
            self.got.append(self.buffer)
            return value

        def change(self: Any, item: Any) -> None:
            self.got.append(item)
            setattr(type(self), name, property(ask))

        if late:
            type(protocol).expressionReceived = change
        else:
            setattr(type(protocol), name, property(ask))
        protocol.dataReceived(b"\1\x81\1\x87\2\x80\1\x81\1\x81\3\x82ab")
        protocol.dataReceived(b"c\1\x81")
        return list(protocol.got)

    assert events(side) == events(Stock)


@SIDES
def test_errors_of_another_kind(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banana, "BananaError", lambda text: KeyError(text))
    with pytest.raises(KeyError, match="longer than 64 bytes"):
        connect(side).dataReceived(b"\1" * 65 + b"\x81")
    monkeypatch.setattr(banana, "BananaError", lambda text: text)
    with pytest.raises(TypeError, match="must derive from BaseException"):
        connect(side).dataReceived(b"\1" * 65 + b"\x81")
    monkeypatch.delattr(banana, "SIZE_LIMIT")
    protocol = connect(side)
    protocol.dataReceived(b"\1\x81")
    protocol.sendEncoded(7)
    with pytest.raises(NameError, match="SIZE_LIMIT"):
        protocol.dataReceived(b"\1\x82x")
    with pytest.raises(NameError, match="SIZE_LIMIT"):
        protocol.sendEncoded(b"x")
    assert (protocol.got, protocol.buffer) == ([1], b"\1\x82x")


@SIDES
def test_methods_of_the_instance(side: Any) -> None:
    calls: list[Any] = []
    protocol = connect(side)
    protocol.gotItem = calls.append
    protocol._encode = lambda obj, write: write(b"own")
    protocol.dataReceived(b"\5\x81")
    protocol.sendEncoded(5)
    assert calls == [5]
    assert protocol.transport.value() == b"own"
    del protocol.gotItem, protocol._encode
    protocol.dataReceived(b"\6\x81")
    protocol.sendEncoded(5)
    assert protocol.got == [6]
    assert protocol.transport.value() == b"own\5\x81"


@SIDES
def test_arguments(side: Any) -> None:
    protocol = connect(side)
    protocol.dataReceived(chunk=b"\5\x81")
    protocol.dataReceived(bytearray(b"\6\x81"))
    protocol.sendEncoded(obj=5)
    assert (protocol.got, protocol.transport.value()) == ([5, 6], b"\5\x81")
    for wrong in ("text", None, 5):
        with pytest.raises(TypeError):
            protocol.dataReceived(wrong)
    with pytest.raises(TypeError):
        protocol.dataReceived()
    with pytest.raises(TypeError):
        protocol.sendEncoded()


@SIDES
def test_deeply_nested_lists(side: Any) -> None:
    """Received without recursion."""
    depth = 100_000
    protocol = connect(side)
    protocol.dataReceived(b"\1\x80" * depth)
    assert len(protocol.listStack) == depth
    protocol.listStack.clear()


def test_a_chunk_of_many_expressions_is_not_copied_for_each() -> None:
    """The rest is shown where it lies, as the buffer of the protocol."""
    kinds = set()

    def look(self: Any, expression: Any) -> None:
        kinds.add(type(vars(self)["buffer"]).__name__)
        self.rest = len(vars(self)["buffer"])

    protocol = connect(Fast, expressionReceived=look)
    protocol.dataReceived(b"\1\x81" * 5000 + b"\1\x80")
    assert kinds == {"FramingBuffer"}
    assert protocol.rest == 4
    assert protocol.listStack == [(1, [])]


def test_a_large_string_moves_in_memory_a_few_times_only(size_limit: None) -> None:
    """Work, not time: each change of the buffer's room copies it once."""
    banana.SIZE_LIMIT = 1 << 30
    protocol = connect(Fast)
    protocol.dataReceived(digits(1 << 24) + b"\x82")
    buffer = vars(protocol)["buffer"]
    rooms: list[int] = []
    for _ in range((8 << 20) // 1460):
        protocol.dataReceived(b"x" * 1460)
        if not rooms or rooms[-1] != sys.getsizeof(buffer):
            rooms.append(sys.getsizeof(buffer))
    assert len(rooms) < 40
    assert sum(rooms) < 4 * rooms[-1]


# ---- sending


def own_text(value: Any) -> str:
    return f"Banana cannot send builtins.{type(value).__name__} objects: {value!r}"


@SIDES
@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (2**448, f"int is too large to send ({2**448})"),
        (-(2**448), f"int is too large to send ({-(2**448)})"),
        ([1, ("text",)], own_text("text")),
        (None, own_text(None)),
        ({}, own_text({})),
        (bytes(banana.SIZE_LIMIT + 1), f"byte string is too long to send ({640 * 1024 + 1})"),
        ([0] * (banana.SIZE_LIMIT + 1), f"list/tuple is too long to send ({640 * 1024 + 1})"),
    ],
)
def test_what_cannot_be_sent(side: Any, expression: Any, text: str) -> None:
    protocol = connect(side)
    with pytest.raises(BananaError) as caught:
        protocol.sendEncoded([b"before", expression])
    assert str(caught.value) == text
    assert protocol.transport.value() == b""


@SIDES
def test_numbers_beyond_a_small_limit(side: Any) -> None:
    protocol = connect(side)
    protocol.setPrefixLimit(2)
    protocol.sendEncoded([2**14 - 1, -(2**14) + 1])
    for number in (2**14, -(2**14)):
        with pytest.raises(BananaError, match="too large"):
            protocol.sendEncoded(number)
    assert protocol.transport.value() == encoded([2**14 - 1, -(2**14) + 1])


@SIDES
def test_all_floats(side: Any) -> None:
    protocol = connect(side)
    patterns = (0x7FF8000000000001, 0xFFF0000000000000, 0x8000000000000000, 1)
    for pattern in patterns:
        [number] = struct.unpack("!d", struct.pack("!Q", pattern))
        protocol.sendEncoded(number)
        protocol.dataReceived(b"\x84" + struct.pack("!Q", pattern))
    assert protocol.transport.value() == b"".join(
        b"\x84" + struct.pack("!Q", pattern) for pattern in patterns
    )
    assert [struct.pack("!d", each) for each in protocol.got] == [
        struct.pack("!Q", pattern) for pattern in patterns
    ]


@SIDES
def test_too_deep_to_send(side: Any) -> None:
    protocol = connect(side)
    circular: list[Any] = []
    circular.append(circular)
    with pytest.raises(RecursionError):
        protocol.sendEncoded(circular)
    deep: Any = 1
    for _ in range(sys.getrecursionlimit() + 1):
        deep = [deep]
    with pytest.raises(RecursionError):
        protocol.sendEncoded(deep)
    assert protocol.transport.value() == b""


@SIDES
def test_a_list_that_grows_while_it_is_sent(side: Any) -> None:
    growing: list[Any] = [b"first"]

    class Growing(bytes):
        def __len__(self) -> int:
            growing.append(b"last")
            return 1

    growing.append(Growing(b"x"))
    protocol = connect(side, b"none")
    protocol.sendEncoded(growing)
    protocol.sendEncoded([])
    assert protocol.transport.value().startswith(b"\2\x80\5\x82first\1\x82x\4\x82last")


@SIDES
def test_a_client_and_a_server_agree(side: Any) -> None:
    ready: list[str] = []

    def connected(name: str) -> Any:
        return lambda self: ready.append(name)

    server = type("Server", (side,), {"connectionReady": connected("server")})(isClient=0)
    client = type("Client", (side,), {"connectionReady": connected("client")})()
    for each in (server, client):
        each.makeConnection(StringTransport())
    client.dataReceived(server.transport.value())
    server.dataReceived(client.transport.value())
    assert ready == ["client", "server"]
    assert server.currentDialect == client.currentDialect == b"pb"
    stranger = type("Client", (side,), {"knownDialects": [b"other"]})()
    stranger.makeConnection(StringTransport())
    stranger.dataReceived(server.transport.value())
    assert stranger.transport.disconnecting
    assert stranger.currentDialect is None


# ---- memory


def test_no_leaks() -> None:
    protocol = connect(Fast)
    values = [b"a string", 2**70, 1.5, [b"x", (b"y",)], b"uncache"]
    data = encoded(values)

    def work() -> None:
        protocol.dataReceived(data[:9])
        protocol.dataReceived(data[9:])
        protocol.sendEncoded(values)
        for wrong in (b"\x99", b"\x63\x87", b"\1" * 70):
            with contextlib.suppress(NotImplementedError, KeyError, BananaError):
                protocol.dataReceived(wrong)
            protocol.buffer = b""
        with contextlib.suppress(BananaError):
            protocol.sendEncoded([values, None])
        protocol.got.clear()
        protocol.transport.clear()

    # Caches may still fill in one round or another; a leak of one block would be in all.
    growths = []
    for _ in range(6):
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(300):
            work()
        gc.collect()
        growths.append(sys.getallocatedblocks() - before)
    assert min(growths) < 150, growths
    counts = [sys.getrefcount(each) for each in values]
    for _ in range(100):
        protocol.sendEncoded(values)
    assert [sys.getrefcount(each) for each in values] == counts


@pytest.mark.parametrize("failing", range(25))
def test_without_memory(failing: int) -> None:
    """Nothing is lost that had come before, and nothing is freed twice."""
    testcapi: Any = pytest.importorskip("_testcapi")
    protocol = connect(Fast)
    data = encoded([[1, b"x" * 600, 2**80, 1.5]] * 3)
    expression = [[1, (b"x" * 600,)] * 9] * 3
    for work in (lambda: protocol.dataReceived(data), lambda: protocol.sendEncoded(expression)):
        testcapi.set_nomemory(failing, failing + 1)
        try:
            work()
        except (MemoryError, SystemError):  # the last where CPython has lost the first
            pass
        finally:
            testcapi.remove_mem_hooks()
    protocol = connect(Fast)
    protocol.dataReceived(data)
    assert protocol.got == [[[1, b"x" * 600, 2**80, 1.5]] * 3]


@pytest.mark.parametrize("what", ["stack", "contents", "buffer", "dict", "class"])
def test_a_collection_that_changes_the_protocol(what: str) -> None:
    """A new list may run a collection, and so anything."""
    data = encoded([[[[1, b"x"] for _ in range(5)] for _ in range(5)] for _ in range(5)])

    class Trap:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            if what == "stack":
                protocol.listStack = []
            elif what == "contents":
                protocol.listStack.clear()
            elif what == "buffer":
                protocol.buffer = b"other"
            elif what == "dict":
                protocol.__dict__ = dict(vars(protocol))
            else:
                protocol.__class__ = type("Other", (Fast,), {"expressionReceived": print})

    thresholds = gc.get_threshold()
    gc.freeze()  # what there is already need not be looked at each time
    try:
        for _ in range(20):
            protocol = connect(Fast)
            gc.collect()
            Trap()
            gc.set_threshold(3)
            with contextlib.suppress(IndexError, NotImplementedError, KeyError, BananaError):
                protocol.dataReceived(data)  # what is left then may not fit together
            gc.set_threshold(*thresholds)
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


# ---- activation

ACTIVATED = """
from twisted.spread import banana
data = banana.encode([1, -2, 2.5, b"x", [b"None"]])
print(data == b"\\5\\x80\\1\\x81\\2\\x83\\x84@\\4\\0\\0\\0\\0\\0\\0\\1\\x82x\\1\\x80\\4\\x82None")
print(banana.decode(data))
print(type(banana.Banana.__dict__["dataReceived"]).__name__)
print(type(banana.Banana.__dict__["sendEncoded"]).__name__)
"""


def test_the_module_with_the_drop_in() -> None:
    printed = check(ACTIVATED, runner=PYREACTOR).split("\n")
    assert printed[:2] == ["True", "[1, -2, 2.5, b'x', [b'None']]"]
    assert printed[2:4] == ["StandIn"] * 2
    switched_off = check(ACTIVATED, runner=PYREACTOR, env={"PYREACTOR_DISABLE": "framing"})
    assert switched_off.split("\n")[2:4] == ["function"] * 2


LATE = """
import twisted.protocols.basic
from twisted.internet.testing import StringTransport
from twisted.spread import banana, pb
from pyreactor._activation import framing

protocol = pb.Broker()
got = []
protocol.expressionReceived = got.append
protocol.makeConnection(StringTransport())
protocol.currentDialect = b"pb"
protocol.dataReceived(b"\\2\\x80\\5\\x81\\3\\x82ab")
framing.activate(banana)
framing.activate(twisted.protocols.basic)
assert protocol.buffer == b"\\3\\x82ab", protocol.buffer
protocol.dataReceived(b"c")
assert (got, protocol.buffer) == ([[5, b"abc"]], b""), got
assert type(vars(protocol)["buffer"]).__name__ == "FramingBuffer"
names = "twisted.protocols.basic and twisted.spread.banana"
assert framing.status() == (True, f"all receivers of {names} parse in C"), framing.status()
"""


def test_activation_reaches_connections_that_exist() -> None:
    check(LATE)


PATCHED = """
import functools
import twisted.protocols.basic
from twisted.internet.testing import StringTransport
from twisted.spread import banana
from pyreactor._activation import framing

stock = banana.Banana.{name}

@functools.wraps(stock)
def own(*arguments):
    called.append(True)
    return stock(*arguments)

called, got = [], []
if not {wraps}:
    own.__module__ = "somewhere"
banana.Banana.{name} = own
framing.activate(twisted.protocols.basic)
framing.activate(banana)
assert banana.Banana.{name} is own
protocol = banana.Banana()
protocol.expressionReceived = got.append
protocol.makeConnection(StringTransport())
protocol.currentDialect = b"pb"
protocol.dataReceived(b"\\1\\x82x")
protocol.sendEncoded(1)
assert got == [b"x"] and called, (got, called)
print(*(type(vars(banana.Banana)[name]).__name__ for name in ("dataReceived", "sendEncoded")))
print(*framing.status())
"""


@pytest.mark.parametrize("wraps", [False, True], ids=["named otherwise", "wraps"])
@pytest.mark.parametrize("name", ["dataReceived", "gotItem", "sendEncoded", "_encode"])
def test_activation_leaves_what_somebody_has_replaced(name: str, wraps: bool) -> None:
    receives = name in ("sendEncoded", "_encode")
    printed = check(PATCHED.format(name=name, wraps=wraps)).split("\n")
    assert printed[0] == ("StandIn function" if receives else "function function")
    assert printed[1].startswith("True" if receives else "False Banana: dataReceived is not")


STEPS = """
import functools
import re
from twisted.internet.testing import StringTransport
from twisted.protocols import basic
from pyreactor._activation import framing

stock = basic.{owner}.{name}
called, got = [], []

class Pattern:
    pattern = b"other"

    def __getattr__(self, name):
        called.append(name)
        return getattr(stock, name)

if isinstance(stock, re.Pattern):
    own = Pattern()
else:
    @functools.wraps(stock)
    def own(*arguments):
        called.append(arguments)
        return stock(*arguments)

basic.{owner}.{name} = own
framing.activate(basic)
assert vars(basic.{owner})["{name}"] is own
protocol = basic.{owner}()
protocol.lineReceived = protocol.stringReceived = got.append
protocol.makeConnection(StringTransport())
protocol.dataReceived({data!r})
protocol.dataReceived({more!r})
assert got == [b"abc"], got
print(bool(called), type(vars(basic.{owner})["dataReceived"]).__name__)
"""

LINE = ("LineReceiver", b"abc\r\n", b"")
NETSTRING = ("NetstringReceiver", b"3", b":abc,")


@pytest.mark.parametrize(
    ("name", "receiver"),
    [
        ("dataReceived", LINE),
        ("dataReceived", ("LineOnlyReceiver", *LINE[1:])),
        *((name, NETSTRING) for name in ("dataReceived", "makeConnection")),
        *(
            (name, NETSTRING)
            for name in REPLACED["NetstringReceiver"]
            if not name.startswith("_PARSING")
        ),
    ],
)
def test_activation_leaves_the_steps_of_the_other_receivers(
    name: str, receiver: tuple[str, bytes, bytes]
) -> None:
    owner, data, more = receiver
    printed = check(STEPS.format(owner=owner, name=name, data=data, more=more))
    assert printed.split() == ["True", "function"]


def test_only_python_functions_have_globals() -> None:
    for wrong in (len, None):
        with pytest.raises(TypeError, match="must be function"):
            _core.FramingMethod("banana", wrong, {})  # type: ignore[arg-type]
