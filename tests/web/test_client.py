"""The web client by Twisted's own code and by ours: the same bytes, responses and failures."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from http import cookiejar
from textwrap import dedent
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet import defer, endpoints, protocol
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.web import _newclient, client, http_headers
from twisted.web.client import Agent, HTTPConnectionPool, readBody

from pyreactor import _code, _versions
from pyreactor._web import client as ours
from tests.support import PYREACTOR
from tests.support import check as run_program
from tests.web.client_code import FUNCTIONS, check, outcome

EXAMPLES = int(os.environ.get("PYREACTOR_TEST_EXAMPLES", "300"))


def test_all_functions_are_given_other_code() -> None:
    """And what the tests compare is not Twisted's code on both sides."""
    assert ours.stock_functions() == {}
    assert len(FUNCTIONS) == 15


# ---- responses ----


class Transport(StringTransport):
    """Notes what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def loseConnection(self) -> None:
        self.calls.append("lose")
        super().loseConnection()

    def abortConnection(self) -> None:
        self.calls.append("abort")
        super().abortConnection()

    def pauseProducing(self) -> None:
        self.calls.append("pause")
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self.calls.append("resume")
        super().resumeProducing()


class Body(protocol.Protocol):
    """Notes what it gets of a body."""

    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen

    def dataReceived(self, data: bytes) -> None:
        self.seen.append(("body", data))

    def connectionLost(self, reason: Any = None) -> None:
        self.seen.append(("end", reason_of(reason)))


def reason_of(failure: Any) -> Any:
    """A failure, with those that it has inside."""
    if not isinstance(failure, Failure):
        return repr(failure)
    inside = getattr(failure.value, "reasons", [])
    return failure.type, str(failure.value) if not inside else [reason_of(one) for one in inside]


def receive(method: bytes, chunks: list[bytes], late: bool, persistent: bool) -> Any:
    """What a request on a connection gets, if these bytes come."""
    seen: list[Any] = []
    made = _newclient.HTTP11ClientProtocol(lambda conn: seen.append(("quiescent", conn.state)))
    transport = Transport()
    made.makeConnection(transport)
    headers = http_headers.Headers({b"host": [b"a"], b"x-y": [b"1", b"2"]})
    request = _newclient.Request(method, b"/a?b", headers, None, persistent)
    responses: list[Any] = []

    def answered(response: Any) -> None:
        seen.append((response.version, response.code, response.phrase, response.length))
        seen.append(list(response.headers.getAllRawHeaders()))
        responses.append(response)
        if not late:
            response.deliverBody(Body(seen))

    made.request(request).addCallbacks(answered, lambda failure: seen.append(reason_of(failure)))
    parser: Any = made._parser
    for chunk in chunks:
        if transport.disconnecting or made._parser is not parser:
            break
        made.dataReceived(chunk)
        seen.append((made.state, parser.state, transport.calls[:]))
        if "lose" not in transport.calls:  # what a parser that gave up has left is nobody's
            seen.append(parser._buffer if parser.line_mode else None)
            if parser.state in ("STATUS", "HEADER"):
                seen.append(parser._partialHeader)
        seen.append(list(parser.connHeaders.getAllRawHeaders()))
    for response in responses if late else ():
        response.deliverBody(Body(seen))
    made.connectionLost(Failure(ConnectionDone()))
    return seen, transport.value(), transport.calls, made.state


ends = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n", b""])
status = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK", b"HTTP/1.0 404 Not found", b"HTTP/1.1 204 No"]
    + [b"HTTP/1.1 304 Same", b"HTTP/1.1 100 Continue", b"HTTP/1.1 200", b"HTTP/1.1", b"", b" "]
    + [b"HTTP/1.1 two OK", b"HTTP/-1.1 200 OK", b"FTP/a 200 OK", b"HTTP/1.1  200 OK", b"\x00"]
)
fields = st.sampled_from(
    [b"Content-Length: 5", b"content-length:5", b"Content-Length: 5, 5", b"Content-Length: 7"]
    + [b"Content-Length: 0", b"Content-Length: -1", b"Content-Length: 5x", b"Connection: close"]
    + [b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"X-A: b", b"x-a:  c ", b"X-A:"]
    + [b" folded", b"\tfolded", b"no colon", b": no name", b"bad name: a", b"X-\x00: a"]
    + [b"X-B: \xff\x00", b"X-C: a\rb", b"Set-Cookie: a=b; c", b"ETag: x", b"Keep-Alive: 5"]
    + [b"X-Long: " + b"a" * 17000]
)
bodies = st.sampled_from(
    [b"", b"hello", b"hello world", b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\nX: y\r\n\r\n"]
    + [b"\r\n", b"x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain"]
)


@st.composite
def responses(draw: Any) -> list[bytes]:
    """Chunks of what is nearly always a response."""
    lines = [draw(status), *draw(st.lists(fields, max_size=6))]
    usual = draw(st.booleans())
    data = b"".join(line + (b"\r\n" if usual else draw(ends)) for line in lines)
    data += (b"\r\n" if usual else draw(ends)) + draw(bodies)
    if draw(st.booleans()):
        return [data]
    cuts = sorted(draw(st.sets(st.integers(0, len(data)), max_size=4)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@given(st.sampled_from([b"GET", b"HEAD", b"POST"]), responses(), st.booleans(), st.booleans())
@settings(max_examples=EXAMPLES)
@example(b"GET", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"], False, True)
@example(b"HEAD", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: a\r\n\r\n"], False, True)
@example(b"GET", [b"HTTP/1.1 200 OK\r\nX: y\r\r\n\r\n"], False, True)
@example(b"GET", [b"HTTP/1.1 200 OK\r\n\n\r\n\r\n"], False, True)
@example(b"GET", [b"HTTP/1.1 100 C\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nA: c\r\n\r\n"], False, True)
@example(b"GET", [b"HTTP/1.1 200 OK\r\nbad name: a\r\nContent-Length: 5\r\n\r\nhello"], True, True)
def test_responses(method: bytes, chunks: list[bytes], late: bool, persistent: bool) -> None:
    """Valid and broken responses, in chunks of all sorts."""
    check(receive, method, chunks, late, persistent)


@pytest.mark.parametrize("cls", [_newclient.HTTPClientParser, _newclient.HTTPParser])
@pytest.mark.parametrize("name", ours._PARSER_METHODS)
def test_replaced_methods_of_the_parser_are_called(
    name: str, cls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a class, or its base, that a program has put another method into."""
    seen = []
    stock = getattr(cls, name)

    def own(self: Any, *args: Any) -> Any:
        seen.append(args)
        return stock(self, *args)

    monkeypatch.setattr(cls, name, own)
    head = b"HTTP/1.1 200 OK\r\nX-A: b\r\nX-B: c\r\n\r\n"
    check(receive, b"GET", [head], False, True)
    each = {"lineReceived": 4, "statusReceived": cls is _newclient.HTTPClientParser}.get(name, 2)
    assert len(seen) == each * 3


