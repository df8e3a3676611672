"""What no method wants to be given: a new one for each call, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from twisted.python.failure import Failure


class Refused(Exception):
    """What these raise."""


class Text(str):
    """A str that is not exactly one."""


class Number(int):
    """An int that cannot be used as one."""

    def __index__(self) -> int:
        raise Refused

    __int__ = __float__ = __index__


class NoNumber:
    """It says that it is one, and raises."""

    def __index__(self) -> int:
        raise Refused

    __int__ = __float__ = __len__ = __index__


class Hostile:
    """All that can be asked of an object raises."""

    def refuse(self, *arguments: Any, **keywords: Any) -> Any:
        raise Refused

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __hash__ = refuse
    __len__ = __iter__ = __getitem__ = __contains__ = __call__ = __add__ = __radd__ = refuse
    __repr__ = __str__ = __index__ = __float__ = __buffer__ = __get__ = refuse

    def __getattr__(self, name: str) -> Any:
        raise Refused


class Shrinking(list[Any]):
    """A list that loses its items while they are looked at."""

    def __init__(self) -> None:
        super().__init__([b"one", b"two", b"three"])

    def __iter__(self) -> Iterator[Any]:
        for _ in range(len(self)):
            yield self.pop()
            self.clear()


class Emptying:
    """An item of a list that empties the list when it is compared or asked its truth."""

    def __init__(self, holder: list[Any]) -> None:
        self.holder = holder

    def __eq__(self, other: object) -> bool:
        self.holder.clear()
        return False

    def __bool__(self) -> bool:
        self.holder.clear()
        return True

    __hash__ = None  # type: ignore[assignment]


def emptied() -> list[Any]:
    holder: list[Any] = []
    holder += [Emptying(holder), Emptying(holder), b"three"]
    return holder


def released() -> memoryview:
    view = memoryview(bytearray(b"released"))
    view.release()
    return view


def raising(*arguments: Any, **keywords: Any) -> Any:
    raise Refused


def generator() -> Iterator[Any]:
    yield b"one"
    raise Refused


#: Their names are part of what is told of a call.
VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "object": object,
    "-1": lambda: -1,
    "0": lambda: 0,
    "0.01": lambda: 0.01,
    "2**64": lambda: 1 << 64,
    "2**31": lambda: 1 << 31,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "text": lambda: "text",
    "long text": lambda: "\N{SNOWMAN}" * 70_000,
    "surrogate": lambda: "\ud800",
    "b''": lambda: b"",
    "bytes": lambda: b"ab\r\n",
    "Text": lambda: Text("text"),
    "Number": lambda: Number(3),
    "NoNumber": NoNumber,
    "Hostile": Hostile,
    "bytearray": lambda: bytearray(b"ab\r\n"),
    "memoryview": lambda: memoryview(b"ab\r\n"),
    "released": released,
    "list": lambda: [b"a", 1],
    "Shrinking": Shrinking,
    "emptied": emptied,
    "tuple": tuple,
    "dict": dict,
    "str dict": lambda: {"a": 1},
    "int dict": lambda: {1: 1},
    "generator": generator,
    "class": lambda: int,
    "raising": lambda: raising,
    "Failure": lambda: Failure(Refused()),
    "exception": Refused,
}
