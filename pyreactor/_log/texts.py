"""
Shorter ways for functions of Twisted's that make the texts of a log.

How their code comes to run is told in `pyreactor._code`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from errno import EINTR  # noqa: F401 (for the code that is given)
from string import Formatter
from types import FunctionType
from typing import TYPE_CHECKING, Any

from pyreactor import _code
from pyreactor._core import log_access_line, log_plain_text, log_time_text

if TYPE_CHECKING:
    # What the functions below find in Twisted's modules.
    DateTime: Any = None
    FixedOffsetTimeZone: Any = None
    CallMapping: Any = None
    StringifiableFromEvent: Any = None
    aFormatter: Any = None
    flatFormat: Callable[..., str] = str
    formatEvent: Callable[..., str] = str
    formatUnformattableEvent: Callable[..., str] = str
    _formatTraceback: Callable[..., str] = str
    _safeFormat: Callable[..., str] = str
    textFromEventDict: Callable[..., str | None] = str
    datetime: Any = None
    reflect: Any = None
    util: Any = None
    address: Any = None
    _XForwardedForAddress: Any = None
    gmtime: Callable[..., Any] = str
    time: Callable[..., float] = float
    _pyreactor: Any = None

#: What a function of Twisted's was before it was given other code, by the name here.
stock: dict[str, Callable[..., Any]] = {}

plainText = log_plain_text
accessLine = log_access_line
timeText = log_time_text

#: The classes and functions that Twisted makes times by, where nobody has put others; and
#: functions of its own that are left out below.
known: dict[str, Any] = {}

#: What twisted.logger._format has under these names where nobody has put others: attributes,
#: which are read quicker than `known`.
ownFormatter: Any = None
ownMapping: Any = None
ownZone: Any = None


def give_code(function: FunctionType, name: str) -> None:
    """
    Have a function of Twisted's run the code of one of those below.

    :param function: Twisted's.
    :param name: of the one below, which has the same parameters.
    """
    stock[name] = _code.give(function, globals()[name], sys.modules[__name__])


# ---- formats ----

#: Formats seen, and whether they have names of keys only.
_formats: dict[str, bool] = {}
_MOST_FORMATS = 1000
_LONGEST_FORMAT = 500


def isSimple(text: str) -> bool:
    """
    Whether a format has nothing in its fields but keys, conversions, and what str.format knows.

    Then ``format_map`` does what ``formatWithCall`` does.
    """
    if len(text) > _LONGEST_FORMAT:
        return False
    found = _formats.get(text)
    if found is None:
        if len(_formats) >= _MOST_FORMATS:
            _formats.clear()
        found = _formats[text] = _looks_simple(text)
    return found


def _looks_simple(text: str) -> bool:
    try:
        fields = list(Formatter().parse(text))
    except ValueError:
        return False
    return all(
        name is None
        or (name.isidentifier() and "{" not in (spec or "") and conversion in (None, "r", "s", "a"))
        for _, name, spec, conversion in fields
    )


def formatWithCall(formatString: str, mapping: Any) -> str:
    """Mirrors twisted.logger._format.formatWithCall."""
    if (
        type(formatString) is str
        and type(mapping) is dict
        and aFormatter is _pyreactor.ownFormatter
        and CallMapping is _pyreactor.ownMapping
        and _pyreactor.isSimple(formatString)
    ):
        # A format of one field gives what the value's __format__ made, which may be of a subclass.
        return "".join((formatString.format_map(mapping),))
    return str(aFormatter.vformat(formatString, (), CallMapping(mapping)))


def _formatEvent(event: dict[str, Any]) -> str:
    """Mirrors twisted.logger._format._formatEvent."""
    try:
        if "log_flattened" in event:
            return flatFormat(event)

        format = event.get("log_format")
        if format is None:
            return ""
        if isinstance(format, bytes):
            format = format.decode("utf-8")
        elif not isinstance(format, str):
            raise TypeError(f"Log format must be str, not {format!r}")
        return formatWithCall(format, event)
    except BaseException as e:
        return formatUnformattableEvent(event, e)


def _formatSystem(event: dict[str, Any]) -> str:
    """Mirrors twisted.logger._format._formatSystem."""
    system = event.get("log_system")
    if system is None:
        level = event.get("log_level")
        levelName = "-" if level is None else level.name
        return f"{event.get('log_namespace', '-')}#{levelName}"
    try:
        return str(system)
    except Exception:
        return "UNFORMATTABLE"


# ---- times ----


def formatTime(when: Any, timeFormat: str | None = None, default: str = "-") -> str:
    """Mirrors twisted.logger._format.formatTime."""
    if timeFormat is None or when is None:
        return default
    if (
        timeFormat == "%Y-%m-%dT%H:%M:%S%z"
        and DateTime is _pyreactor.known["DateTime"]
        and FixedOffsetTimeZone is _pyreactor.ownZone
    ):
        text: str | None = _pyreactor.timeText(when, False)
        if text is not None:
            return text
    tz = FixedOffsetTimeZone.fromLocalTimeStamp(when)
    return str(DateTime.fromtimestamp(when, tz).strftime(timeFormat))


def eventAsText(
    event: dict[str, Any],
    includeTraceback: bool = True,
    includeTimestamp: bool = True,
    includeSystem: bool = True,
    formatTime: Callable[[Any], str] = formatTime,
) -> str:
    """Mirrors twisted.logger._format.eventAsText."""
    eventText = _formatEvent(event)
    if includeTraceback and "log_failure" in event:
        eventText = "\n".join((eventText, _formatTraceback(event["log_failure"])))

    if not eventText:
        return eventText

    timeStamp = system = ""
    if includeTimestamp:
        timeStamp = "".join((formatTime(event.get("log_time")), " "))
    if includeSystem:
        system = "".join(("[", _formatSystem(event), "] "))
    return f"{timeStamp}{system}{eventText}"


def legacyFormatTime(self: Any, when: Any) -> str:
    """Mirrors twisted.python.log.FileLogObserver.formatTime."""
    if (
        self.timeFormat is None
        and datetime is _pyreactor.known["DateTime"]
        and getattr(self.getTimezoneOffset, "__func__", None)
        is _pyreactor.known["FileLogObserver.getTimezoneOffset"]
    ):
        text: str | None = _pyreactor.timeText(when, True)
        if text is not None:
            return text
    return str(_pyreactor.stock["legacyFormatTime"](self, when))


# ---- twisted.python.log ----


def callLegacy(self: Any, event: dict[str, Any]) -> None:
    """Mirrors twisted.logger.LegacyLogObserverWrapper.__call__."""
    if "message" not in event:
        event["message"] = ()
    if "time" not in event:
        event["time"] = event["log_time"]
    if "system" not in event:
        event["system"] = event.get("log_system", "-")

    if "format" not in event and event.get("log_format") is not None:
        event["format"] = "%(log_legacy)s"
        event["log_legacy"] = StringifiableFromEvent(event.copy())
        if not isinstance(event["message"], tuple):
            event["message"] = ()

    if "log_failure" in event:
        if "failure" not in event:
            event["failure"] = event["log_failure"]
        if "isError" not in event:
            event["isError"] = 1
        if "why" not in event:
            event["why"] = formatEvent(event)
    elif "isError" not in event:
        event["isError"] = 1 if event["log_level"] in _pyreactor.known["errors"] else 0

    self.legacyObserver(event)


def legacyEmit(self: Any, eventDict: dict[str, Any]) -> None:
    """Mirrors twisted.python.log.FileLogObserver.emit."""
    known, message = _pyreactor.known, eventDict.get("message")
    if (
        type(message) is tuple
        and len(message) == 1
        and type(message[0]) is str
        and textFromEventDict is known["textFromEventDict"]
        and reflect.safe_str is known["safe_str"]
    ):
        text: str | None = message[0]
    else:
        text = textFromEventDict(eventDict)
    if text is None:
        return

    timeStr = self.formatTime(eventDict["time"])
    system, text = eventDict["system"], text.replace("\n", "\n\t")
    if type(system) is type(timeStr) is str and _safeFormat is known["_safeFormat"]:
        line = f"{timeStr} [{system}] {text}\n"
    else:
        line = _safeFormat("[%(system)s] %(text)s\n", {"system": system, "text": text})
        line = timeStr + " " + line

    if util is known["util"]:  # whose attributes cost a microsecond each
        untilConcludes = known["util_names"]["untilConcludes"]
    else:
        untilConcludes = util.untilConcludes
    if untilConcludes is not known["untilConcludes"]:
        untilConcludes(self.write, line)
        untilConcludes(self.flush)
        return
    write = self.write
    while True:
        try:
            write(line)
            break
        except OSError as error:
            if error.args[0] != _pyreactor.EINTR:
                raise
    flush = self.flush
    while True:
        try:
            flush()
            break
        except OSError as error:
            if error.args[0] != _pyreactor.EINTR:
                raise


#: The second that was last made into a Date header, and that.
_lastDate: tuple[int, bytes] = (-1, b"")


def date(now: int) -> bytes:
    """
    The text of a Date header, made once a second.

    :param now: seconds since the epoch.
    """
    global _lastDate
    second, text = _lastDate
    if second != now:
        text = stock["datetimeToString"](now)
        _lastDate = now, text
    return text


def datetimeToString(msSinceEpoch: Any = None) -> bytes:
    """Mirrors twisted.web.http.datetimeToString."""
    known = _pyreactor.known
    if msSinceEpoch is None and gmtime is known["gmtime"] and time is known["time"]:
        return bytes(_pyreactor.date(int(time())))
    return bytes(_pyreactor.stock["datetimeToString"](msSinceEpoch))


# ---- the web server's log ----


def _escape(s: Any) -> str:
    """Mirrors twisted.web.http._escape."""
    text: str | None = _pyreactor.plainText(s)
    return str(_pyreactor.stock["_escape"](s)) if text is None else text


def combinedLogFormatter(timestamp: Any, request: Any) -> str:
    """Mirrors twisted.web.http.combinedLogFormatter."""
    clientAddr = request.getClientAddress()
    if isinstance(clientAddr, (address.IPv4Address, address.IPv6Address, _XForwardedForAddress)):
        ip = clientAddr.host
    else:
        ip = b"-"
    known = _pyreactor.known["_escape"]
    return str(_pyreactor.accessLine(ip, timestamp, request, _escape, _escape is known))
