"""What of receiving Banana is rare: C calls these where it cannot say what becomes of an item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _named(names: dict[str, Any], name: str) -> Any:
    """A global of Twisted's module, as its own code would find it."""
    try:
        return names[name]
    except KeyError:
        raise NameError(f"name {name!r} is not defined") from None


def check_prefix(protocol: Any, names: dict[str, Any], size: int, text: str) -> None:
    """Raise BananaError if a prefix of `size` bytes is too long."""
    if size > protocol.prefixLimit:
        raise _named(names, "BananaError")(text % (protocol.prefixLimit,))


def large_number(names: dict[str, Any], digits: bytes) -> Any:
    """What Twisted makes of digits for which C has no room."""
    return _named(names, "b1282int")(digits)


def check_length(names: dict[str, Any], length: int, text: str) -> None:
    """Raise BananaError if a list or string is too long."""
    if length > _named(names, "SIZE_LIMIT"):
        raise _named(names, "BananaError")(text)


def check_progress(protocol: Any, buffer: bytes) -> None:
    """Stock's assertion: nothing but its own loop has set ``buffer`` to this."""
    assert protocol.buffer != buffer, f"This ain't right: {protocol.buffer!r} {buffer!r}"


def look_up_word(protocol: Any, number: int) -> Any:
    """The word of the vocabulary, in the dialect that has one."""
    item = protocol.incomingVocabulary[number]
    if protocol.currentDialect == b"pb":
        return item
    raise NotImplementedError(f"Invalid item for pb protocol {item!r}")


def end_lists(protocol: object, stack: Any, got_item: Callable[[object, Any], object]) -> None:
    """The lists that are whole are items themselves."""
    while stack and len(stack[-1][1]) == stack[-1][0]:
        got_item(protocol, stack.pop()[1])
