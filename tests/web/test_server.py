"""What C takes, and what it leaves to Twisted's methods or a program's."""

from __future__ import annotations

import gc
import pickle
import sys
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import address, task
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.python import components
from twisted.web import http, http_headers, resource, server

from pyreactor._activation import web
from pyreactor._web import client, setup
from tests.web.sides import places, stock

GET = b"GET /a?b=c HTTP/1.1\r\nHost: here\r\nx-one: 1\r\nX-One: 2\r\n\r\n"


class Page(resource.Resource):
    """Keeps its requests."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []

    def render_GET(self, request: Any) -> bytes:
        self.requests.append(request)
        return b"page"

    render_POST = render_GET


class Connection:
    """One connection to a site."""

    def __init__(self, page: resource.Resource | None = None, **names: Any) -> None:
        self.page: Any = page or Page()
        self.clock = task.Clock()
        self.site = server.Site(self.page, reactor=self.clock)
        self.site.log = lambda request: None  # type: ignore[method-assign]
        for name, value in names.items():
            setattr(self.site, name, value)
        self.wire = StringTransport(peerAddress=address.IPv4Address("TCP", "10.0.0.1", 1))
        protocol: Any = self.site.buildProtocol(None)
        self.channel = protocol._channel
        self.receive = protocol.dataReceived
        self.start: Callable[[Any], None] = protocol.makeConnection

    def get(self, data: bytes = GET) -> bytes:
        if self.channel.transport is None:
            self.start(self.wire)
        self.wire.clear()
        self.receive(data)
        return self.wire.value()


def called(function: Callable[[], object]) -> list[str]:
    """The names of Twisted's Python functions that run meanwhile."""
    names: list[str] = []

    def note(frame: Any, event: str, argument: object) -> None:
        if event == "call" and "twisted/web" in frame.f_code.co_filename:
            names.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return names


def test_plain_requests_run_no_code_of_twisted_web() -> None:
    connection = Connection()
    assert b"page" in connection.get()  # classes are looked at, and names of headers
    plain = GET.replace(b"?b=c", b"")
    assert called(lambda: connection.get(plain)) == []
    assert connection.page.requests[1].path == b"/a"


def test_requests_of_an_own_class_run_twisteds_init_alone() -> None:
    class Own(server.Request):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    connection = Connection(requestFactory=Own)
    assert b"page" in connection.get()
    plain = GET.replace(b"?b=c", b"")
    assert called(lambda: connection.get(plain)) == ["__init__"]  # of twisted.web.server
    assert type(connection.page.requests[1]) is Own


def test_a_request_is_initialized_as_by_twisteds() -> None:
    class Channel:
        transport = "transport"

        def getPeer(self) -> str:
            return "peer"

        def getHost(self) -> str:
            return "host"

    def made() -> list[Any]:
        found: list[Any] = []
        for arguments in ((), (True,), (http._QUEUED_SENTINEL, False), (1, 2), (1, 2, 3)):
            try:
                found.append(vars(http.Request(Channel(), *arguments)))
            except TypeError as error:
                found.append(str(error))
        found.append(vars(http.Request(parsePOSTFormSubmission=4, channel=Channel())))
        return [
            [
                (name, value if type(value) in (bool, int, str) else type(value).__name__)
                for name, value in each.items()
            ]
            if isinstance(each, dict)
            else each
            for each in found
        ]

    with stock():
        expected = made()
    assert made() == expected


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nX-One: 1\r\n 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-One: 1\n2\r\n\r\n",
        b"GET /  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nX One: 1\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\n\r\n",
    ],
)
def test_strange_heads_are_twisteds_own_methods_to_judge(head: bytes) -> None:
    connection = Connection()
    connection.get()
    assert "lineReceived" in called(lambda: connection.get(head))


