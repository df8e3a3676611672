"""
What Deferreds log, for tests.

Twisted's log keeps the last events until somebody begins to log.  Their failures keep
frames alive, and with them Deferreds whose unhandled errors would be reported in the
middle of another test; so logging is begun here.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.logger import globalLogBeginner, globalLogPublisher

globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)


@contextmanager
def logged_failures() -> Iterator[list[Any]]:
    """The failures logged in the block, and by the collection of garbage at its end."""
    failures: list[Any] = []

    def observe(event: dict[str, Any]) -> None:
        if "log_failure" in event:
            failures.append(event["log_failure"])

    gc.collect()
    globalLogPublisher.addObserver(observe)
    try:
        yield failures
        gc.collect()
    finally:
        globalLogPublisher.removeObserver(observe)
