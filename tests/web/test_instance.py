"""Attributes of a channel that C finds in its dict: what takes part in access is obeyed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from twisted.web import http

from tests.both import check_same_on_both
from tests.web.sides import stock
from tests.web.test_server import Connection, Page
from tests.web.test_whole import state

NAMES = [
    "_dataBuffer",
    "_handlingRequest",
    "_networkProducer",
    "_receivedHeaderCount",
    "_receivedHeaderSize",
    "_savedTimeOut",
    "_transferDecoder",
    "_waitingForTransport",
    "_HTTPChannel__first_line",
    "length",
    "line_mode",
    "_HTTPChannel__header",
    "persistent",
    "requests",
    "site",
    "timeOut",
    "_TimeoutMixin__timeoutCall",
    "transport",
]
# What a head leaves only while it is read: C does not note what no method of a program's
# would see, and does not set again what is so.
PASSING = {
    "_receivedHeaderCount",
    "_receivedHeaderSize",
    "_transferDecoder",
    "_HTTPChannel__header",
    "_HTTPChannel__first_line",
    "length",
    "persistent",
}


class Property:
    """A descriptor that has what is set in a dict of its own."""

    def __init__(self, name: str, default: object, values: dict[Any, Any]) -> None:
        self.name, self.default, self.values = name, default, values
        self.seen: set[str] = set()
        self.told: list[Any] = []

    def __get__(self, owner: Any, kind: object = None) -> Any:
        if owner is None:
            return self.default
        self.seen.add("get")
        return self.values.get(owner, self.default)

    def __set__(self, owner: Any, value: Any) -> None:
        self.seen.add("set")
        self.told.append(value)
        self.values[owner] = value

    def __delete__(self, owner: Any) -> None:
        self.values.pop(owner, None)


def plainly(sent: bytes) -> bytes:
    return re.sub(rb"(?<=Date: )[^\r]+", b"", sent)


def with_property(name: str) -> Any:
    """What a property of a program's sees from one request on, and after it is gone."""
    connection = Connection()
    sent = [connection.get()]
    before = vars(connection.channel).get(name, getattr(http.HTTPChannel, name, None))
    placed = name in vars(http.HTTPChannel)
    default = getattr(http.HTTPChannel, name, None)
    own = Property(name, default, {connection.channel: before})
    setattr(http.HTTPChannel, name, own)
    try:
        sent += [connection.get(), connection.get()]
        last = own.values[connection.channel]
    finally:
        if placed:
            setattr(http.HTTPChannel, name, default)
        else:
            delattr(http.HTTPChannel, name)
    setattr(connection.channel, name, last)
    sent.append(connection.get())
    told = [each if isinstance(each, (int, bytes, type(None))) else type(each) for each in own.told]
    return [plainly(each) for each in sent], own.seen, told


@pytest.mark.parametrize("name", NAMES)
def test_a_property_that_comes_is_asked(name: str) -> None:
    with stock():
        expected = with_property(name)
    found = with_property(name)
    assert found[0] == expected[0]
    assert len(set(found[0])) == 1
    assert found[1]
    if name in PASSING:
        assert set(found[2]) <= set(expected[2])
    else:
        assert found[1:] == expected[1:]


def test_a_descriptor_that_becomes_a_property_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Descriptor:
        def __get__(self, owner: Any, kind: object = None) -> Any:
            return 60

    seen: list[Any] = []
    connection = Connection(timeOut=60)
    monkeypatch.setattr(http.HTTPChannel, "timeOut", Descriptor())
    assert b"page" in connection.get()
    assert b"page" in connection.get()
    Descriptor.__set__ = lambda self, owner, value: seen.append(value)  # type: ignore[attr-defined]
    assert b"page" in connection.get()
    assert seen == [None, 60]


def other_class(channel: Any, seen: list[Any]) -> None:
    class Other(type(channel)):  # type: ignore[misc]
        def __setattr__(self, name: str, value: Any) -> None:
            if name in ("timeOut", "_handlingRequest", "_savedTimeOut"):
                seen.append((name, value))
            super().__setattr__(name, value)

    channel.__class__ = Other


def other_getter(channel: Any, seen: list[Any]) -> None:
    class Other(type(channel)):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            if name == "persistent":
                seen.append(name)
                return False
            return super().__getattribute__(name)

    channel.__class__ = Other


def other_dict(channel: Any, seen: list[Any]) -> None:
    channel.__dict__ = dict(vars(channel), persistent=False)
    seen.append(len(vars(channel)))


def hidden(channel: Any, seen: list[Any]) -> None:
    class Other(type(channel)):  # type: ignore[misc]
        persistent = property(lambda self: seen.append("asked"), lambda self, value: None)

    channel.__class__ = Other


def no_value(channel: Any, seen: list[Any]) -> None:
    """What the class has is found then."""
    vars(channel).pop("_savedTimeOut", None)
    vars(channel).pop("timeOut", None)
    seen.append(sorted(vars(channel)))


CHANGES = [other_class, other_getter, other_dict, hidden, no_value]


def changed(change: Callable[[Any, list[Any]], None], when: str, timeout: object) -> Any:
    """What goes on after a channel was changed in or between requests."""
    seen: list[Any] = []

    class Changing(Page):
        def render_GET(self, request: Any) -> bytes:
            if when == "in" and len(self.requests) == 1:
                change(request.channel, seen)
            return super().render_GET(request)

    connection = Connection(Changing(), timeOut=timeout)
    sent: list[Any] = []
    for at in range(4):
        if when == "between" and at == 2:
            change(connection.channel, seen)
        try:
            sent.append(plainly(connection.get()))
        except Exception as error:
            sent.append(repr(error))
        sent.append([(each.time, each.args) for each in connection.clock.getDelayedCalls()])
        sent.append(connection.wire.disconnecting)
    calls = vars(connection.channel).get("_TimeoutMixin__timeoutCall")
    return sent, seen, calls is None, state(connection)[1]


@pytest.mark.parametrize("when", ["in", "between"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("timeout", [60, None])
def test_a_channel_that_changes(change: Any, when: str, timeout: object) -> None:
    with stock():
        expected = changed(change, when, timeout)
    found = changed(change, when, timeout)
    if change in (other_getter, hidden):  # C reads this one once more
        assert set(found[1]) == set(expected[1])
    else:
        assert found[1] == expected[1]
    assert found[0] == expected[0]
    assert found[2:] == expected[2:]
    assert expected[1]


def test_addresses_that_a_program_changes() -> None:
    check_same_on_both("web_addresses.py", (), "all steps were taken")