def test_a_program_that_overrides_a_step_has_it_called() -> None:
    steps = [
        "lineReceived",
        "headerReceived",
        "_maybeChooseTransferDecoder",
        "allHeadersReceived",
        "allContentReceived",
        "checkPersistence",
        "requestDone",
        "writeHeaders",
        "write",
        "setRawMode",
        "setLineMode",
        "setTimeout",
        "resetTimeout",
        "getPeer",
        "getHost",
    ]
    plain = Connection().get()
    for step in steps:
        seen = []

        def own(self: Any, *args: Any, step: str = step, seen: list[str] = seen) -> Any:
            seen.append(step)
            return getattr(http.HTTPChannel, step)(self, *args)

        by_class = type("Channel", (http.HTTPChannel,), {step: own})
        connection = Connection(
            protocol=lambda made=by_class: http._GenericHTTPChannelProtocol(made())
        )
        assert _without_date(connection.get()) == _without_date(plain)
        assert seen, f"{step} of a subclass"
        seen.clear()
        connection = Connection()
        setattr(connection.channel, step, own.__get__(connection.channel))
        assert _without_date(connection.get()) == _without_date(plain)
        assert seen, f"{step} of an instance"


def _without_date(answer: bytes) -> list[bytes]:
    return [line for line in answer.split(b"\r\n") if not line.startswith(b"Date")]


def test_a_request_of_the_programs_has_its_methods_called() -> None:
    steps = "parseCookies gotLength requestReceived process render setHeader write finish _cleanup"
    for step in steps.split():
        seen = []

        def own(self: Any, *args: Any, step: str = step, seen: list[str] = seen) -> Any:
            seen.append(step)
            return getattr(server.Request, step)(self, *args)

        made = type("Request", (server.Request,), {step: own})
        connection = Connection(requestFactory=made)
        assert b"page" in connection.get()
        assert seen, step
        assert type(connection.page.requests[0]) is made


def test_a_factory_of_the_programs_makes_the_request() -> None:
    class Own(server.Request):
        def __init__(self, channel: Any, *args: Any) -> None:
            super().__init__(channel, *args)
            self.lines = channel._command if hasattr(channel, "_command") else None

    made: list[Any] = []

    def factory(*args: Any) -> Any:
        made.append(Own(*args))
        return made[-1]

    for given in (Own, factory):
        connection = Connection(requestFactory=given)
        assert b"page" in connection.get()
        request = connection.page.requests[0]
        assert isinstance(request, Own)
        assert request.lines is None
        assert request.requestHeaders.getRawHeaders(b"x-one") == [b"1", b"2"]


def test_names_that_a_program_put_into_the_modules_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "version", b"Program/1")
    monkeypatch.setattr(server, "datetimeToString", lambda: b"today")
    monkeypatch.setattr(http, "parse_qs", lambda query, keep: {b"own": query})
    connection = Connection()
    answer = connection.get()
    assert b"Server: Program/1\r\nDate: today\r\n" in answer
    assert connection.page.requests[0].args == {b"own": b"b=c"}


def test_the_clock_of_the_module_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(http, "gmtime", lambda *seconds: time.gmtime(86400))
    assert b"Date: Fri, 02 Jan 1970 00:00:00 GMT\r\n" in Connection().get()


def test_headers_of_a_subclass() -> None:
    class Own(http_headers.Headers):
        def addRawHeader(self, name: Any, value: Any) -> None:
            super().addRawHeader(name, b"<" + value + b">")

    class Request(server.Request):
        def __init__(self, *args: Any, **names: Any) -> None:
            super().__init__(*args, **names)
            self.requestHeaders = Own()

    connection = Connection(requestFactory=Request)
    connection.get()
    request = connection.page.requests[0]
    assert request.requestHeaders.getRawHeaders(b"X-One") == [b"<1>", b"<2>"]


def test_the_timeout_is_a_call_of_the_clock() -> None:
    connection = Connection()
    connection.get()
    calls = connection.clock.getDelayedCalls()
    assert [call.getTime() for call in calls] == [60]
    connection.clock.advance(30)
    connection.receive(b"GET / HT")
    assert [call.getTime() for call in connection.clock.getDelayedCalls()] == [90]
    connection.clock.advance(60)
    assert connection.wire.disconnecting


def test_a_small_limit_of_a_program() -> None:
    for name, value in [("maxHeaders", 2), ("totalHeadersSize", 40), ("MAX_LENGTH", 10)]:
        connection = Connection()
        setattr(connection.channel, name, value)
        connection.start(connection.wire)
        connection.receive(GET)
        assert connection.wire.disconnecting, name
        assert connection.page.requests == [], name


def test_methods_look_like_twisteds() -> None:
    for owner, name, method in places():
        assert method.__name__ == name
        assert method.__module__ == owner.__module__ if isinstance(owner, type) else True
    assert pickle.loads(pickle.dumps(server.Request.write)) is server.Request.write


