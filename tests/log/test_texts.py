"""The texts of a log's lines, made by Twisted's own code and by ours."""

from __future__ import annotations

import errno
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from string import Formatter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.logger import _format
from twisted.python import log, reflect, threadable, util
from twisted.web import http
from twisted.web.http_headers import Headers

from pyreactor import _code
from pyreactor._core import log_time_text
from pyreactor._log import texts
from tests.log.own_code import own_code

EXAMPLES = int(os.environ.get("PYREACTOR_TEST_EXAMPLES", "300"))
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"]
ZONES += ["Africa/Monrovia", "XYZ+3:45", "XYZ-0:30:20", "right/UTC"]


@contextmanager
def zone(name: str) -> Iterator[None]:
    """Be in a time zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    """What a call gives, or raises."""
    try:
        return function(*args)
    except Exception as error:
        return type(error), str(error)


def check(function: Callable[..., Any], *args: Any) -> Any:
    """The same outcome of a call on both sides, which is given back."""
    with own_code():
        stock = outcome(function, *args)
    assert outcome(function, *args) == stock
    return stock


moments = st.one_of(
    st.floats(-1e9, 1e11),
    st.integers(-(10**9), 10**11),
    st.integers(0, 2**31).flatmap(
        lambda n: st.sampled_from([0.9999, 0.99999, 0.9999995, 1e-7]).map(lambda f: n + f)
    ),
    st.sampled_from([None, float("nan"), float("inf"), 1e300, 10**30, True, "text", 0, -0.5]),
)


@given(moments, st.sampled_from(ZONES))
@settings(max_examples=EXAMPLES)
@example(1783468800.25, "America/St_Johns")
@example(1288509000.0, "America/St_Johns")
def test_times(when: Any, name: str) -> None:
    """Both kinds of time stamps, at any moment, in zones of all sorts."""
    with zone(name):
        check(_format.formatTime, when)
        check(log.FileLogObserver(io.StringIO()).formatTime, when)


def test_usual_times_are_made_in_c() -> None:
    """What the test above compares is not Twisted's code on both sides."""
    with zone("America/St_Johns"):
        assert log_time_text(1783468800.25, False) == "2026-07-07T21:30:00-0230"
        assert log_time_text(1783468800, True) == "2026-07-07 21:30:00-0230"
        assert log_time_text(1783468800.999999, False) is None
    with zone("XYZ+3:45"):  # the one text counts its minutes otherwise
        assert log_time_text(1783468800, False) == "2026-07-07T20:15:00-0345"
        assert log_time_text(1783468800, True) == "2026-07-07 20:15:00-0315"
    with pytest.raises(TypeError, match="2 arguments"):
        log_time_text(1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "function", [_format.formatTime, log.FileLogObserver(io.StringIO()).formatTime]
)
def test_replaced_datetime_is_obeyed(
    function: Callable[[float], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a library that fakes time puts one into Twisted's modules."""

    class Fake(datetime):
        @classmethod
        def fromtimestamp(cls, when: float, tz: Any = None) -> Any:
            return datetime.fromtimestamp(when + 3600, tz)

    before = check(function, 1783468800.5)
    monkeypatch.setattr(_format, "DateTime", Fake)
    monkeypatch.setattr(log, "datetime", Fake)
    assert check(function, 1783468800.5) != before


def test_observer_with_its_own_zone_or_format() -> None:
    """getTimezoneOffset and timeFormat of a FileLogObserver are obeyed."""

    class Own(log.FileLogObserver):
        def getTimezoneOffset(self, when: float) -> int:
            return 7200

    assert check(Own(io.StringIO()).formatTime, 1783468800.5) == "2026-07-07 22:00:00-0200"
    observer: Any = log.FileLogObserver(io.StringIO())
    observer.getTimezoneOffset = lambda when: -3600
    assert check(observer.formatTime, 1783468800.5) == "2026-07-08 01:00:00+0100"
    observer = log.FileLogObserver(io.StringIO())
    observer.timeFormat = "%Y"
    assert check(observer.formatTime, 1783468800.5) == "2026"


@pytest.mark.parametrize("format", [None, "%Y/%W", "%H", ""])
def test_formats_of_times(format: str | None) -> None:
    """Other formats than the default."""
    check(_format.formatTime, 1783468800.5, format)
    check(_format.formatTime, None, format, "nothing")


pieces = st.lists(
    st.sampled_from(
        ["text", "{{", "}}", "{", "}", "{a}", "{a!r}", "{a!s:>9}", "{a!a}", "{b:x}", "{a.real}"]
        + ["{a[0]}", "{a()}", "{c:{b}}", "{}", "{0}", "{missing}", "{a!q}", "{ü}", "{a b}", "{b:,}"]
    )
    | st.text(max_size=3),
    max_size=5,
).map("".join)


@given(pieces, st.sampled_from(["text", "ü", b"bytes", 5, timedelta(3), [1, 2]]))
@settings(max_examples=EXAMPLES)
def test_formats(text: str, value: Any) -> None:
    """Formats that are simple, that are not, and that are none."""
    event = {"a": value, "b": 17, "c": "aligned", "ü": "u", "a b": "with a space"}
    check(_format.formatWithCall, text, event)
    check(_format.formatEvent, {"log_format": text, **event})


class Own(str):
    """Text of a program's own class."""

    def __str__(self) -> str:
        return "another text"

    def __format__(self, spec: str) -> str:
        return self


@pytest.mark.parametrize("text", ["{a}", "{a!r}", "{a!s}", "{a}{a}", "x{a}", "{a:>20}"])
def test_formats_give_plain_text(text: str) -> None:
    """Also where a value's __format__ gives text of a program's own class."""
    event = {"a": Own("text"), "log_format": text}
    for function in (
        lambda: _format.formatWithCall(text, event),
        lambda: _format.formatEvent(event),
    ):
        assert check(lambda function=function: type(function())) is str


def test_many_formats_do_not_pile_up() -> None:
    """A program whose formats are all different."""
    for number in range(3000):
        assert _format.formatWithCall(f"{number} {{a}}", {"a": "b"}) == f"{number} b"
    assert len(texts._formats) <= 1000


@given(
    st.one_of(
        st.binary(max_size=12), st.text(max_size=8), st.sampled_from([None, 5, bytearray(b"a")])
    )
)
@settings(max_examples=EXAMPLES)
@example(b"GET")
@example("127.0.0.1")
@example(b'it\'s "so"')
def test_escape(value: Any) -> None:
    """Whatever a client sends."""
    check(http._escape, value)


class Request:
    """What an access log looks at."""

    def __init__(self, address: Any, headers: Any, **attributes: Any) -> None:
        self.address = address
        self.requestHeaders = Headers(headers)
        vars(self).update(attributes)

    def getClientAddress(self) -> Any:
        """Mirrors Request.getClientAddress."""
        return self.address

    def getHeader(self, name: bytes) -> bytes | None:
        """Mirrors Request.getHeader."""
        values = self.requestHeaders.getRawHeaders(name)
        return values[-1] if values else None


sent = st.sampled_from(
    [b"", b"plain", b'"quoted"', b"it's", b"\x00\xff", b"back\\slash", b"a" * 200]
)


@given(
    st.sampled_from(
        [
            IPv4Address("TCP", "10.0.0.1", 80),
            IPv6Address("TCP", "::1", 80),
            UNIXAddress("/socket"),
            http._XForwardedForAddress(b"1.2.3.4"),
            IPv4Address("TCP", "ü", 80),
            None,
        ]
    ),
    st.dictionaries(
        st.sampled_from([b"referer", b"user-agent", b"x-forwarded-for"]),
        st.lists(sent, max_size=2),
    ),
    st.fixed_dictionaries(
        {
            "method": st.one_of(sent, st.sampled_from(["GET", "ü", Own("GET"), None])),
            "uri": sent,
            "clientproto": sent,
            "code": st.sampled_from([200, 404, -1, 1 << 70, True, "200", None, 200.5]),
            "sentLength": st.sampled_from([0, 17, None, True, b"17", Own("17"), "ü"]),
        }
    ),
    st.sampled_from(["[time]", "[ü]", None, ("a", "b"), b"[time]", Own("[time]")]),
)
@settings(max_examples=EXAMPLES)
def test_lines_of_an_access_log(address: Any, headers: Any, attributes: Any, when: Any) -> None:
    """The same line, or error, for whatever request."""
    request = Request(address, headers, **attributes)
    check(http.combinedLogFormatter, when, request)
    check(http.proxiedLogFormatter, when, request)


def test_replaced_escape_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """By combinedLogFormatter, which finds it by its name."""
    request = Request(
        None, {}, method=b"GET", uri=b"/", clientproto=b"HTTP/1.1", code=200, sentLength=1
    )
    monkeypatch.setattr(http, "_escape", lambda text: f"<{text!r}>")
    assert check(http.combinedLogFormatter, "[time]", request).startswith("\"<b'-'>\"")
    monkeypatch.setattr(http, "_escape", lambda text: text)
    assert check(http.combinedLogFormatter, "[time]", request).startswith("\"b'-'\"")


@pytest.mark.parametrize(
    "name", ["getHeader", "method", "uri", "clientproto", "code", "sentLength"]
)
def test_access_log_of_what_is_no_request(name: str) -> None:
    """The same error for the first that is missing."""
    names = {"method": b"GET", "uri": b"/", "clientproto": b"HTTP/1.1", "code": 200}
    names |= {"sentLength": 1, "getHeader": lambda name: None, "getClientAddress": lambda: None}
    del names[name]
    result = check(http.combinedLogFormatter, "[time]", SimpleNamespace(**names))
    assert result[0] is AttributeError


def test_date_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of now, of a given time, and of a clock that was replaced."""
    for when in (0, 1.5, 1783468800, -1):
        check(http.datetimeToString, when)
    before = http.datetimeToString()
    assert http.stringToDatetime(before) in range(int(time.time()) - 2, int(time.time()) + 1)
    monkeypatch.setattr(http, "gmtime", lambda *args: time.gmtime(*(args or (0,))))
    assert check(http.datetimeToString) == b"Thu, 01 Jan 1970 00:00:00 GMT"


def test_date_header_changes_with_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text is kept for one second, whatever the order of seconds."""
    stock: Any = texts.stock["datetimeToString"]
    for second in (5, 5, 6, 5, 1783468800):
        assert texts.date(second) == stock(second)


@pytest.mark.parametrize("name", ["untilConcludes", "util", "_safeFormat", "textFromEventDict"])
def test_what_writes_legacy_lines_can_be_replaced(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FileLogObserver.emit finds all of it by name."""
    calls: list[Any] = []

    def until(function: Callable[..., Any], *args: Any) -> None:
        calls.append(args)
        function(*args)

    if name == "untilConcludes":
        monkeypatch.setattr(util, name, until)
    elif name == "util":
        monkeypatch.setattr(log, name, type("Util", (), {"untilConcludes": staticmethod(until)}))
    else:
        monkeypatch.setattr(log, name, lambda *args: calls.append(args) or "replaced\n")
    event = {"message": ("a", "text"), "time": 0, "system": "-", "isError": 0}

    def write() -> Any:
        calls.clear()
        file = io.StringIO()
        log.FileLogObserver(file).emit(dict(event))
        return file.getvalue(), list(calls)

    assert check(write)[1]


@given(
    st.one_of(
        st.none(),
        st.lists(st.sampled_from(["a text", "", "two\nlines", b"bytes", None, 5]), max_size=2).map(
            tuple
        ),
        st.sampled_from(["a text", ["list"]]),
    ),
    st.sampled_from([None, "%(message)s"]),
)
@settings(max_examples=EXAMPLES)
def test_lines_of_legacy_events(message: Any, form: Any) -> None:
    """Messages of any sort, and none."""
    event = {"time": 0, "system": "-", "isError": 0}
    event.update({} if message is None else {"message": message})
    event.update({} if form is None else {"format": form})

    def write() -> str:
        file = io.StringIO()
        log.FileLogObserver(file).emit(dict(event))
        return file.getvalue()

    check(write)


class Interrupted:
    """A file whose methods are interrupted a few times, or fail."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls: list[Any] = []

    def write(self, text: str) -> None:
        self.calls.append(text)
        if self.errors:
            raise self.errors.pop(0)

    def flush(self) -> None:
        self.write("flushed")


EINTR = OSError(errno.EINTR, "")


@pytest.mark.parametrize(
    "errors",
    [(), (EINTR,), (EINTR, EINTR), (EINTR, OSError(errno.EIO, "")), (OSError(),), (ValueError(),)]
    + [(InterruptedError(errno.EINTR, ""), InterruptedError())],
)
@pytest.mark.parametrize("first", [0, 1])
def test_files_that_are_interrupted(errors: tuple[Exception, ...], first: int) -> None:
    """They are written to again, as often as stock does it."""
    event = {"message": ("a",), "time": 0, "system": "-", "isError": 0}

    def write() -> Any:
        file = Interrupted(*(type(error)(*error.args) for error in errors))
        observer: Any = log.FileLogObserver(file)
        if first:
            observer.write = file.calls.append
        try:
            observer.emit(dict(event))
        except Exception as error:
            return type(error), error.args, type(error.__context__), file.calls
        return file.calls

    assert check(write)


@pytest.mark.parametrize("name", ["write", "flush"])
def test_a_method_replaced_while_it_is_interrupted(name: str) -> None:
    """The one that was called first is called again."""

    def write() -> Any:
        file = Interrupted()
        observer: Any = log.FileLogObserver(file)

        def interrupted(*text: str) -> None:
            file.calls.append("interrupted")
            setattr(observer, name, file.calls.append)
            if file.calls.count("interrupted") == 1:
                raise InterruptedError(errno.EINTR, "")

        setattr(observer, name, interrupted)
        observer.emit({"message": ("a",), "time": 0, "system": "-", "isError": 0})
        return file.calls

    assert check(write).count("interrupted") == 2


class Utc:
    """A program that wants its times in another zone puts such into twisted.logger."""

    @staticmethod
    def fromLocalTimeStamp(when: float) -> Any:
        return timezone(timedelta(hours=5))


class Loud(Formatter):
    """A formatter that a program puts into twisted.logger."""

    def vformat(self, *args: Any) -> str:
        return super().vformat(*args).upper()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("FixedOffsetTimeZone", Utc, "1970-01-01T05:00:00+0500 [a#-] text"),
        ("aFormatter", Loud(), " [a#-] TEXT"),
        ("CallMapping", lambda mapping: {**mapping, "a": "mapped"}, " [a#-] mapped"),
    ],
)
def test_what_is_put_into_the_module_of_formats_is_used(
    monkeypatch: pytest.MonkeyPatch, name: str, value: Any, text: str
) -> None:
    """What stock finds there by its name."""
    monkeypatch.setattr(_format, name, value)
    event = {"log_format": "{a}", "a": "text", "log_time": 0, "log_namespace": "a"}
    assert check(lambda: _format.formatEventAsClassicLogText(dict(event))).endswith(f"{text}\n")


def test_replaced_safe_str_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """By textFromEventDict, which finds it in its module."""
    monkeypatch.setattr(reflect, "safe_str", lambda value: f"<{value}>")

    def write() -> str:
        file = io.StringIO()
        log.FileLogObserver(file).emit({"message": ("a",), "time": 0, "system": "-", "isError": 0})
        return file.getvalue()

    assert check(write).endswith("[-] <a>\n")


def test_locks_are_the_interpreters_own() -> None:
    """And, as Twisted's, they are pickled as new ones."""
    import _thread
    import pickle

    lock: Any = threadable.XLock()  # type: ignore[misc]
    assert isinstance(lock, _thread.RLock)
    lock.acquire()
    lock.acquire()
    assert type(pickle.loads(pickle.dumps(lock))) is type(lock)
    lock.release()
    lock.release()
    with pytest.raises(RuntimeError):
        lock.release()
    assert f"{type(lock).__module__}.{type(lock).__qualname__}".startswith(threadable.__name__)


def test_locks_where_threading_has_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after gevent's patch, whose greenlets wait for each other's locks: Twisted's class."""
    import _thread
    import threading

    made = []

    def allocate() -> Any:
        made.append(_thread.allocate_lock())
        return made[-1]

    monkeypatch.setattr(threading, "_allocate_lock", allocate)
    lock: Any = threadable.XLock()  # type: ignore[misc]
    assert not isinstance(lock, _thread.RLock)
    lock.acquire()
    assert made[0].locked()
    lock.release()


def test_functions_stay_the_objects_that_they_are() -> None:
    """Whoever has imported one before has it; its signature is Twisted's."""
    import inspect

    function = sys.modules["twisted.logger"].formatTime
    assert function is _format.formatTime
    assert _code.is_given(function)
    with own_code():
        stock = inspect.signature(function, follow_wrapped=False)
    assert list(inspect.signature(function).parameters) == list(stock.parameters)
    assert function.__defaults__ == ("%Y-%m-%dT%H:%M:%S%z", "-")
