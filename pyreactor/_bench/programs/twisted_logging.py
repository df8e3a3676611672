"""
Nanoseconds for each event that is logged: ``twisted_logging.py WORK WHERE COUNT``.

WORK is msg (log.msg), info (Logger.info with two values), debug (below the level that is asked
for) or access (a line of an access log).  WHERE is nowhere (no observer is left once logging
has begun), filter (one that wants warnings only), twistd (the observer and file that twistd
makes), start (log.startLogging) or begin (before logging has begun).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from measured import Stopwatch, tell
from twisted.internet import reactor as default_reactor
from twisted.internet.address import IPv4Address
from twisted.logger import (
    FilteringLogObserver,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python import log
from twisted.python.logfile import LogFile
from twisted.web.http_headers import Headers
from twisted.web.server import Request, Site

reactor: Any = default_reactor
work, where, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
logger = Logger()


def begin(folder: str) -> None:
    """Have what is logged go where it is to go."""
    path = str(Path(folder) / "log")
    if where == "start":
        file = Path(path).open("w", encoding="utf-8")  # noqa: SIM115 (as long as the program)
        log.startLogging(file, setStdout=False)
    elif where != "begin":
        text = textFileLogObserver(LogFile.fromFullPath(path, rotateLength=None))
        warnings = FilteringLogObserver(text, [LogLevelFilterPredicate(LogLevel.warn)])
        observers: dict[str, list[Any]] = {"nowhere": [], "filter": [warnings], "twistd": [text]}
        globalLogBeginner.beginLoggingTo(observers[where], redirectStandardIO=False)


def request() -> Any:
    """What an access log looks at."""
    made: Any = Request.__new__(Request)
    made.requestHeaders = Headers({b"user-agent": [b"Mozilla/5.0 (X11; Linux x86_64)"]})
    made.client = IPv4Address("TCP", "127.0.0.1", 80)
    made.method, made.uri, made.clientproto = b"GET", b"/path?query=1", b"HTTP/1.1"
    made.code, made.sentLength = 200, 1234
    return made


def run(count: int) -> None:
    """Log that many times."""
    if work == "msg":
        for _ in range(count):
            log.msg("a message")
    elif work == "info":
        for number in range(count):
            logger.info("Hello {who}, {number} times", who="you", number=number)
    elif work == "access":
        site = Site(None, reactor=reactor)  # type: ignore[no-untyped-call]
        site.startFactory()
        made = request()
        for _ in range(count):
            site.log(made)
        site.stopFactory()


def main() -> None:
    """One sample."""
    with tempfile.TemporaryDirectory() as folder:
        begin(folder)
        run(count // 20 + 1)
        watch = Stopwatch()
        run(count)
        passed = watch.passed()
    tell(reactor, count, passed)


main()