def test_what_was_replaced_before_stays() -> None:
    owner, name, method = next(iter(places()))
    try:
        setattr(owner, name, print)
        assert f"{owner.__name__}.{name} was replaced" in setup.stock(owner.__module__).values()
    finally:
        setattr(owner, name, method)
    assert setup.stock(owner.__module__) == {}


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (http.HTTPChannel, "headerReceived"),
        (http, "_parseRequestLine"),
        (http, "_ChunkedTransferDecoder"),
    ],
)
def test_a_program_that_judges_heads_is_told_of(
    owner: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert setup.stock_heads(http) == []
    assert client.__name__ in sys.modules  # else nothing would be activated
    before = web.status()[1]
    monkeypatch.setattr(owner, name, print)
    in_c, reason = web.status()
    assert not in_c
    assert f"{name} was replaced" in reason
    assert f"{name} was replaced" not in before


def test_what_a_program_returns_is_no_sign() -> None:
    """A method that returns NotImplemented is called once."""
    calls = []

    class Slip(resource.Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> Any:
            calls.append(request)
            return NotImplemented

    assert b" 500 " in Connection(Slip()).get()
    assert len(calls) == 1


def test_an_error_keeps_nothing_alive() -> None:
    seen = []

    class Fails(resource.Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            error = KeyError("program's")
            seen.append(weakref.ref(request))
            try:
                raise error
            finally:
                del error

    class Request(server.Request):
        def processingFailed(self, reason: Any) -> Any:  # the log would keep it
            self.setResponseCode(500)
            self.finish()

    connection = Connection(Fails(), requestFactory=Request)
    gc.collect()
    gc.disable()
    try:
        assert b" 500 " in connection.get()
        assert seen[0]() is None
    finally:
        gc.enable()


POST = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("_parseRequestLine", GET),
        ("_istoken", GET),
        ("_IdentityTransferDecoder", POST),
        ("_ChunkedTransferDecoder", CHUNKED),
    ],
)
def test_what_a_program_put_into_the_module_judges_heads(
    name: str, request_: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Connection()
    assert b"page" in connection.get(request_)
    twisteds = getattr(http, name)
    calls = []

    def own(*args: Any) -> Any:
        calls.append(args)
        return twisteds(*args)

    monkeypatch.setattr(http, name, own)
    assert b"page" in connection.get(request_)
    assert calls
    monkeypatch.undo()
    calls.clear()
    assert b"page" in connection.get(request_)
    assert calls == []


def test_an_encoder_of_the_programs_names_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Encoder:
        def encode(self, name: Any) -> Any:
            return b"X-Own" if name == b"x-one" else http_headers._nameEncoder.encode(name)

    monkeypatch.setattr(http, "_nameEncoder", Encoder())
    connection = Connection()
    connection.get()
    assert connection.page.requests[0].requestHeaders.getRawHeaders("X-Own") == ["1"]


def test_codes_without_a_body_are_the_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reset(resource.Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            request.setResponseCode(205)
            return b"body"

    assert Connection(Reset()).get().endswith(b"body")
    monkeypatch.setattr(http, "NO_BODY_CODES", (204, 205, 304))
    assert Connection(Reset()).get().endswith(b"\r\n\r\n")


def test_a_replaced_base_of_requests_is_initialized(monkeypatch: pytest.MonkeyPatch) -> None:
    twisteds = components.Componentized.__init__
    calls = []

    def own(self: Any) -> None:
        calls.append(self)
        twisteds(self)

    connection = Connection()
    connection.get()
    monkeypatch.setattr(components.Componentized, "__init__", own)
    connection.get()
    assert calls == connection.page.requests[1:]


def _closed(channel: Any) -> None:
    channel.transport.loseConnection()


def _paused(channel: Any) -> None:
    channel.paused = True


def _failed(channel: Any) -> None:
    raise KeyError("getHost")


def _another_queue(channel: Any) -> None:
    channel.requests = list(channel.requests)


def _asked(during: Callable[[Any], None], by_transport: bool) -> Any:
    """What a connection is like once `during` has run while its request was made."""
    connection = Connection()
    connection.start(connection.wire)

    def own() -> Any:
        during(connection.channel)
        return address.IPv4Address("TCP", "10.0.0.2", 2)

    target: Any = connection.wire if by_transport else connection.channel
    target.getHost = own
    raised = ""
    try:
        connection.receive(GET + b"GET /2")
    except KeyError as error:
        raised = str(error)
    channel = connection.channel
    state = {
        name: getattr(channel, name, None)
        for name in ("_command", "_path", "_version", "_buffer", "_receivedHeaderSize")
    }
    state["first"] = channel._HTTPChannel__first_line
    return raised, state, len(channel.requests), len(connection.page.requests)


@pytest.mark.parametrize("by_transport", [False, True])
@pytest.mark.parametrize("during", [_closed, _paused, _failed, _another_queue])
def test_what_happens_while_a_request_is_made(
    during: Callable[[Any], None], by_transport: bool
) -> None:
    with stock():
        expected = _asked(during, by_transport)
    assert _asked(during, by_transport) == expected


@pytest.mark.parametrize("path", [b"/late/%41", "/late", bytearray(b"/late/%41"), b"*", None])
def test_the_path_is_read_after_the_default_headers(path: Any) -> None:
    class Request(server.Request):
        def setHeader(self, name: Any, value: Any) -> None:
            super().setHeader(name, value)
            if name == b"Date":
                self.path = path

    def served() -> Any:
        connection = Connection(requestFactory=Request)
        try:
            answer = connection.get()
        except (TypeError, AttributeError) as error:
            return type(error), str(error)
        return _without_date(answer), [r.postpath for r in connection.page.requests]

    with stock():
        expected = served()
    assert served() == expected


@pytest.mark.parametrize("name", ["render_GET", "render_HEAD"])
def test_the_log_of_a_head_request_has_the_resource(name: str) -> None:
    """In the place of HEAD, GET is asked for; and a body for HEAD is left out."""
    events: list[Any] = []

    class Own(resource.Resource):
        isLeaf = True

    def render(self: Any, request: Any) -> bytes:
        return b"body"

    page = Own()
    if name == "render_HEAD":
        setattr(Own, name, render)
    else:

        def only_get(self: Any, request: Any) -> bytes:
            if request.method == b"HEAD":
                raise resource.UnsupportedMethod([b"GET"])
            return b"body"

        Own.render = only_get  # type: ignore[method-assign]
    globalLogPublisher.addObserver(events.append)
    try:
        Connection(page).get(b"HEAD / HTTP/1.1\r\n\r\n")
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert [event["resrc"] for event in events if "resrc" in event] == [page]


def _context_of(error: BaseException) -> Any:
    return type(error.__context__), type(error.__cause__)


@pytest.mark.parametrize("raises", [KeyError("own"), resource.UnsupportedMethod([b"PUT"])])
@pytest.mark.parametrize("chained", [False, True])
def test_the_chain_of_a_programs_exception(raises: Exception, chained: bool) -> None:
    """A request comes while another exception is handled."""
    seen: list[Any] = []

    class Fails(resource.Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            if not chained:
                raise raises
            try:
                raise ZeroDivisionError
            except ZeroDivisionError:
                raise raises  # noqa: B904

    class Request(server.Request):
        def processingFailed(self, reason: Any) -> Any:
            seen.append(_context_of(reason.value))
            return super().processingFailed(reason)

        def setHeader(self, name: Any, value: Any) -> None:
            if name == b"Allow":
                handled = sys.exc_info()[1]
                assert handled is not None
                seen.append(_context_of(handled))
            super().setHeader(name, value)

    def answered() -> Any:
        raises.__context__ = None
        seen.clear()
        connection = Connection(Fails(), requestFactory=Request)
        try:
            raise OSError("outer")
        except OSError:
            connection.get()
        return list(seen)

    with stock():
        expected = answered()
    assert len(expected) == 1
    assert answered() == expected


def test_a_second_finish_is_warned_about_where_twisted_does() -> None:
    class Twice(resource.Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> Any:
            channel = request.channel
            request.finish()
            request.channel = channel
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                request.finish()
            found.extend((each.filename, each.lineno) for each in caught)
            return server.NOT_DONE_YET

    found: list[Any] = []
    with stock():
        Connection(Twice()).get()
    expected = list(found)
    found.clear()
    Connection(Twice()).get()
    assert len(expected) == 1
    assert found == expected