def receive_with(name: str, before: Callable[[Any], object] | None, on_class: bool) -> Any:
    """What a parser gets that has another method, of its own or of its class."""
    seen: list[Any] = []
    request = _newclient.Request(b"GET", b"/", http_headers.Headers(), None)
    parser: Any = _newclient.HTTPClientParser(request, seen.append)
    parser.makeConnection(Transport())
    stock = getattr(parser, name)

    def own(*args: Any) -> Any:
        seen.append((name, args[-1]))
        if before is not None:
            before(parser)
        return stock(*args[1:]) if on_class else stock(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(parser) if on_class else parser, name, own)
        parser.dataReceived(b"HTTP/1.1 200 OK\r\nX-A: b\r\nX-B: c\r\nContent-Length: 2\r\n\r\nok")
    fields = [list(each.getAllRawHeaders()) for each in (parser.headers, parser.connHeaders)]
    return seen, fields, parser.state, parser._buffer


@pytest.mark.parametrize("name", ours._PARSER_METHODS[:3])
def test_methods_that_a_parser_has_of_its_own_are_called(name: str) -> None:
    assert check(receive_with, name, None, False)[0][0][0] == name


def _few(parser: Any) -> None:
    parser.MAX_LENGTH = 3


def _own_fields(parser: Any) -> None:
    parser.headerReceived = lambda name, value: parser.headers.addRawHeader(b"All", name)


@pytest.mark.parametrize("on_class", [False, True])
@pytest.mark.parametrize("during", [lambda parser: parser.pauseProducing(), _few, _own_fields])
def test_what_changes_as_a_status_comes_holds_for_the_rest(
    during: Callable[[Any], object], on_class: bool
) -> None:
    check(receive_with, "statusReceived", during, on_class)


