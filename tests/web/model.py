"""
Random clients and sites: what a server of twisted.web's does with them, as a trace.

A trace says what each resource was given, what went out on the wire, what was logged, and which
state the channel and the clock were in after each piece that came.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import Any

from twisted.internet import address, task
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.web import http, resource, server

from tests import chance as st  # each is drawn as hypothesis' of its name

# ---- what a client sends ----

METHODS = [b"GET", b"GET", b"GET", b"POST", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"get", b"PRI"]
TARGETS = [
    b"/",
    b"/a",
    b"/a/b?x=1&y=%20&x=2",
    b"/%41/%zz//",
    b"*",
    b"http://h/p",
    b"/\xb0",
    b"/?",
    b"a",
]
ODD_LINES = [
    b"",
    b"GET",
    b"GET /",
    b"GET  / HTTP/1.1",
    b"GET / HTTP/1.1 ",
    b" GET / HTTP/1.1",
    b"GET / HTTP/1.2",
    b"GET / http/1.1",
    b"GET / HTTP/2.0",
    b"GET\t/\tHTTP/1.1",
    b"G(T / HTTP/1.1",
    b"GET /\xb1 HTTP/1.1",
    b"GET /\x00 HTTP/1.1",
    b"GET /\x7f HTTP/1.1",
    b"GET /a b HTTP/1.1",
    b"GET /" + b"a" * 16400 + b" HTTP/1.1",
    b"GET / HTTP/1.1\r",
    b"GET / HTTP/1.1\nHost: x",
]
HEADERS = [
    b"Host: localhost",
    b"host:localhost:80",
    b"HOST:   \t localhost  \t",
    b"X-Forwarded-For: 10.0.0.1",
    b"Cookie: a=b; c=d;e ; =f; g==h",
    b"Cookie:",
    b"cookie: ;;\x0bv=1",
    b"Accept: text/html, */*;q=0.1",
    b"X-Empty:",
    b"X-High: \x80\xff\x01",
    b"etag: x",
    b"www-authenticate: y",
    b"!#$%&'*+-.^_`|~9: token",
    b"Connection: keep-alive",
    b"Connection: close",
    b"Connection: Keep-Alive CLOSE",
    b"connection: keep-alive,close",
    b"Expect: 100-continue",
    b"expect: 100-Continue",
    b"Expect: nothing",
    b"Transfer-Encoding: identity",
    b"Content-Type: application/x-www-form-urlencoded",
    b"Content-Type: multipart/form-data; boundary=b",
    b"Content-Type: multipart/form-data",
    b"Content-Type: text/plain; charset=utf-8",
    b"If-None-Match: tag",
    b"If-Modified-Since: Thu, 01 Jan 1970 00:00:05 GMT",
]
ODD_HEADERS = [
    b"X-Folded: a\r\n  b\r\n\tc",
    b" folded: first",
    b"\tfolded",
    b"NoColon",
    b": no name",
    b"Sp ace: x",
    b"Trailing : x",
    b"X-Null: a\x00b",
    b"X-CR: a\rb",
    b"X-LF: a\nb",
    b"X-CRs: a\r\r",
    b"\x80: x",
    b"Content-Length: 3",
    b"Content-Length: 3, 3",
    b"Content-Length: 03",
    b"Content-Length: 0",
    b"Content-Length:",
    b"Content-Length: +3",
    b"Content-Length: -1",
    b"Content-Length: 0x3",
    b"Content-Length: 3 3",
    b"Content-Length: \xb2",
    b"Content-Length: 1_0",
    b"Content-Length: 18446744073709551616",
    b"Content-Length: 18446744073709551619",
    b"Content-Length: 9223372036854775807",
    b"Content-Length: 999999999999999999",
    b"content-length : 3",
    b"Content-Length: 3\r\n 4",
    b"Transfer-Encoding: chunked",
    b"transfer-encoding:\tCHUNKED ",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding:",
    b"Transfer_Encoding: chunked",
    b"X-Long: " + b"l" * 8000,
    b"X-Longer: " + b"l" * 16384,
    b"\r\n".join(b"X-%d: y" % n for n in range(99)),
    b"\r\n".join(b"X-%d: y" % (n % 7) for n in range(501)),
]
BODIES = [b"", b"abc", b"a=1&b=%41+c;d&a=2", b"\r\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * 3000]
MULTIPART = b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\nvalue\r\n--b--\r\n'
CHUNKED = [
    b"3\r\nabc\r\n0\r\n\r\n",
    b"0\r\n\r\n",
    b"3;ext=1\r\nabc\r\n0;e\r\nTrailer: t\r\n\r\n",
    b"3\nabc\r\n0\r\n\r\n",
    b"03\r\nabc\r\n00\r\n\r\n",
    b"0x3\r\nabc\r\n0\r\n\r\n",
    b"+3\r\nabc\r\n0\r\n\r\n",
    b"3 \r\nabc\r\n0\r\n\r\n",
    b"3;\x00\r\nabc\r\n0\r\n\r\n",
    b"3\r\nabcd\r\n0\r\n\r\n",
    b"ffffffffffffffff1\r\nabc",
    b"10000000000000003\r\nabc\r\n0\r\n\r\n",
    b"-1\r\nabc\r\n0\r\n\r\n",
    b"\r\n",
    b"1" * 1100 + b"\r\n",
    b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
]
ENDS = [b"\r\n"] * 30 + [b"\n", b"\r", b"\r\r\n", b"\r\n\r\n", b"\n\r", b" \r\n"]


def _request(draw: Any) -> bytes:
    """The bytes of one request, whole or strange."""
    rare = st.integers(0, 24)
    line = b" ".join(
        [
            draw(st.sampled_from(METHODS)),
            draw(st.sampled_from(TARGETS)),
            draw(st.sampled_from([b"HTTP/1.1"] * 6 + [b"HTTP/1.0"])),
        ]
    )
    if draw(rare) == 0:
        line = draw(st.sampled_from(ODD_LINES))
    lines = [line, *draw(st.lists(st.sampled_from(HEADERS), max_size=5))]
    body = b""
    how = draw(st.integers(0, 9))
    if how <= 2:
        body = draw(st.sampled_from([*BODIES, MULTIPART]))
        lines.append(b"Content-Length: %d" % len(body))
    elif how == 3:
        body = draw(st.sampled_from(CHUNKED))
        lines.append(b"Transfer-Encoding: chunked")
    if draw(rare) <= 2:
        odd = draw(st.lists(st.sampled_from(ODD_HEADERS), min_size=1, max_size=2))
        for each in odd:
            lines.insert(draw(st.integers(1, len(lines))), each)
    if draw(rare) == 0:
        end = draw(st.sampled_from(ENDS))
        head = b"".join(line + draw(st.sampled_from([b"\r\n", end])) for line in lines) + end
    else:
        head = b"\r\n".join(lines) + b"\r\n\r\n"
    if draw(rare) == 0:
        head = b"\r\n" * draw(st.integers(1, 2)) + head
    return head + body


def _mutated(draw: Any, data: bytes) -> bytes:
    at = draw(st.integers(0, len(data)))
    width = draw(st.integers(0, 2))
    byte = draw(st.sampled_from([b"", b"\x00", b"\r", b"\n", b" ", b":", b"\x80", b"5", b"\r\n"]))
    return data[:at] + byte + data[at + width :]


def _pieces(draw: Any, data: bytes) -> list[bytes]:
    """The data as it arrives."""
    how = draw(st.integers(0, 5))
    if how <= 2:
        return [data]
    if how == 3 and len(data) <= 400:
        return [data[n : n + 1] for n in range(len(data))]
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=5)))
    return [data[a:b] for a, b in itertools.pairwise([0, *cuts, len(data)])]


# ---- what a site does ----

#: By what is drawn for a request: what its resource does, by `_Resource` below.
DEEDS = [
    "bytes",
    "bytes",
    "bytes",
    "empty",
    "headers",
    "later",
    "later",
    "written",
    "code 204",
    "code 304",
    "code 999",
    "raise",
    "str",
    "unsupported",
    "unsupported head",
    "cookies",
    "tags",
    "modified twice",
    "redirect",
    "close",
    "own length",
    "finish twice",
    "own write",
    "pause",
    "str headers",
    "bad header",
    "child",
]


#: What a class of requests does when one is made, by `_own_request` below; "": it is Twisted's.
MAKINGS = ["", "", "plain", "plain", "plain", "lose", "raise", "pause", "queue", "raw", "limit"]


@dataclass
class Program:
    """What comes in, in pieces, and what the site does with each request."""

    pieces: list[bytes]
    deeds: list[str]
    #: After how many pieces the answers that are put off are given; then the connection is lost.
    finish_at: list[int]
    timeout: float | None = 60
    advances: list[float] = field(default_factory=list)
    #: What is done as each request is made.
    making: list[str] = field(default_factory=lambda: [""])


@st.composite
def programs(draw: Any) -> Program:
    """Any program."""
    data = b"".join(_request(draw) for _ in range(draw(st.integers(1, 3))))
    if draw(st.integers(0, 3)) == 0:
        data = _mutated(draw, data)
    pieces = _pieces(draw, data)
    return Program(
        pieces,
        draw(st.lists(st.sampled_from(DEEDS), min_size=1, max_size=4)),
        draw(st.lists(st.integers(0, len(pieces)), max_size=4)),
        draw(st.sampled_from([60, 60, 60, 5, 0, None])),
        draw(st.lists(st.sampled_from([0, 1, 4, 61]), max_size=4)),
        draw(st.lists(st.sampled_from(MAKINGS), min_size=1, max_size=3)),
    )


class _Wire(StringTransport):
    """Takes a second ``unregisterProducer``, as transports do."""

    def unregisterProducer(self) -> None:
        if self.producer is not None:
            super().unregisterProducer()


class _Resource(resource.Resource):
    """Does what the program says, and tells what it was given."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        leaf = _Leaf(run)
        self.putChild(b"a", leaf)

    def getChild(self, path: bytes, request: Any) -> Any:
        self._run.note("getChild", path)
        return self

    def render(self, request: Any) -> Any:
        return self._run.render(self, request)


