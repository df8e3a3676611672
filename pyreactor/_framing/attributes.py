"""Stock's attributes over the state that a framing in C has, and the rare half of its buffer."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from operator import attrgetter
from typing import Any

from pyreactor._core import FramingBuffer, _own_dict, configure
from pyreactor._framing import banana
from pyreactor._framing.strings import continue_strings

_Reader = Callable[[FramingBuffer], Any]


def _payload(buffer: FramingBuffer) -> BytesIO:
    """What stock would have moved to ``_payload``."""
    payload = BytesIO()
    payload.write(buffer.content[: buffer.moved])
    return payload


def _current_size(buffer: FramingBuffer) -> int:
    """Stock leaves the size of the last payload there until the next one begins."""
    return buffer.moved if buffer.state else buffer.expected


#: For each name under which a protocol's ``__dict__`` has the buffer: the attributes of stock's
#: that show its state, and how.
_STATES: dict[str, dict[str, _Reader]] = {
    "_buffer": {"_buffer": attrgetter("content"), "_busyReceiving": attrgetter("busy")},
    "_unprocessed": {
        "_unprocessed": attrgetter("content"),
        "_compatibilityOffset": attrgetter("offset"),
    },
    "buffer": {"buffer": attrgetter("content")},
    "_remainingData": {
        "_remainingData": lambda buffer: buffer.content[buffer.moved :],
        "_payload": _payload,
        "_state": attrgetter("state"),
        "_expectedPayloadSize": attrgetter("expected"),
        "_currentPayloadSize": _current_size,
    },
}

#: Under which attribute of the buffer a value can be set that is of this type.
_SETTABLE: dict[str, tuple[str, type]] = {
    "_buffer": ("content", bytes),
    "_unprocessed": ("content", bytes),
    "buffer": ("content", bytes),
    "_busyReceiving": ("busy", object),
    "_compatibilityOffset": ("offset", object),
}

_KEYS = {name: key for key, readers in _STATES.items() for name in readers}


def leave(instance: object, key: str) -> None:
    """
    Take the state out of C: the ``__dict__`` gets stock's attributes, in the buffer's place.

    :param instance: a protocol.
    :param key: the name that its buffer has, if it has one.
    """
    own = _own_dict(instance) or {}
    buffer = own.get(key)
    if isinstance(buffer, FramingBuffer):
        own.update({name: read(buffer) for name, read in _STATES[key].items()})
        if buffer.belongs_to(instance):
            buffer.left = True


class FramingAttribute:
    """
    A data descriptor: one of stock's attributes over a framing's state.

    What C cannot hold makes the state leave it.

    :param name: the attribute: ``_buffer``, ``_busyReceiving``, ``_unprocessed``,
        ``_compatibilityOffset``, ``buffer``, ``_remainingData``, ``_payload``, ``_state``,
        ``_expectedPayloadSize`` or ``_currentPayloadSize``; a `ValueError` for any other.
    :param initial: its value on the class and on protocols that have received nothing; without
        it these raise `AttributeError`.
    """

    __slots__ = ("_initial", "_key", "_name")

    def __init__(self, name: str, *initial: object) -> None:
        if name not in _KEYS:
            raise ValueError(f"no framing has an attribute {name}")
        self._name = name
        self._key = _KEYS[name]
        self._initial = initial

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """The state as stock has it."""
        own = None if instance is None else _own_dict(instance)
        if own is not None:
            buffer = own.get(self._key)
            if isinstance(buffer, FramingBuffer):
                if self._name != "_payload":
                    return _STATES[self._key][self._name](buffer)
                leave(instance, self._key)  # who has it can change it
            if self._name in own:
                return own[self._name]
        if self._initial:
            return self._initial[0]
        if instance is None:
            shown = "?" if owner is None else owner.__name__
            raise AttributeError(f"type object '{shown}' has no attribute '{self._name}'")
        raise self._missing(instance)

    def __set__(self, instance: object, value: object) -> None:
        """Change the state."""
        own = _own_dict(instance)
        if own is None:
            raise self._missing(instance)
        buffer = own.get(self._key)
        if isinstance(buffer, FramingBuffer):
            member, kind = _SETTABLE.get(self._name, ("", bytes))
            fits = member and (kind is object or type(value) is kind)
            if fits and buffer.belongs_to(instance):
                setattr(buffer, member, value)
                return
            leave(instance, self._key)
        own[self._name] = value

    def __delete__(self, instance: object) -> None:
        """Delete what the instance itself has: the class attribute shows again."""
        own = _own_dict(instance) or {}
        if isinstance(own.get(self._key), FramingBuffer):
            if self._initial:
                self.__set__(instance, self._initial[0])
                return
            leave(instance, self._key)
        if self._name not in own:
            raise self._missing(instance)
        del own[self._name]

    def _missing(self, instance: object) -> AttributeError:
        shown = type(instance).__name__
        return AttributeError(f"'{shown}' object has no attribute '{self._name}'")


class _Bytes:
    """
    What a buffer has of bytes.

    Code that reaches past the attribute (a class that is no receiver, put over a protocol with
    ``__class__``) finds something that adds, slices and searches as they do.  A copy or a pickle
    of a protocol's ``__dict__`` gets bytes, as it has in stock.
    """

    content: bytes
    ready: bool
    twin: Callable[[], Any]

    def __add__(self, other: Any) -> Any:
        return self.content + other

    def __getitem__(self, key: Any) -> Any:
        return self.content[key]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.content, name)

    def __len__(self) -> int:
        return len(self.content)

    def __repr__(self) -> str:
        return repr(self.content)

    def __bytes__(self) -> bytes:
        return self.content

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        return bytes, (self.content,)

    def __deepcopy__(self, memo: object) -> Any:
        return self.twin() if self.ready else self.content


for _name, _function in vars(_Bytes).items():
    if callable(_function):
        setattr(FramingBuffer, _name, _function)

configure(
    "framing",
    FramingAttribute=FramingAttribute,
    leave=leave,
    banana=banana,
    continue_strings=continue_strings,
)