# ---- requests ----

uris = st.one_of(
    st.sampled_from(
        [b"http://example.com/", b"http://example.com", b"http://example.com:8080/a?b=c#d"]
        + [
            b"https://example.com/a;b?c",
            b"http://[::1]:80/",
            b"http://127.0.0.1:81//a",
            b"http:///a",
        ]
        + [b"ftp://example.com/", b" http://example.com/a ", b"http://b\xc3\xbccher.example/"]
        + [b"http://example.com:port/", b"http://example.com/\xff", b"http://u:p@example.com/?x?y"]
        + [b"http://example.com/a b", b"http://EXAMPLE.com/%41", b"HTTP://example.com:80/"]
        + [b"http://example.com/;p", b"http://example.com?q", b"http://a..b/", b"", b"/a"]
    ),
    st.binary(max_size=6).map(lambda rest: b"http://example.com/" + rest),
)


def parsed(uri: bytes, port: Any) -> Any:
    """What an address consists of."""
    made = client.URI.fromBytes(uri, port)
    return vars(made), made.originForm, made.toBytes()


@given(uris, st.sampled_from([None, 80, 8080]))
@settings(max_examples=EXAMPLES)
def test_addresses(uri: bytes, port: Any) -> None:
    """Addresses of any shape, with and without a port to be taken by default."""
    check(parsed, uri, port)


def test_addresses_do_not_share_objects_and_do_not_pile_up() -> None:
    """A URI can be changed; each is another."""
    uri = b"http://example.com/a"
    first = client.URI.fromBytes(uri)
    first.path = b"/changed"
    assert client.URI.fromBytes(uri).path == b"/a"
    for number in range(2000):
        client.URI.fromBytes(b"http://example.com/%d" % number)
    assert len(ours._addresses) <= ours.MOST


class OwnURI(client.URI):
    """A class of the program's own."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)  # type: ignore[no-untyped-call]
        self.parts = parts


def test_subclass_of_uri() -> None:
    """It is made of what stands in the address, also if the same address was seen before."""
    for _ in range(2):
        assert type(client.URI.fromBytes(b"http://[::1]/")) is client.URI
        made = OwnURI.fromBytes(b"http://[::1]/")
        assert type(made) is OwnURI
        assert made.parts[2] == b"[::1]"


@pytest.mark.parametrize("scheme", [b"http", b"https", "http"])
@pytest.mark.parametrize("host", [b"a", "a", b"::1", "::1", b"[::1]", b"\xff", "\xff", b"", None])
@pytest.mark.parametrize("port", [80, 443, 8080, 80.0, "80", None])
def test_value_of_the_header_host(scheme: Any, host: Any, port: Any) -> None:
    """Also of a program's own URI, with a host that is text."""
    agent: Any = Agent(MemoryReactorClock())
    check(agent._computeHostValue, scheme, host, port)


def ask(method: bytes, uri: bytes, headers: Any, twice: bool) -> Any:
    """What an agent connects to, and sends there."""
    reactor = MemoryReactorClock()
    pool = HTTPConnectionPool(reactor)
    agent = Agent(reactor, pool=pool)
    seen: list[Any] = []
    for _ in range(2 if twice else 1):
        made = agent.request(method, uri, http_headers.Headers(headers) if headers else None)
        made.addBoth(lambda result: seen.append(shown(result)))
        reactor.advance(1)
    for host, port, factory, timeout, address in reactor.tcpClients:
        proto = factory.buildProtocol(None)
        transport = Transport()
        proto.makeConnection(transport)
        seen.append((host, port, timeout, address, transport.value()))
        proto.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        proto.connectionLost(Failure(ConnectionLost()))
    seen.append(sorted(map(repr, pool._connections)))
    return seen


def shown(result: Any) -> Any:
    """A response or failure."""
    if isinstance(result, Failure):
        return reason_of(result)
    body: list[Any] = []
    readBody(result).addBoth(lambda data: body.append(reason_of(data)))
    return result.code, result.request.absoluteURI, body


@given(
    st.sampled_from([b"GET", b"POST", b"bad method", "GET"]),
    uris,
    st.sampled_from([None, {b"user-agent": [b"me"]}, {b"host": [b"a"]}, {b"host": [b"a", b"b"]}]),
    st.booleans(),
)
@settings(max_examples=EXAMPLES)
@example(b"GET", b"http://127.0.0.1:81/a?b", {b"x": [b"1", b"two\r\nlines"]}, True)
@pytest.mark.filterwarnings("ignore:Using readBody")
def test_requests(method: Any, uri: bytes, headers: Any, twice: bool) -> None:
    """The same connections, and the same bytes on them."""
    check(ask, method, uri, headers, twice)


