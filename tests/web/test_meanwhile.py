"""What a program's code changes while C has a request in hand, and what it sees of it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.testing import StringTransport
from twisted.web import http, http_headers, server

from tests.web.sides import stock
from tests.web.test_server import Connection, Page

PIECES = b"GET /a/b HTTP/1.1\r\nHost: here\r\n\r\n"


def _emptied(request: Any) -> None:
    del request.postpath[:]


def _replaced(request: Any) -> None:
    if request.postpath == [b"a", b"b"]:
        request.postpath = [b"other"]


def _one_name(request: Any) -> None:
    if request.postpath == [b"a", b"b"]:
        request.postpath = None


def _pieces(during: Callable[[Any], None]) -> Any:
    names = []

    class Child(Page):
        @property
        def isLeaf(self) -> bool:  # type: ignore[override]
            during(connection.channel.requests[-1])
            return False

        def getChild(self, path: bytes, request: Any) -> Any:
            names.append(path)
            return self

    class Failing(server.Request):
        def processingFailed(self, reason: Any) -> Any:
            names.append(repr(reason.value))

    connection = Connection(Child(), requestFactory=Failing)
    return connection.get(PIECES)[:16], names


@pytest.mark.parametrize("during", [_emptied, _replaced, _one_name])
def test_the_rest_of_the_path_may_change_while_isLeaf_is_read(
    during: Callable[[Any], None],
) -> None:
    with stock():
        expected = _pieces(during)
    assert _pieces(during) == expected


def test_a_finalizer_may_change_headers_while_they_are_written() -> None:
    """Before CPython 3.12, the garbage collection runs in the middle of a function of C."""
    channel = http.HTTPChannel()
    channel.timeOut = None
    wire = StringTransport()
    channel.makeConnection(wire)
    headers = http_headers.Headers()
    headers.setRawHeaders(b"X", [b"y"])

    class Changing:
        def __del__(self) -> None:
            headers._rawHeaders[b"X"] = (b"z",)

    channel.writeHeaders(b"HTTP/1.1", b"200", b"OK", http_headers.Headers({b"a": [b"b"]}))
    wire.clear()
    write = channel.writeHeaders
    before = gc.get_threshold()
    gc.disable()
    held: list[Any] = [[] for _ in range(300)]  # that none is left to be used again
    cycle: Any = Changing()
    cycle.itself = cycle
    del cycle
    gc.set_threshold(1)
    gc.enable()
    try:
        write(b"HTTP/1.1", b"200", b"OK", headers)
    finally:
        gc.set_threshold(*before)
    lines = b"HTTP/1.1 200 OK\r\nX: %b\r\n\r\n"
    assert held and wire.value() in (lines % b"y", lines % b"z")
