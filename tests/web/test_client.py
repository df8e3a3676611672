"""The web client by Twisted's own code and by ours: the same bytes, responses and failures."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import dedent
from typing import Any

import hyperlink
import pytest
from hyperlink import _url
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet import endpoints, protocol
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.web import _newclient, client, http_headers
from twisted.web.client import Agent, HTTPConnectionPool, readBody

from pyreactor import _code, _versions
from pyreactor._web import client as ours
from tests.support import PYREACTOR
from tests.support import check as run_program

EXAMPLES = int(os.environ.get("PYREACTOR_TEST_EXAMPLES", "300"))

for _name in ours.FUNCTIONS:
    ours.install(importlib.import_module(_name))

FUNCTIONS = [
    (function, function.__code__, _code.stocks(function))
    for name, paths in ours.FUNCTIONS.items()
    for path in paths
    for function in [_versions.function_of(importlib.import_module(name), path)]
]


@contextmanager
def own_code() -> Iterator[None]:
    """Run with Twisted's own functions."""
    assert all(function.__code__ is code for function, code, _ in FUNCTIONS)
    for function, _, stock in FUNCTIONS:
        function.__code__ = stock
    try:
        yield
    finally:
        for function, code, _ in FUNCTIONS:
            function.__code__ = code


def check(run: Callable[..., Any], *args: Any) -> Any:
    """The same outcome on both sides, which is given back; twice, as some of it is kept."""
    with own_code():
        stock = outcome(run, *args)
    assert outcome(run, *args) == stock
    assert outcome(run, *args) == stock
    return stock


def outcome(run: Callable[..., Any], *args: Any) -> Any:
    """What a call gives, or raises."""
    try:
        return run(*args)
    except Exception as error:
        return type(error), str(error)


def test_all_functions_are_given_other_code() -> None:
    """And what the tests compare is not Twisted's code on both sides."""
    assert ours.stock_functions() == {}
    assert len(FUNCTIONS) == 10


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
    assert len(seen) == (4 if name == "lineReceived" else 2) * 3


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


@given(
    st.sampled_from(["http://u:p@{}/a b?c=d&e", "http://{}", "{}", "https://{}:8/\u00fc#\u00e9"]),
    st.sampled_from(["example.com", "127.0.0.1", "b\u00fccher.example", "[::1]", "a..b", ""]),
)
@settings(max_examples=EXAMPLES)
def test_addresses_of_hyperlink(form: str, host: str) -> None:
    """As treq makes them of what it is given."""
    check(lambda: hyperlink.URL.from_text(form.format(host)).to_uri().to_text())


def test_addresses_of_hyperlink_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """And another encoder is called."""
    for number in range(2000):
        hyperlink.URL.from_text(f"http://host{number}.example/").to_uri()
    assert len(ours._encoded) <= ours.MOST
    monkeypatch.setattr(_url, "idna_encode", lambda host, uts46: b"replaced")
    assert hyperlink.URL.from_text("http://host1999.example/").to_uri().host == "replaced"


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
