"""Requests and channels whose methods are Twisted's: what a program replaces is called."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from twisted.web import http, server

from tests.web.sides import stock
from tests.web.test_server import GET, Connection, Page

COOKIES = GET[:-2] + b"Cookie: a=1; b=2\r\nConnection: close\r\n\r\n"
EXPECTS = GET[:-2] + b"Expect: 100-continue\r\n\r\n"


def dateless(value: object) -> str:
    """An object's text; the two sides may be asked in different seconds."""
    return re.sub(r"(?<=b'Date': \[b')[^']+", "", repr(value))


def state(connection: Connection) -> Any:
    """What can be seen of a connection and its requests, beside the wire."""
    hidden = ("transport", "_networkProducer", "channel", "site", "factory", "content")
    channel = {
        name: value
        for name, value in vars(connection.channel).items()
        if isinstance(value, (int, bytes, list, type(None)))
    }
    requests = [
        {
            name: value if isinstance(value, (int, bytes, str, list, dict)) else dateless(value)
            for name, value in vars(request).items()
            if name not in hidden
        }
        for request in connection.page.requests
    ]
    names = [list(vars(request)) for request in connection.page.requests]
    return sorted(vars(connection.channel)), channel, names, requests


def answers(*data: bytes, **names: Any) -> Any:
    """What is sent for each piece, and what is left."""
    connection = Connection(**names)
    sent = [connection.get(each) for each in data]
    shown = state(connection)
    for request in connection.page.requests:
        request.requestHeaders = request.responseHeaders = None
    return [re.sub(rb"(?<=Date: )[^\r]+", b"", each) for each in sent], shown


@pytest.mark.parametrize(
    "heads",
    [
        (GET,),
        (GET, GET, GET),
        (COOKIES,),
        (EXPECTS, GET),
        (GET, b"\r\n" + GET, GET),
        (GET + b"\r\n" + GET,),
    ],
)
def test_the_same_is_left_as_by_twisteds(heads: tuple[bytes, ...]) -> None:
    with stock():
        expected = answers(*heads)
    found = answers(*heads)
    assert found[0] == expected[0]
    for ours, twisteds in zip(found[1], expected[1], strict=True):
        assert ours == twisteds


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (server.Request, "parseCookies"),
        (server.Request, "gotLength"),
        (server.Request, "requestReceived"),
        (server.Request, "process"),
        (server.Request, "setHeader"),
        (http.Request, "gotLength"),
        (http.Request, "write"),
        (http.Request, "finish"),
        (http.HTTPChannel, "getPeer"),
        (http.HTTPChannel, "getHost"),
        (http.HTTPChannel, "checkPersistence"),
        (http.HTTPChannel, "setRawMode"),
        (http.HTTPChannel, "setTimeout"),
    ],
)
def test_what_replaces_a_method_is_called(
    owner: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Connection()
    before = connection.get()
    stocks = getattr(owner, name)
    seen = []

    def own(self: Any, *args: Any) -> Any:
        seen.append(name)
        return stocks(self, *args)

    monkeypatch.setattr(owner, name, own)
    assert connection.get()[:40] == before[:40]
    assert seen
    monkeypatch.undo()
    seen.clear()
    assert connection.get()[:40] == before[:40]
    assert not seen


def test_a_file_of_the_sites_may_have_content() -> None:
    def filled(length: int) -> Any:
        file = io.BytesIO(b"12345")
        file.seek(3)
        return file

    class Content(Page):
        def render_GET(self, request: Any) -> bytes:
            return b"at %d: %b" % (request.content.tell(), request.content.read())

    connection = Connection(Content(), getContentFile=filled)
    assert connection.get().endswith(b"at 0: 12345")


def test_a_body_is_put_into_what_the_module_has_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(io.BytesIO):
        pass

    class Told(Page):
        def render_GET(self, request: Any) -> bytes:
            return type(request.content).__name__.encode()

    connection = Connection(Told())
    assert connection.get().endswith(b"BytesIO")
    monkeypatch.setattr(http, "BytesIO", Own)
    assert connection.get().endswith(b"Own")


@pytest.mark.parametrize("name", ["getPeer", "getHost"])
def test_an_address_may_be_anything(name: str) -> None:
    seen = []

    def ask() -> Any:
        seen.append(name)
        return NotImplemented

    connection = Connection()
    setattr(connection.wire, name, ask)
    connection.start(connection.wire)
    seen.clear()
    connection.get()
    request = connection.page.requests[0]
    assert {"getPeer": request.client, "getHost": request.host}[name] is NotImplemented
    assert seen == [name]


def test_a_file_of_the_sites_may_change_the_request() -> None:
    seen = []
    connection = Connection()
    channel = connection.channel

    def changing(length: int) -> Any:
        request = channel.requests[-1]
        request.setHeader = lambda name, value: seen.append(name)
        request.process = lambda: (seen.append("process"), server.Request.process(request))
        return io.BytesIO()

    connection.site.getContentFile = changing  # type: ignore[attr-defined]
    assert b"page" in connection.get()
    assert seen == ["process", b"Server", b"Date", b"Content-Length"] or seen == [
        "process",
        b"server",
        b"date",
        b"content-length",
    ]


@pytest.mark.parametrize("change", ["list", "method", "class"])
def test_an_address_may_change_what_is_whole(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transport's method is a program's, and is called while the request is made."""
    seen = []
    connection = Connection()
    connection.start(connection.wire)
    channel, peer = connection.channel, connection.wire.getPeer

    def own(self: Any, *args: Any) -> Any:
        seen.append("called")
        return http.HTTPChannel.checkPersistence(channel, *args[-2:])

    def getPeer() -> Any:
        if change == "list":
            channel.requests = Watched(channel.requests)
        elif change == "method":
            channel.checkPersistence = lambda *args: own(channel, *args)
        else:
            monkeypatch.setattr(server.Request, "parseCookies", lambda self: seen.append("called"))
        return peer()

    class Watched(list):  # type: ignore[type-arg]
        def append(self, value: Any) -> None:
            seen.append("called")
            super().append(value)

    connection.wire.getPeer = getPeer  # type: ignore[method-assign]
    assert b"page" in connection.get()
    assert seen == ["called"]