def test_endpoint_is_made_anew_where_something_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent's settings, its reactor, or the class of endpoints."""
    agent: Any = Agent(MemoryReactorClock(), connectTimeout=5)
    uri = client.URI.fromBytes(b"http://example.com/")
    first = agent._getEndpoint(uri)
    assert agent._getEndpoint(uri) is first
    assert first._timeout == 5
    factory = agent._endpointFactory
    factory._connectTimeout = 6
    assert agent._getEndpoint(uri)._timeout == 6
    factory._bindAddress = "127.0.0.1"
    assert agent._getEndpoint(uri)._bindAddress == ("127.0.0.1", 0)
    reactor = factory._reactor = MemoryReactorClock()
    assert agent._getEndpoint(uri)._reactor is reactor
    agent = Agent(reactor)
    factory = agent._endpointFactory
    first = agent._getEndpoint(uri)
    assert first._bindAddress is None
    assert Agent(reactor)._getEndpoint(uri) is first  # type: ignore[no-untyped-call]
    assert isinstance(agent._getEndpoint(uri), endpoints.HostnameEndpoint)
    monkeypatch.setattr(client, "HostnameEndpoint", lambda *args, **kwargs: (args, kwargs))
    assert agent._getEndpoint(uri)[0][1:] == ("example.com", 80)
    for number in range(2000):
        monkeypatch.undo()
        agent._getEndpoint(client.URI.fromBytes(b"http://host%d.example/" % number))
    assert len(vars(reactor)["_pyreactor_endpoints"]) <= ours.MOST


def test_endpoint_is_made_by_what_a_program_put_into_its_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where one for the same host was made before."""
    agent: Any = Agent(MemoryReactorClock())
    uri = client.URI.fromBytes(b"http://example.com/")
    cls: Any = endpoints.HostnameEndpoint
    first, stock = agent._getEndpoint(uri), cls.__init__
    monkeypatch.setattr(cls, "_DEFAULT_ATTEMPT_DELAY", 7)
    assert agent._getEndpoint(uri)._attemptDelay == 7
    monkeypatch.undo()
    made: list[Any] = []

    def own(self: Any, *args: Any, **kwargs: Any) -> None:
        made.append(self)
        stock(self, *args, **kwargs)

    monkeypatch.setattr(cls, "__init__", own)
    assert [agent._getEndpoint(uri), agent._getEndpoint(uri)] == made
    monkeypatch.undo()
    monkeypatch.setattr(cls, "_hostAsBytesAndText", staticmethod(lambda host: (False, b"b", "b")))
    assert agent._getEndpoint(uri)._hostText == "b"
    monkeypatch.undo()
    again = agent._getEndpoint(uri)
    assert (again._attemptDelay, again._hostText) == (first._attemptDelay, "example.com")
    assert agent._getEndpoint(uri) is again


hosts = st.one_of(
    st.sampled_from(
        ["example.com", "b\u00fccher.example", "xn--bcher-kva.example", "127.0.0.1", "::1"]
        + ["fe80::1%lo", "", ".", "a..b", "a" * 70, "u\u0308.example", "\ud800", "a b"]
    ),
    st.text(max_size=5),
)


@given(hosts, st.booleans())
@settings(max_examples=EXAMPLES)
def test_hosts(host: str, as_bytes: bool) -> None:
    """Names of hosts of any sort, given as text and as bytes."""
    name: Any = host.encode("utf-8", "surrogatepass") if as_bytes else host
    check(endpoints.HostnameEndpoint._hostAsBytesAndText, name)
    check(lambda: repr(endpoints.HostnameEndpoint(MemoryReactorClock(), name, 80)))


def test_hosts_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """And functions that somebody replaced are called."""
    function = endpoints.HostnameEndpoint._hostAsBytesAndText
    for number in range(2000):
        assert function(f"host{number}.example")[0] is False
    assert len(ours._hosts) <= ours.MOST
    monkeypatch.setattr(endpoints, "_idnaBytes", lambda text: b"replaced")
    assert function("host1999.example") == (False, b"replaced", "host1999.example")


# ---- what the client stands on ----

SOME_ERRORS = [ValueError, Exception, KeyboardInterrupt, "builtins.ValueError", "x", UnicodeError]


@given(
    st.sampled_from([ValueError, UnicodeError, KeyboardInterrupt, ConnectionDone]),
    st.lists(st.sampled_from([*SOME_ERRORS, ConnectionDone]), max_size=3),
    st.sampled_from([None, [], ["x"]]),
)
@settings(max_examples=EXAMPLES)
def test_what_a_failure_is_checked_for(kind: Any, types: list[Any], parents: Any) -> None:
    """Classes and names, in any order, also where a program has set the parents."""

    def run() -> Any:
        failure: Any = Failure(kind())
        if parents is not None:
            failure.parents = parents
        return failure.check(*types)

    check(run)


def test_failure_that_tells_other_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a class of the program's, or as it has replaced the property."""

    class Own(Failure):
        parents = ["none"]  # type: ignore[assignment]

    assert Own(ValueError()).check(ValueError) is None
    monkeypatch.setattr(Failure, "parents", ["none"])
    assert Failure(ValueError()).check(ValueError) is None