class _Leaf(_Resource):
    isLeaf = True

    def __init__(self, run: Run) -> None:
        resource.Resource.__init__(self)
        self._run = run

    def render_GET(self, request: Any) -> bytes:
        return b"<%b>" % request.method

    def __repr__(self) -> str:
        return "<leaf>"


def _shown(value: Any) -> Any:
    """A value as a trace has it."""
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    if isinstance(value, (list, tuple)):
        return [_shown(each) for each in value]
    return type(value).__name__


def _own_request(run: Run, makings: list[str]) -> type[server.Request]:
    """A class of requests whose own ``__init__`` does these things, one after the other."""
    each = itertools.cycle(makings)

    class Request(server.Request):
        def __init__(self, channel: Any, *args: Any, **kwargs: Any) -> None:
            making = next(each)
            own = {name: _shown(value) for name, value in vars(channel).items()}
            for name in ("_buffer", "factory", "site", "callLater", "requestFactory"):
                own.pop(name, None)
            run.note("making", making, sorted(own.items()), _shown(args), kwargs)
            super().__init__(channel, *args, **kwargs)
            run.note("made", [(name, _shown(value)) for name, value in vars(self).items()])
            if making == "lose":
                channel.transport.loseConnection()
            elif making == "raise":
                raise ValueError("not made")
            elif making == "pause":
                channel.paused = True
            elif making == "queue":
                channel.requests = []
            elif making == "raw":
                channel.setRawMode()
            elif making == "limit":
                channel.maxHeaders = 1

    return Request


