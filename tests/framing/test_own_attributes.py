"""What a protocol has itself: its attributes, beside the buffer that a framing keeps there."""

from __future__ import annotations

import copy
import ctypes
import gc
import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.protocols import basic as stock

from pyreactor import basic
from tests.support import CHECKOUT, PROGRAMS


def connected(type_: Callable[[], Any]) -> Any:
    protocol = type_()
    protocol.makeConnection(StringTransport())
    return protocol


class Lines(basic.LineReceiver):
    def connectionMade(self) -> None:
        self.lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line)


def python(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


# ---- names and places


def test_names_that_come_after_an_instance_have_a_place_in_it() -> None:
    class Plain(Lines):
        pass

    old = [connected(Plain) for _ in range(5)]
    for number in range(40):
        young = connected(Plain)
        setattr(young, f"name{number}", number)
        young.dataReceived(b"%d\r\npart" % number)
        assert young.lines == [b"%d" % number]
    for protocol in old:
        for number in range(40):
            setattr(protocol, f"name{number}", number)
        protocol.dataReceived(b"a line\r\npart")
        protocol.MAX_LENGTH = 3
        assert [getattr(protocol, f"name{n}") for n in range(40)] == list(range(40))
        assert (protocol.lines, protocol._buffer) == ([b"a line"], b"part")


def test_the_order_of_attributes_is_that_of_setting() -> None:
    class Plain(Lines):
        pass

    for _ in range(3):
        protocol = connected(Plain)
        protocol.one = 1
        protocol._buffer = b"x"
        protocol.two = 2
        del protocol.one
        protocol.dataReceived(b"part")
        protocol.one = 1
        names = [n for n in vars(protocol) if n in ("one", "two")]
        assert names == ["two", "one"]


# ---- what a handler changes, one thing and many


class AtTheEnd:
    """Does something when its last reference goes."""

    def __init__(self, do: Callable[[], object]) -> None:
        self.do = do

    def __del__(self) -> None:
        self.do()


def closing_transport() -> Any:
    transport = StringTransport()
    transport.disconnecting = True
    return transport


def ends_with_a_change(protocol: Any) -> None:
    protocol.n = AtTheEnd(lambda: setattr(protocol, "delimiter", b"!"))
    protocol.n = 0


def ends_with_data(protocol: Any) -> None:
    protocol.n = AtTheEnd(lambda: protocol.dataReceived(b"inner;n\r\nnext;n\r\n"))
    protocol.n = 0


def another_at_the_end(protocol: Any) -> None:
    protocol.last = 1
    vars(protocol).popitem()
    protocol.delimiter = b"!"


def in_place_of_another(protocol: Any) -> None:
    protocol.m = 1
    del protocol.m
    protocol.delimiter = b"!"


#: by one letter: what a line tells its handler to do, beside noting it
DOINGS: dict[str, Callable[[Any], object]] = {
    "n": lambda p: setattr(p, "n", p.n + 1000),
    "s": lambda p: setattr(p, "n", p.n),
    "m": lambda p: setattr(p, "m", [p.n]),
    "d": lambda p: vars(p).pop("m", None),
    "!": lambda p: setattr(p, "delimiter", b"!"),
    "r": lambda p: setattr(p, "delimiter", b"\r\n"),
    "u": lambda p: vars(p).update(n=p.n + 1, delimiter=b"!"),
    "x": lambda p: setattr(p, "MAX_LENGTH", 4),
    "c": lambda p: setattr(p, "transport", closing_transport()),
    "t": lambda p: setattr(p, "transport", StringTransport()),
    "h": lambda p: setattr(p, "lineReceived", lambda line: p.notes.append((b"own", line))),
    "w": lambda p: setattr(p, "__dict__", dict(vars(p))),
    "e": ends_with_a_change,
    "f": ends_with_data,
    "l": another_at_the_end,
    "i": in_place_of_another,
}


def noting(base: type) -> Any:
    class Noting(base):  # type: ignore[misc]
        n = 0

        def connectionMade(self) -> None:
            self.notes: list[Any] = []
            self.n = 1

        def lineReceived(self, line: bytes) -> None:
            self.notes.append(line)
            for letter in line.partition(b";")[2].decode("ascii"):
                DOINGS.get(letter, lambda _: None)(self)

        def lineLengthExceeded(self, line: bytes) -> None:
            self.notes.append((b"too long", line))

    return connected(Noting)


@pytest.mark.parametrize("name", ["LineReceiver", "LineOnlyReceiver"])
@settings(max_examples=int(os.environ.get("PYREACTOR_FRAMING_EXAMPLES", "300")), deadline=None)
@given(
    chunks=st.lists(
        st.lists(
            st.tuples(
                st.text("nnnnsmd!ruxcthweflid", max_size=3), st.sampled_from([b"\r\n", b"!"])
            ),
            max_size=6,
        ),
        max_size=8,
    )
)
def test_a_handler_may_change_anything(name: str, chunks: list[list[tuple[str, bytes]]]) -> None:
    seen = []
    for module in (stock, basic):
        protocol = noting(getattr(module, name))
        for chunk in chunks:
            data = b"".join(b"a;" + todo.encode() + end for todo, end in chunk)
            protocol.dataReceived(data)
        seen.append((protocol.notes, protocol.n, protocol._buffer))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("calls", range(1, 9))
def test_attributes_after_so_many_calls(calls: int) -> None:
    """However often it has received, and whatever keys its dict has by then."""
    for change in DOINGS:
        seen = []
        for module in (stock, basic):
            protocol = noting(module.LineReceiver)
            for _ in range(calls):
                protocol.dataReceived(b"one;n\r\n")
            protocol.dataReceived(b"two;" + change.encode() + b"\r\nthree;n\r\nfour!five\r\n")
            seen.append((protocol.notes, protocol.n, protocol._buffer))
        assert seen[0] == seen[1], change


# ---- instances of many kinds


class Slots(Lines):
    __slots__ = ("extra",)


class Failing(Lines, ValueError):
    pass


class Listed(Lines, list):  # type: ignore[type-arg]
    pass


class Meta(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__call__(*args, **kwargs)
        instance.made_by = cls
        return instance


class Classy(Lines, metaclass=Meta):
    pass


@pytest.mark.parametrize("type_", [Lines, Slots, Failing, Listed, Classy])
def test_instances_of_many_kinds_of_class(type_: type[Lines]) -> None:
    for _ in range(3):
        protocol = connected(type_)
        protocol.dataReceived(b"one\r\ntw")
        protocol.extra = protocol.count = 3
        protocol.dataReceived(b"o\r\nthr")
        assert protocol.lines == [b"one", b"two"]
        assert (protocol._buffer, protocol.extra, protocol.count) == (b"thr", 3, 3)
        assert "lines" in vars(protocol)
        protocol.dataReceived(b"ee\r\n")
        assert protocol.lines == [b"one", b"two", b"three"]


class Other(Lines):
    delimiter = b";"


def change_class(protocol: Any) -> None:
    protocol.__class__ = Other
    protocol.__class__ = Lines


def replace_dict(protocol: Any) -> None:
    protocol.__dict__ = dict(vars(protocol))


def copy_dict(protocol: Any) -> None:
    transport, protocol.transport = protocol.transport, None
    assert pickle.loads(pickle.dumps(protocol)).lines == protocol.lines
    assert copy.copy(protocol)._buffer == protocol._buffer
    protocol.transport = transport


def change_type(protocol: Any) -> None:
    Lines.delimiter = b"\n"
    Lines.delimiter = b"\r\n"


CHANGES: list[Callable[[Any], object]] = [
    vars,
    change_class,
    replace_dict,
    copy_dict,
    change_type,
    weakref.ref,
]


@pytest.mark.parametrize(
    ("when", "change"),
    [("between", change) for change in CHANGES]
    # The list of the test cannot be pickled.
    + [("within", change) for change in CHANGES if change is not copy_dict],
)
def test_what_changes_an_instance_between_and_within_messages(
    when: str, change: Callable[[Any], object]
) -> None:
    class Waiting(list):  # type: ignore[type-arg]
        protocol: Any = None

        def append(self, line: bytes) -> None:
            super().append(line)
            if line == b"change":
                change(self.protocol)

    for _ in range(3):
        protocol = connected(Lines)
        if when == "within":
            protocol.lines = Waiting()
            protocol.lines.protocol = protocol
        protocol.dataReceived(b"one\r\nchange\r\ntwo\r\npa")
        if when == "between":
            change(protocol)
        protocol.dataReceived(b"rt\r\n")
        assert protocol.lines == [b"one", b"change", b"two", b"part"]


def test_another_class_takes_over_in_the_middle() -> None:
    for _ in range(3):
        protocol = connected(Lines)
        protocol.dataReceived(b"one\r\ntw")
        protocol.__class__ = Other
        protocol.dataReceived(b"o;thr")
        protocol.__class__ = Lines
        protocol.dataReceived(b"ee\r\n")
        assert protocol.lines == [b"one", b"two", b"three"]


# ---- code that runs when a value goes


class Going:
    """Does something when it goes."""

    done: ClassVar[list[Any]] = []

    def __init__(self, protocol: Any, action: Callable[[Any], object]) -> None:
        self.protocol = weakref.ref(protocol)
        self.action = action

    def __del__(self) -> None:
        self.done.append(self.action(self.protocol()))


@pytest.mark.parametrize(
    "action",
    [
        vars,
        lambda protocol: protocol.dataReceived(b"inner\r\n"),
        lambda protocol: setattr(protocol, "_buffer", b"inner\r\n"),
        lambda protocol: setattr(protocol, "__class__", Other),
        lambda protocol: protocol.__dict__.clear(),
    ],
)
def test_a_value_that_goes_does_something(action: Callable[[Any], object]) -> None:
    for _ in range(3):
        protocol = connected(Lines)
        protocol._buffer = Going(protocol, action)
        before = len(Going.done)
        protocol._buffer = b"outer"
        assert len(Going.done) == before + 1
        assert isinstance(protocol._buffer, bytes)
        vars(protocol).setdefault("lines", [])
        protocol.dataReceived(b"\r\n;")


@pytest.mark.parametrize("count", range(4, 20))
def test_a_protocol_that_is_being_taken_apart_receives(count: int) -> None:
    """It has as many attributes as it can have without a __dict__."""

    class Plain(Lines):
        pass

    names = [f"name{number}" for number in range(count)]
    connected(Plain).dataReceived(b"x")
    second = connected(Plain)
    second.dataReceived(b"x")
    for name in (*names, "cycle"):
        setattr(second, name, 1)
    for _ in range(30):  # so that there is no room for more
        connected(Plain)
    protocol = connected(Plain)
    protocol.dataReceived(b"part")
    for name in names:
        setattr(protocol, name, 1)
    protocol.cycle = protocol
    # The garbage collector does not know code, so this is called when the protocol's
    # attributes before it have gone already.
    protocol.last = compile("1", "", "eval")
    contents: list[bytes] = []
    address = id(protocol)

    def gone(_: object) -> None:
        protocol = ctypes.cast(address, ctypes.py_object).value
        protocol.dataReceived(b"late")
        contents.append(protocol._buffer)

    noticed = weakref.ref(protocol.last, gone)
    del protocol
    gc.collect()
    assert contents == [b"late"]
    assert noticed() is None


# ---- the view


def test_a_good_value_at_the_address_of_a_bad_one_is_seen() -> None:
    class Plain(basic.BatchLineReceiver):
        got: ClassVar[list[bytes]] = []

        def linesReceived(self, lines: list[bytes]) -> None:
            self.got.extend(lines)

    size = 20
    for _ in range(2):
        protocol = connected(Plain)
        protocol.dataReceived(b"")
        protocol.delimiter = b";"
    for _ in range(30):
        protocol = connected(Plain)
        protocol.delimiter = bytearray(b";")
        address = id(protocol.delimiter)
        with pytest.raises(TypeError):
            protocol.dataReceived(b"a;")
        protocol.delimiter = None
        protocol.delimiter = b"=" * size
        if id(protocol.delimiter) == address:
            break
    else:
        pytest.skip("the allocator never gives the same memory again")
    Plain.got.clear()
    protocol.dataReceived(b"=" * size + b"b" + b"=" * size)
    assert b"b" in Plain.got


def test_finalizers_that_change_what_receives() -> None:
    """Wherever a collection runs them. On stock, CPython 3.11 itself may crash in this program."""
    program = PROGRAMS / "collected_while_receiving.py"
    printed = python("-m", "pyreactor", str(program)).splitlines()
    assert len(printed) == 25
    assert all(line.endswith(" True") for line in printed), printed


def test_the_first_instance_of_a_class_that_has_a_finalizer_or_is_no_plain_object() -> None:
    """No instance is made beside it, which somebody could see end."""
    ended = []

    class Ends(basic.LineReceiver):
        def __del__(self) -> None:
            ended.append(vars(self).get("name"))

    class Counted(basic.LineReceiver, dict):  # type: ignore[type-arg, misc]
        pass

    for class_ in (Ends, Counted):
        protocol = connected(class_)
        protocol.name = class_.__name__
        protocol.dataReceived(b"a part")
        assert protocol._buffer == b"a part"
        del protocol
    gc.collect()
    assert ended == ["Ends"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a known difference: docs/framing.md")
@pytest.mark.parametrize("how", ["in place", "twice", "by another's"])
def test_as_many_other_names_are_noticed(how: str) -> None:
    """The dict has another name, one that counts, in the place of one that does not."""
    protocol = connected(Lines)
    protocol.irrelevant = True
    protocol.dataReceived(b"a\r\n")
    own = vars(protocol)
    names = {("paused" if name == "irrelevant" else name): own[name] for name in own}
    if how == "in place":
        own.clear()
        own.update(names)
    elif how == "twice":
        del own
        protocol.__dict__ = {}
        protocol.__dict__ = dict(names)
    else:
        protocol.__dict__ = names
        del own
    protocol.dataReceived(b"b\r\n")
    assert protocol.lines == [b"a"]
    del protocol.paused
    protocol.dataReceived(b"")
    assert protocol.lines == [b"a", b"b"]


def test_a_name_in_the_place_of_the_last_is_noticed() -> None:
    class Popping(Lines):
        def lineReceived(self, line: bytes) -> None:
            super().lineReceived(line)
            if line == b"pop":
                assert vars(self).popitem() == ("irrelevant", 1)
                self.paused = True

    protocol = connected(Popping)
    for line in (b"a\r\n", b"b\r\n"):
        protocol.dataReceived(line)
    protocol.irrelevant = 1
    protocol.dataReceived(b"c\r\npop\r\nd\r\n")
    assert protocol.lines == [b"a", b"b", b"c", b"pop"]


def test_names_that_come_and_go_leave_the_order_of_attributes() -> None:
    protocol = connected(Lines)
    protocol.dataReceived(b"a\r\n")
    before = list(vars(protocol))
    for number in range(30):
        setattr(protocol, f"name{number}", number)
        protocol.dataReceived(b"b\r\n")
        if number % 3:
            delattr(protocol, f"name{number}")
            protocol.dataReceived(b"c\r\n")
    assert list(vars(protocol))[: len(before)] == before
    protocol.paused = True
    protocol.dataReceived(b"d\r\n")
    assert len(protocol.lines) == 1 + 30 + 20


def test_a_name_that_goes_in_the_first_data_makes_room_for_no_other() -> None:
    class Plain(Lines):
        delimiter = b"\n"

        def lineReceived(self, line: bytes) -> None:
            super().lineReceived(line)
            if line == b"names":
                self.first = 5
                self.line_mode = 1
                self.last = 1
            elif line == b"raw":
                del self.first
                self.setRawMode()
                self.other = 3
            elif line == b"own":
                del self.first
                self.lineReceived = self.own  # type: ignore[method-assign]

        def own(self, line: bytes) -> None:
            self.lines.append(b"own " + line)

        def rawDataReceived(self, data: bytes) -> None:
            self.lines.append(b"raw " + data)

    for _ in range(3):
        protocol = connected(Plain)
        protocol.dataReceived(b"names\nb\nraw\nc\nd\n")
        assert protocol.lines == [b"names", b"b", b"raw", b"raw c\nd\n"]
        protocol = connected(Plain)
        protocol.dataReceived(b"names\nb\nown\nc\nd\n")
        assert protocol.lines == [b"names", b"b", b"own", b"own c", b"own d"]


def test_a_name_that_comes_as_another_goes_is_noticed_by_who_asks_first() -> None:
    class Plain(Lines):
        def lineReceived(self, line: bytes) -> None:
            super().lineReceived(line)
            if line == b"less":
                self.MAX_LENGTH = 1

        def lineLengthExceeded(self, line: bytes) -> None:
            del self.MAX_LENGTH
            self.line_mode = 1

    for others in range(12):
        protocol = connected(Plain)
        for number in range(others):
            setattr(protocol, f"name{number}", number)
        for data in (b"less\r\n", b"more\r\n", b"y\r\nlonger\r\n"):
            protocol.dataReceived(data)
        assert protocol.lines == [b"less", b"y", b"longer"]


@pytest.mark.parametrize("base", [basic.Int8StringReceiver, stock.Int8StringReceiver])
def test_a_limit_set_after_data_within_data_holds_for_more_of_it(base: Any) -> None:
    class Strings(base):  # type: ignore[misc]
        def connectionMade(self) -> None:
            self.got: list[Any] = []

        def stringReceived(self, string: bytes) -> None:
            self.got.append(string)
            if string == b"1" and self.got.count(b"1") == 1:
                self.dataReceived(b"abc")
            elif self.got.count(b"2") == 2 and string == b"2":
                self.MAX_LENGTH = 5
            elif self.got.count(b"3") == 2:
                self.dataReceived(b"d")

        def lengthLimitExceeded(self, length: int) -> None:
            self.got.append(length)

    protocol = connected(Strings)
    protocol.dataReceived(b"\x011\x012\x013")
    assert protocol.got == [b"1", b"1", b"2", b"3", b"2", b"3", 97]