# ---- cookies ----


class OwnPolicy(cookiejar.DefaultCookiePolicy):
    """Asks for the newer kind of cookies."""

    def __init__(self) -> None:
        super().__init__(rfc2965=True, hide_cookie2=False)


class Fixed(cookiejar.CookieJar):
    """Sends the same cookie always, and takes none."""

    def add_cookie_header(self, request: Any) -> None:
        request.add_unredirected_header("Cookie", "fixed=1")

    def make_cookies(self, response: Any, request: Any) -> list[Any]:
        assert response.info().get_all("Set-Cookie", []) == []
        return []


class Counting(cookiejar.CookieJar):
    """Looks at its cookies in a way of its own."""

    looked = 0

    def clear_expired_cookies(self) -> None:
        self.looked += 1
        super().clear_expired_cookies()


def jar_of(kind: str) -> cookiejar.CookieJar:
    """A jar, which may have a cookie in it."""
    if kind == "own policy":
        return cookiejar.CookieJar(OwnPolicy())
    jar = {"fixed": Fixed, "counting": Counting}.get(kind, cookiejar.CookieJar)()
    if kind == "filled":
        request: Any = client._FakeStdlibRequest(b"http://example.com/")
        headers = http_headers.Headers({b"set-cookie": [b"old=1; path=/"]})
        response: Any = client._FakeStdlibResponse(SimpleNamespace(headers=headers))  # type: ignore[arg-type]
        jar.extract_cookies(response, request)
    elif kind == "replaced":
        jar.extract_cookies = lambda response, request: setattr(jar, "told", True)  # type: ignore[method-assign]
    return jar


class Wrapped:
    """An agent that answers at once, and notes what it is asked."""

    def __init__(self, fields: list[tuple[bytes, bytes]], headers_class: Any) -> None:
        self.fields, self.headers_class = fields, headers_class
        self.asked: list[Any] = []

    def request(self, method: bytes, uri: bytes, headers: Any, producer: Any) -> Any:
        self.asked.append((method, uri, sorted(headers.getAllRawHeaders()), producer))
        answer: Any = SimpleNamespace(headers=self.headers_class())
        for name, value in self.fields:
            answer.headers.addRawHeader(name, value)
        return defer.succeed(answer)


class OwnHeaders(http_headers.Headers):
    """Tells of a cookie that was not sent."""

    def getRawHeaders(self, name: Any, default: Any = None) -> Any:
        return ["hidden=1"] if name == b"Set-Cookie" else super().getRawHeaders(name, default)


def ask_with_cookies(
    uri: Any, kind: str, fields: list[tuple[bytes, bytes]], headers: Any, headers_class: Any
) -> Any:
    """What is asked, twice, and what the jar has then."""
    wrapped, jar = Wrapped(fields, headers_class), jar_of(kind)
    agent: Any = client.CookieAgent(wrapped, jar)  # type: ignore[arg-type]
    given_headers = http_headers.Headers(headers) if headers is not None else None
    seen: list[Any] = []
    for _ in range(2):
        agent.request(b"GET", uri, given_headers, "body").addBoth(
            lambda result: seen.append(reason_of(result) if isinstance(result, Failure) else None)
        )
    times = [sorted(vars(each)) for each in (jar, jar._policy)]  # type: ignore[attr-defined]
    cookies = sorted((each.domain, each.name, each.value) for each in jar)
    own = [getattr(jar, name, None) for name in ("looked", "told")]
    return wrapped.asked, seen, times, cookies, own


