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
def logged_failures() -> Iterator[list[tuple[str, str]]]:
    """
    Type and arguments of the failures that are logged in the block, and by the collection
    of garbage at its end.  The failures themselves would keep what they refer to alive.
    """
    failures: list[tuple[str, str]] = []

    def observe(event: dict[str, Any]) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            args = getattr(failure.value, "args", None)
            failures.append((failure.type.__name__, repr(args)))

    gc.collect()
    globalLogPublisher.addObserver(observe)
    try:
        yield failures
        gc.collect()
    finally:
        globalLogPublisher.removeObserver(observe)
