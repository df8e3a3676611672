"""Functions of ``twisted.protocols.amp`` by Twisted's own code and by ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.protocols import amp, basic
from twisted.python import log

from pyreactor._framing import amp as ours
from tests.given_code import given_functions, own_code_of

ours.install()

GIVEN = given_functions(ours.FUNCTIONS)


def outcome(run: Callable[..., Any], *args: Any) -> Any:
    """What a call gives, or raises."""
    try:
        return run(*args)
    except Exception as error:
        return type(error), str(error), vars(error)


def check(run: Callable[..., Any], *args: Any) -> Any:
    """The same on both sides, which is given back; twice, as some of it is kept."""
    with own_code_of(GIVEN):
        expected = outcome(run, *args)
    assert outcome(run, *args) == expected
    assert outcome(run, *args) == expected
    return expected


def test_all_functions_are_given_other_code() -> None:
    assert ours.stock_functions() == []
    assert all(code is not stock for _, code, stock in GIVEN)


# ---- names ----

NAMES = [b"a", b"a-b", b"from", b"From", b"print", b"", b"-", b"\xff", b"if-", "a", "a-b", None, 1]


@pytest.mark.parametrize("name", [*NAMES, bytearray(b"a-b"), memoryview(b"a")])
def test_names(name: Any) -> None:
    check(amp._wireNameToPythonIdentifier, name)


def test_keywords_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(amp._wireNameToPythonIdentifier, b"word") == "word"
    monkeypatch.setattr(amp, "PYTHON_KEYWORDS", [*amp.PYTHON_KEYWORDS, "word"])
    assert check(amp._wireNameToPythonIdentifier, b"word") == "Word"
    monkeypatch.undo()
    amp.PYTHON_KEYWORDS.append("word")
    try:
        assert check(amp._wireNameToPythonIdentifier, b"word") == "Word"
    finally:
        amp.PYTHON_KEYWORDS.remove("word")
    assert check(amp._wireNameToPythonIdentifier, b"word") == "word"


def test_names_that_are_noted_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "identifiers", {})
    monkeypatch.setattr(ours, "handlers", {})
    monkeypatch.setattr(ours, "MOST", 3)
    for number in range(10):
        assert amp._wireNameToPythonIdentifier(b"n-%d" % number) == f"n_{number}"
        assert ours.handler(f"proto_{number}") == f"proto_{number}"
    assert (len(ours.identifiers), len(ours.handlers)) == (3, 3)


def test_long_states_are_not_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "handlers", {})
    for length in (ours.LONGEST, ours.LONGEST + 1):
        name = "proto_".ljust(length, "x")
        assert ours.handler(name) == name
    assert [len(name) for name in ours.handlers.values()] == [ours.LONGEST]


def test_a_state_that_makes_another_name_changes_no_other_protocol() -> None:
    class Odd(str):
        def __radd__(self, other: str) -> str:
            return "other_first"

    class Protocol(basic.StatefulStringProtocol):
        def proto_first(self, string: bytes) -> str:
            return "by its name"

        def other_first(self, string: bytes) -> str:
            return "by another"

    def states() -> list[str]:
        seen = []
        for state in (Odd("odd"), "first"):
            protocol = Protocol()
            protocol.state = state
            protocol.stringReceived(b"")
            seen.append(protocol.state)
        return seen

    assert check(states) == ["by another", "by its name"]


# ---- boxes ----

SHORT = st.binary(max_size=4)
KEYS: Any = SHORT | st.sampled_from([b"k" * 255, b"k" * 256, "key", 1])
VALUES: Any = SHORT | st.sampled_from(
    [b"v" * 255, b"v" * 256, b"v" * 65535, b"v" * 65536, "value", None, bytearray(b"v"), b""]
)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=4))
def test_boxes(items: list[tuple[Any, Any]]) -> None:
    box = amp.AmpBox()
    for key, value in items:
        dict.__setitem__(box, key, value)  # type: ignore[type-var]
    check(box.serialize)


def test_limits_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amp, "MAX_KEY_LENGTH", 2)
    assert check(amp.AmpBox({b"key": b"value"}).serialize)[0] is amp.TooLong
    monkeypatch.undo()
    monkeypatch.setattr(amp, "pack", lambda *args: b"own")
    assert check(amp.AmpBox({b"key": b"value"}).serialize) == b"ownkeyownvalueown"


def test_a_box_of_the_programs() -> None:
    class Box(amp.AmpBox):
        __slots__ = ()

        def items(self) -> Any:
            return [(b"z", b"1"), (b"a", b"2")]

    assert check(Box().serialize) == b"\0\1a\0\x012\0\1z\0\x011\0\0"


# ---- states ----


class Stateful(basic.StatefulStringProtocol, basic.Int16StringReceiver):  # type: ignore[misc]
    """Goes from state to state, as it is told."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def proto_init(self, string: bytes) -> Any:
        self.seen.append(("init", string))
        return {b"one": "one", b"none": None, b"text": Text("one"), b"9": 9}.get(string, "done")

    def proto_one(self, string: bytes) -> str:
        self.seen.append(("one", string))
        if string == b"missing":
            raise AttributeError("a program's")
        return "unknown" if string == b"unknown" else "init"


class Text(str):
    """A text that is another one in sums."""

    __slots__ = ()

    def __radd__(self, other: str) -> str:
        return other + "init"


@given(st.lists(st.sampled_from([b"one", b"none", b"9", b"text", b"unknown", b"missing", b"x"])))
def test_states(strings: list[bytes]) -> None:
    def run() -> list[Any]:
        protocol = Stateful()
        transport = StringTransport()
        protocol.makeConnection(transport)
        logged: list[Any] = []
        log.addObserver(logged.append)
        try:
            for string in strings:
                protocol.seen.append(outcome(protocol.stringReceived, string))
        finally:
            log.removeObserver(logged.append)
        messages = [event["message"] for event in logged]
        return [*protocol.seen, protocol.state, transport.disconnecting, messages]

    check(run)