@given(
    uris,
    st.sampled_from(["empty", "filled", "own policy", "fixed", "counting", "replaced"]),
    st.lists(
        st.sampled_from(
            [(b"Set-Cookie", b"a=b; path=/"), (b"set-cookie2", b"c=d; Version=1"), (b"X", b"y")]
            + [(b"Set-Cookie", b"e=f; path=/; Max-Age=0"), (b"Set-Cookie", b"")]
        ),
        max_size=2,
    ),
    st.sampled_from([None, {}, {b"cookie": [b"mine=1"]}, {b"x": [b"1"]}]),
    st.sampled_from([http_headers.Headers, OwnHeaders]),
)
@settings(max_examples=EXAMPLES)
@pytest.mark.filterwarnings("ignore:http.cookiejar bug")
def test_cookies(uri: bytes, kind: str, fields: Any, headers: Any, headers_class: Any) -> None:
    """Jars of all sorts, with what responses bring."""
    check(ask_with_cookies, uri, kind, fields, headers, headers_class)


@pytest.mark.parametrize(
    "uri", ["http://example.com/", b"http://example.com/\xff", None, b"http:x"]
)
def test_cookies_of_strange_addresses(uri: Any) -> None:
    """They are refused in the same way."""
    check(ask_with_cookies, uri, "empty", [], None, http_headers.Headers)


@pytest.mark.parametrize("name", ours._JAR_METHODS)
def test_replaced_methods_of_jars_are_called(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of the standard library's class, that a program has put another method into."""
    seen: list[str] = []
    stock = getattr(cookiejar.CookieJar, name)

    def own(self: Any, *args: Any) -> Any:
        seen.append(name)
        return stock(self, *args)

    def run() -> Any:
        seen.clear()
        agent: Any = client.CookieAgent(
            Wrapped([], http_headers.Headers),  # type: ignore[arg-type]
            cookiejar.CookieJar(),
        )
        agent.request(b"GET", b"http://example.com/")
        return len(seen)

    assert check(run) == 0
    monkeypatch.setattr(cookiejar.CookieJar, name, own)
    assert check(run) > 0


@pytest.mark.parametrize(
    "name", ["_FakeStdlibRequest", "_FakeStdlibResponse", "_FakeUrllibResponseInfo"]
)
def test_replaced_classes_of_cookies_are_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a program has put its own in the places of what stands between Twisted and the jar."""
    seen: list[str] = []
    stock: Any = getattr(client, name)

    class Own(stock):  # type: ignore[misc]
        def __getattribute__(self, asked: str) -> Any:
            if not asked.startswith("_"):
                seen.append(asked)
            return super().__getattribute__(asked)

    monkeypatch.setattr(client, name, Own)

    def run() -> Any:
        seen.clear()
        ask_with_cookies(b"http://example.com/a", "empty", [], None, http_headers.Headers)
        return list(seen)

    assert check(run)


def test_jars_that_are_none() -> None:
    """They are asked, whatever they claim to be, and whatever a response lacks."""

    def run() -> Any:
        jar = mock.Mock(spec=cookiejar.CookieJar)
        wrapped: Any = SimpleNamespace(request=lambda *args: defer.succeed("no headers"))
        agent: Any = client.CookieAgent(wrapped, jar)
        seen: list[Any] = []
        agent.request(b"GET", b"http://example.com/").addBoth(seen.append)
        return seen, [call[0] for call in jar.method_calls]

    assert check(run) == (["no headers"], ["add_cookie_header", "extract_cookies"])


def test_addresses_of_cookies_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """And are not taken for what a program's own parser makes of them."""
    for number in range(2000):
        client._FakeStdlibRequest(b"http://example.com/%d" % number)
    assert 0 < len(ours._cookie_requests) <= ours.MOST
    made: Any = client._FakeStdlibRequest(b"http://example.com:81/1999")
    assert (made.host, made.origin_req_host, made.type) == ("example.com:81", "example.com", "http")
    own = client.URI(b"own", b"", b"host", 1, b"", b"", b"", b"")  # type: ignore[no-untyped-call]
    monkeypatch.setattr(client.URI, "fromBytes", staticmethod(lambda uri: own))
    assert vars(client._FakeStdlibRequest(b"http://example.com:81/1999"))["host"] == "host:1"


def test_jar_is_told_the_time() -> None:
    """Its policy looks at it when a program asks that."""
    jar: Any = jar_of("empty")
    agent: Any = client.CookieAgent(Wrapped([], http_headers.Headers), jar)  # type: ignore[arg-type]
    agent.request(b"GET", b"http://example.com/")
    assert abs(jar._now - time.time()) < 1000
    assert jar._policy._now == jar._now


# ---- headers ----


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"a", b"X-Y", b"etag", "text", b"te"]),
            st.lists(st.sampled_from([b"1", b"two\r\nlines", "t\u00fc", b""]), max_size=3),
        ),
        max_size=4,
    ),
    st.sampled_from([b"", b"a\nb", "text"]),
)
@settings(max_examples=EXAMPLES)
def test_copies_of_headers(fields: Any, more: Any) -> None:
    """Equal, of other lists, and made as Twisted's constructor makes them."""
    headers: Any = http_headers.Headers()
    for name, values in fields:
        headers.setRawHeaders(name, values)
    for _, values in headers.getAllRawHeaders():
        values.append(more)  # which are the headers' own lists
    copy: Any = vars(http_headers.Headers)["copy"]
    stock, made = outcome(copy.__wrapped__, headers), outcome(headers.copy)
    if isinstance(stock, tuple):
        assert made == stock
        return
    assert type(made) is http_headers.Headers
    assert list(made.getAllRawHeaders()) == list(stock.getAllRawHeaders())
    for _, values in headers.getAllRawHeaders():
        values.append(b"later")
    assert list(made.getAllRawHeaders()) == list(stock.getAllRawHeaders())


