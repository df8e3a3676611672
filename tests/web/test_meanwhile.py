"""What a program's code changes while C has a request in hand, and what it sees of it."""

from __future__ import annotations

import gc
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import address
from twisted.internet.testing import StringTransport
from twisted.web import http, http_headers, server

from pyreactor.reactor import PyReactor
from tests.loop.test_reactor import Pair, reactor, spin
from tests.web.sides import stock
from tests.web.test_server import Connection, Page

__all__ = ["reactor"]  # a fixture

Change = Callable[[Connection, list[Any], pytest.MonkeyPatch], None]

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


class Told(Page):
    """Answers with what it was asked."""

    def render_GET(self, request: Any) -> bytes:
        self.requests.append(request)
        return b"<%b %b>" % (request.path, request.content.read())


def _path(channel: Any) -> tuple[Any, ...]:
    return channel._path, channel._version, channel._HTTPChannel__first_line


def _cookies(connection: Connection, seen: list[Any], patch: pytest.MonkeyPatch) -> None:
    twisteds = server.Request.parseCookies

    def own(self: Any) -> None:
        seen.append(_path(self.channel))
        twisteds(self)

    patch.setattr(server.Request, "parseCookies", own)


def _length(connection: Connection, seen: list[Any], patch: pytest.MonkeyPatch) -> None:
    twisteds = http.Request.gotLength

    def own(self: Any, length: Any) -> None:
        seen.append((_path(self.channel), length))
        twisteds(self, length)

    patch.setattr(http.Request, "gotLength", own)


def _persistence(connection: Connection, seen: list[Any], patch: pytest.MonkeyPatch) -> None:
    channel: Any = connection.channel
    twisteds = channel.checkPersistence

    def own(request: Any, version: bytes) -> Any:
        seen.append((_path(channel), version))
        return twisteds(request, version)

    channel.checkPersistence = own


def _content(connection: Connection, seen: list[Any], patch: pytest.MonkeyPatch) -> None:
    def own(length: Any) -> Any:
        seen.append((_path(connection.channel), length))
        return io.BytesIO()

    connection.site.getContentFile = own  # type: ignore[attr-defined]


def _continue(connection: Connection, seen: list[Any], patch: pytest.MonkeyPatch) -> None:
    channel: Any = connection.channel
    twisteds = channel._send100Continue

    def own() -> None:
        seen.append(_path(channel))
        twisteds()

    channel._send100Continue = own


def _dialect(connection: Connection, seen: list[Any], patch: pytest.MonkeyPatch) -> None:
    """Its requests have a body of 24 bytes, as it finds out at the end of the head."""
    channel: Any = connection.channel
    twisteds = channel.checkPersistence

    def own(request: Any, version: bytes) -> Any:
        if request.requestHeaders.hasHeader(b"Expect"):
            channel.length = 24
            channel._transferDecoder = http._IdentityTransferDecoder(
                24, request.handleContentChunk, channel._finishRequestBody
            )
        return twisteds(request, version)

    channel.checkPersistence = own


def _length_before(connection: Connection, seen: list[Any], patch: pytest.MonkeyPatch) -> None:
    connection.channel.length = 1


def _told(change: Change) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        return _told_with(change, patch)


def _told_with(change: Change, patch: pytest.MonkeyPatch) -> Any:
    connection = Connection(Told())
    connection.start(connection.wire)
    seen: list[Any] = []
    change(connection, seen, patch)
    raised = ""
    wire = b""
    try:
        head = b"GET /1 HTTP/1.1\r\nExpect: 100-continue\r\nCookie: a=b\r\n\r\n"
        wire = connection.get(head + b"GET /hidden HTTP/1.1\r\n\r\n" + b"GET /2 HTTP/1.1\r\n\r\n")
    except AttributeError as error:
        raised = str(error)
    return raised, seen, re.findall(rb"<[^>]*>|HTTP/[^\r]*", wire)