class Run:
    """One program on one server."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.trace: list[Any] = []
        self._deeds = itertools.cycle(program.deeds)
        self._waiting: list[Any] = []
        self._clock = task.Clock()
        self._transport = _Wire(
            hostAddress=address.IPv4Address("TCP", "127.0.0.1", 80),
            peerAddress=address.IPv4Address("TCP", "10.1.2.3", 4000),
        )
        site = server.Site(_Resource(self), timeout=program.timeout or 0, reactor=self._clock)
        if program.timeout is None:
            site.timeOut = None
        site.log = lambda request: self.note(  # type: ignore[method-assign]
            "log", request.code, request.sentLength
        )
        if any(program.making):
            site.requestFactory = _own_request(self, program.making)  # type: ignore[assignment]
        self._protocol: Any = site.buildProtocol(None)

    def note(self, *what: Any) -> None:
        self.trace.append(what)

    def run(self) -> list[Any]:
        """The trace."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        try:
            self._run()
        finally:
            globalLogPublisher.removeObserver(events.append)
        for event in events:
            failure = event.get("log_failure")
            self.note("event", event.get("log_format"), failure and failure.type)
        return self.trace

    def _run(self) -> None:
        self._protocol.makeConnection(self._transport)
        advances = iter(self.program.advances)
        for number, piece in enumerate(self.program.pieces):
            self._act(self._protocol.dataReceived, piece)
            for _ in range(self.program.finish_at.count(number)):
                self._finish_one()
            self._clock.advance(next(advances, 0))
            self._state()
        self._act(self._protocol.connectionLost, Failure(ConnectionDone()))
        while self._waiting:
            self._finish_one()
        self._state()

    def _act(self, function: Any, *args: Any) -> None:
        try:
            self.note("returned", _shown(function(*args)))
        except Exception as error:
            self.note("raised", type(error).__name__, str(error))

    def _finish_one(self) -> None:
        if self._waiting:
            request = self._waiting.pop(0)
            self._act(request.write, b"late")
            self._act(request.finish)

    def _state(self) -> None:
        channel = self._protocol._channel
        own = {
            name: _shown(value)
            for name, value in vars(channel).items()
            if name not in ("_buffer", "factory", "site", "callLater", "requestFactory")
        }
        self.note("state", sorted(own.items()), bytes(channel._buffer), channel.line_mode)
        wire = self._transport
        sent = re.sub(rb"\r\nDate: [^\r]{29}\r\n", b"\r\nDate\r\n", wire.value())
        sent = re.sub(rb"0x[0-9a-f]+", b"0x", sent)
        self.note("wire", sent, wire.disconnecting, wire.producerState)
        self.note("calls", sorted(call.getTime() for call in self._clock.getDelayedCalls()))

    def render(self, found: _Resource, request: Any) -> Any:
        deed = next(self._deeds)
        content = request.content.read()
        channel = request.channel
        self.note(
            deed,
            [request.method, request.uri, request.path, request.clientproto, content],
            sorted(request.args.items()),
            [(name, list(values)) for name, values in request.requestHeaders.getAllRawHeaders()],
            sorted(request.received_cookies.items()),
            [request.prepath, request.postpath, request.sitepath, repr(found)[:6]],
            [repr(request.client), repr(request.host), _shown(request.queued)],
            sorted((name, _shown(value)) for name, value in vars(request).items()),
            [channel.persistent, channel.length, channel.line_mode, channel.timeOut],
        )
        return self._deed(deed.replace(" ", "_"), found, request)

    def _deed(self, deed: str, found: _Resource, request: Any) -> Any:
        request.notifyFinish().addBoth(lambda result: self.note("done", type(result).__name__))
        return getattr(self, f"_do_{deed}")(found, request)

    def _do_bytes(self, found: Any, request: Any) -> bytes:
        return b"answer"

    def _do_empty(self, found: Any, request: Any) -> bytes:
        return b""

    def _do_headers(self, found: Any, request: Any) -> bytes:
        request.setHeader(b"x-one", b"1\r\n2")
        request.responseHeaders.addRawHeader(b"X-Two", b"a")
        request.responseHeaders.addRawHeader(b"x-two", b"b")
        request.setHeader(b"content-type", b"text/plain")
        self.note(request.getHeader(b"host"), request.getHeader("host"))
        return b"with headers"

    def _do_str_headers(self, found: Any, request: Any) -> bytes:
        request.setHeader("X-Text", "\u20ac")
        request.responseHeaders.setRawHeaders("x-list", ["a", "b"])
        headers = request.responseHeaders
        self.note(headers.getRawHeaders("X-List"), headers.getRawHeaders(b"none", 5))
        self.note(headers.hasHeader("x-text"), headers.hasHeader(b"X-No"))
        return b"text"

    def _do_bad_header(self, found: Any, request: Any) -> bytes:
        request.setHeader(b"bad name", b"x")
        return b"never"

    def _do_later(self, found: Any, request: Any) -> Any:
        self._waiting.append(request)
        return server.NOT_DONE_YET

    def _do_written(self, found: Any, request: Any) -> Any:
        for part in (b"one", b"", b"two" * 20):
            request.write(part)
        request.finish()
        return server.NOT_DONE_YET

    def _do_code_204(self, found: Any, request: Any) -> bytes:
        request.setResponseCode(204)
        return b""

    def _do_code_304(self, found: Any, request: Any) -> bytes:
        request.setResponseCode(304, b"Same")
        return b"dropped"

    def _do_code_999(self, found: Any, request: Any) -> bytes:
        request.setResponseCode(999)
        request.defaultContentType = None
        return b"odd"

    def _do_raise(self, found: Any, request: Any) -> bytes:
        raise KeyError("program's")

    def _do_str(self, found: Any, request: Any) -> Any:
        return "no bytes"

    def _do_unsupported(self, found: Any, request: Any) -> Any:
        return resource.Resource.render(found, request)

    def _do_unsupported_head(self, found: Any, request: Any) -> Any:
        if request.method == b"HEAD":
            raise resource.UnsupportedMethod([b"GET"])
        return b"head was faked"

    def _do_cookies(self, found: Any, request: Any) -> bytes:
        request.addCookie(b"k", b"v", path=b"/")
        request.addCookie("l", "w", httpOnly=True)
        return b"cookies"

    def _do_tags(self, found: Any, request: Any) -> Any:
        if request.setETag(b"tag") or request.setLastModified(3.5):
            return b""
        return b"tagged"

    def _do_modified_twice(self, found: Any, request: Any) -> bytes:
        request.setLastModified(1000)
        request.setHeader(b"last-modified", b"never")
        return b"modified"

    def _do_redirect(self, found: Any, request: Any) -> bytes:
        request.redirect(b"/elsewhere")
        return b""

    def _do_close(self, found: Any, request: Any) -> bytes:
        request.loseConnection()
        return b"closed"

    def _do_own_length(self, found: Any, request: Any) -> Any:
        request.setHeader(b"Content-Length", b"0")
        request.write(b"")
        request.finish()
        return server.NOT_DONE_YET

    def _do_finish_twice(self, found: Any, request: Any) -> Any:
        request.finish()
        self._act(request.write, b"too late")
        return server.NOT_DONE_YET

    def _do_own_write(self, found: Any, request: Any) -> bytes:
        request.write = lambda data: self.note("own write", data)
        return b"to the program"

    def _do_pause(self, found: Any, request: Any) -> Any:
        request.channel.pauseProducing()
        self._waiting.append(request)
        request.channel.resumeProducing()
        return server.NOT_DONE_YET

    def _do_child(self, found: Any, request: Any) -> bytes:
        return b"%d" % len(http.toChunk(b"abc"))