def test_copies_of_other_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a class of the program's, or as it has replaced what makes them."""
    own: Any = OwnHeaders({b"a": [b"1"]})
    assert type(own.copy()) is OwnHeaders
    headers: Any = http_headers.Headers({b"a": [b"1"], b"b": [b"2"]})
    headers._rawHeaders[b"not a name"] = [b"1"]
    with pytest.raises(ValueError, match="not a name"):
        headers.copy()
    headers._rawHeaders = [(b"a", b"1")]
    with pytest.raises(AttributeError, match="items"):
        headers.copy()
    headers = http_headers.Headers({b"a": [b"1"]})
    seen: list[Any] = []
    monkeypatch.setattr(
        http_headers.Headers, "setRawHeaders", lambda self, name, values: seen.append(name)
    )
    assert list(headers.copy().getAllRawHeaders()) == []
    assert seen == [b"A"]


def test_other_release_of_twisted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function with another source keeps its code, and the reason is told."""
    path = "URI.originForm"
    function = _versions.function_of(client, path)
    given_code = function.__code__
    function.__code__ = _code.stocks(function)
    monkeypatch.setitem(ours.FUNCTIONS["twisted.web.client"], path, ("originForm", "000000000000"))
    try:
        ours.install(client)
        assert re.fullmatch(
            r"URI.originForm is another in this release of Twisted \([0-9a-f]{12}\)",
            ours.stock_functions()[path],
        )
    finally:
        function.__code__ = given_code
        ours.reasons.clear()


@pytest.mark.parametrize("off", [False, True])
def test_part_web_changes_the_client(off: bool) -> None:
    """And leaves it to stock where it is switched off."""
    code = """
        from twisted.web import _newclient, client
        from twisted.internet import endpoints
        functions = [
            client.URI.fromBytes.__func__, client.URI.originForm.fget,
            client._AgentBase._computeHostValue, client._StandardEndpointFactory.endpointForURI,
            _newclient.HTTPClientParser.dataReceived, _newclient.Request._writeHeaders,
            endpoints.HostnameEndpoint._hostAsBytesAndText,
        ]
        print({function.__code__.co_filename.split("/")[-3] for function in functions})
        from pyreactor._activation import hook
        print(*hook.statuses()["web"])
    """
    env = {"PYREACTOR_DISABLE": "web"} if off else {}
    places, status = run_program(dedent(code), runner=PYREACTOR, env=env).splitlines()
    if off:
        assert "pyreactor" not in places
        assert status == "False switched off by PYREACTOR_DISABLE"
    else:
        assert places == "{'pyreactor'}"
        assert status.startswith("True the server of ")
        assert status.endswith("; the client asks by shorter ways")