@pytest.mark.parametrize(
    "change",
    [_cookies, _length, _persistence, _content, _continue, _dialect, _length_before],
)
def test_the_end_of_a_head_finds_the_request_line(
    change: Change,
) -> None:
    """And it may say that there is a body."""
    with stock():
        expected = _told(change)
    assert _told(change) == expected


def _size(channel: Any) -> None:
    channel.totalHeadersSize = 40


def _count(channel: Any) -> None:
    channel.maxHeaders = 1


def _size_received(channel: Any) -> None:
    channel._receivedHeaderSize = channel.totalHeadersSize


def _line_size(channel: Any) -> None:
    channel.MAX_LENGTH = 10


def _judge(channel: Any) -> None:
    channel.headerReceived = lambda line: channel._respondToBadRequestAndDisconnect()


def _lines(channel: Any) -> None:
    channel.lineReceived = lambda line: channel.transport.write(line)


def _another_request(channel: Any) -> None:
    """Another channel begins one within this, for whose address no program was asked yet."""
    channel.requests = list(channel.requests)
    inner = Connection(Told())
    inner.start(inner.wire)
    inner.channel.site = object()
    with pytest.raises(AttributeError):
        inner.receive(PIECES)


def _asked_for_host(during: Callable[[Any], None], where: str) -> Any:
    connection = Connection(Told())
    connection.start(connection.wire)

    def own() -> Any:
        during(connection.channel)
        return address.IPv4Address("TCP", "10.0.0.2", 2)

    if where == "subclass":
        connection.channel.requestFactory = type("Request", (server.Request,), {})
    target: Any = connection.channel if where == "channel" else connection.wire
    target.getHost = own
    wire = connection.get(PIECES[:-2] + b"Large: " + b"x" * 40 + b"\r\n\r\n")
    return re.sub(rb"(?<=Date: )[^\r]+", b"", wire), len(connection.page.requests)


@pytest.mark.parametrize("where", ["channel", "transport", "subclass"])
@pytest.mark.parametrize(
    "during", [_size, _count, _size_received, _line_size, _judge, _lines, _another_request]
)
def test_limits_that_come_while_a_request_is_made_are_obeyed(
    during: Callable[[Any], None], where: str
) -> None:
    with stock():
        expected = _asked_for_host(during, where)
    assert _asked_for_host(during, where) == expected


def test_headers_of_a_program_may_refuse_a_request() -> None:
    class Strict(http_headers.Headers):
        channel: Any = None

        def addRawHeader(self, name: Any, value: Any) -> None:
            if b"evil" in value:
                self.channel._respondToBadRequestAndDisconnect()
            else:
                super().addRawHeader(name, value)

    class Request(server.Request):
        def __init__(self, *args: Any, **names: Any) -> None:
            super().__init__(*args, **names)
            self.requestHeaders = Strict()
            self.requestHeaders.channel = self.channel

    connection = Connection(Told())
    connection.channel.requestFactory = Request
    assert connection.get(b"GET /a HTTP/1.1\r\nA: evil\r\nHost: x\r\n\r\n").startswith(
        b"HTTP/1.1 400 "
    )
    assert connection.wire.disconnecting
    assert connection.page.requests == []


def test_another_channel_while_an_attribute_is_read_hides_no_method() -> None:
    called = []

    class Channel(http.HTTPChannel):
        def allContentReceived(self) -> None:
            called.append(self)
            super().allContentReceived()

        @property
        def totalHeadersSize(self) -> int:  # type: ignore[override]
            Connection(Told()).get()
            return 16384

    other = Connection(Told())
    channel = Channel()
    channel.site = channel.factory = other.site  # type: ignore[attr-defined]
    channel.requestFactory = server.Request
    channel.timeOut = None
    channel.makeConnection(StringTransport())
    channel.dataReceived(PIECES)
    assert called == [channel]


