"""Code that a finalizer runs in the middle of parsing, and what it changes."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pyreactor import basic
from tests.banana_model import Fast
from tests.collections_at import finalizer_at_allocation


class Lines(basic.LineReceiver):
    """Keeps its lines."""

    transport = None

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> Any:
        self.lines.append(line)


class Expressions(Fast):
    """Keeps what it receives."""

    transport = None
    currentDialect = b"none"

    def __init__(self) -> None:
        super().__init__()
        self.setPrefixLimit(64)
        self.received: list[Any] = []

    def callExpressionReceived(self, obj: Any) -> None:
        self.received.append(obj)


def test_a_handler_that_goes_with_what_it_returned() -> None:
    """Nothing is called that is no handler any more; the next line is the new one's."""
    seen: list[tuple[str, bytes]] = []
    kept: list[object] = []

    class Returned:
        def __bool__(self) -> bool:
            return False

        def __del__(self) -> None:
            Replaced.lineReceived = lambda self, line: seen.append(("new", line))  # type: ignore[method-assign]
            kept.extend([lambda self, line: seen.append(("nobody's", line)) for _ in range(100)])

    class Replaced(basic.LineReceiver):
        transport = None

    def handler() -> Any:
        def lineReceived(self: Any, line: bytes) -> Any:
            seen.append(("old", line))
            return Returned()

        return lineReceived

    Replaced.lineReceived = handler()  # type: ignore[method-assign]
    protocol = Replaced()
    protocol.dataReceived(b"0")
    protocol.dataReceived(b"1\r\n2\r\n3\r\n4\r\n")
    assert [line for _, line in seen] == [b"01", b"2", b"3", b"4"]
    assert {who for who, _ in seen} == {"old", "new"}


@pytest.mark.parametrize("number", range(6))
def test_what_a_finalizer_delivers_as_the_buffer_is_made_is_not_lost(number: int) -> None:
    protocol = Lines()
    with finalizer_at_allocation(number, lambda: protocol.dataReceived(b"[finalizer's]")):
        protocol.dataReceived(b"[program's]")
    protocol.dataReceived(b"\r\n")
    (line,) = protocol.lines
    assert line in (b"[finalizer's][program's]", b"[program's][finalizer's]")


@pytest.mark.parametrize("number", range(6))
def test_a_list_stack_that_a_finalizer_replaces_as_a_list_begins(number: int) -> None:
    """
    What is in that list goes where the new stack says, as in stock.

    From CPython 3.12 on, the next bytecode that runs is that of what gets the list.
    """
    protocol = Expressions()
    protocol.dataReceived(b"\x05\x81")
    had: list[int] = []

    def replace() -> None:
        had.append(len(protocol.received))
        protocol.listStack = []

    with finalizer_at_allocation(number, replace):
        protocol.dataReceived(b"\x02\x80\x01\x81\x02\x81\x07\x81")
    replaced = had == [1] and sys.version_info < (3, 12)
    assert protocol.received == ([5, 1, 2, 7] if replaced else [5, [1, 2], 7])