def _told_by_site(reactor: PyReactor, during: Callable[[Any], None]) -> Any:
    """A site's property changes the channel for the second request, whose addresses are known."""
    asked = []

    class Site(server.Site):
        @property
        def _parsePOSTFormSubmission(self) -> bool:  # type: ignore[override]
            asked.append(self)
            if len(asked) > 1:
                during(protocol._channel)
            return True

        @_parsePOSTFormSubmission.setter
        def _parsePOSTFormSubmission(self, value: bool) -> None: ...

    pair = Pair(reactor)
    page = Told()
    site = Site(page, reactor=reactor)
    site.log = lambda request: None  # type: ignore[method-assign]
    protocol: Any = site.buildProtocol(None)
    protocol.makeConnection(pair.server.transport)
    answers = []
    for _ in range(2):
        pair.client.received = b""
        protocol.dataReceived(PIECES[:-2] + b"Large: " + b"x" * 40 + b"\r\n\r\n")
        spin(reactor, lambda: pair.client.received)
        answers.append(re.sub(rb"(?<=Date: )[^\r]+", b"", pair.client.received))
    pair.server.transport.loseConnection()
    spin(reactor, lambda: pair.client.lost)
    pair.port.stopListening()
    return answers, len(asked), len(page.requests)


@pytest.mark.parametrize("during", [_size, _count, _judge])
def test_limits_that_come_while_a_site_is_asked_are_obeyed(
    reactor: PyReactor, during: Callable[[Any], None]
) -> None:
    with stock():
        expected = _told_by_site(reactor, during)
    assert _told_by_site(reactor, during) == expected


def _asked_for_content(name: str, has: bool) -> Any:
    seen: list[Any] = []

    def own(self: Any, asked: str = "getContentFile") -> Any:
        if asked != "getContentFile":
            raise AttributeError(asked)
        request = connection.channel.requests[-1]
        seen.append((*_path(connection.channel), dict(request.received_cookies)))
        if has:
            return lambda length: io.BytesIO()
        raise AttributeError(asked)

    connection = Connection(Told())
    found = own if name == "__getattr__" else property(own)
    connection.site.__class__ = type("Site", (server.Site,), {name: found})
    wire = connection.get(PIECES[:-2] + b"Cookie: a=b\r\n\r\n")
    return re.sub(rb"(?<=Date: )[^\r]+", b"", wire), seen


@pytest.mark.parametrize("has", [True, False])
@pytest.mark.parametrize("name", ["getContentFile", "__getattr__"])
def test_a_site_is_asked_once_for_a_file_for_the_body(name: str, has: bool) -> None:
    with stock():
        expected = _asked_for_content(name, has)
    assert _asked_for_content(name, has) == expected


def _raised_after_line() -> Any:
    class Failing(StringTransport):
        @property
        def disconnecting(self) -> bool:  # type: ignore[override]
            raise ValueError("not now")

    def own() -> Any:
        del connection.wire.getHost
        connection.wire.__class__ = Failing
        return address.IPv4Address("TCP", "10.0.0.2", 2)

    connection = Connection(Told())
    connection.start(connection.wire)
    connection.wire.getHost = own  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="not now"):
        connection.receive(PIECES)
    connection.wire.__class__ = StringTransport
    wire = connection.get(b"GET /2 HTTP/1.1\r\n\r\n")
    return re.findall(rb"<[^>]*>|HTTP/[^\r]*", wire), len(connection.page.requests)


def test_the_rest_of_a_head_is_there_after_an_error() -> None:
    with stock():
        expected = _raised_after_line()
    assert _raised_after_line() == expected


def _asked_for_site() -> Any:
    seen: list[Any] = []

    class Channel(http.HTTPChannel):
        @property
        def site(self) -> Any:
            line = vars(self).get("_path")
            seen.append((line, bool(self._handlingRequest), len(self.requests)))
            return connection.site

        @site.setter
        def site(self, value: Any) -> None: ...

    connection = Connection(Told())
    connection.start(connection.wire)
    connection.channel.__class__ = Channel
    wire = connection.get(PIECES)
    return re.sub(rb"(?<=Date: )[^\r]+", b"", wire), list(dict.fromkeys(seen))


def test_a_channels_property_finds_the_request_line() -> None:
    with stock():
        expected = _asked_for_site()
    assert _asked_for_site() == expected
