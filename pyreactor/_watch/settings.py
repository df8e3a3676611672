"""What is asked of the reactor that runs, or will: by the command line, the environment, a call."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SLOW_VARIABLE = "PYREACTOR_SLOW"
PER_MINUTE = 12


class Settings:
    """Of this process."""

    def __init__(self) -> None:
        #: Seconds that a callback may take before it is reported; None: none is.
        self.slow: float | None = None
        self.per_minute = PER_MINUTE
        self._asked = False

    def read_environment(self) -> None:
        """Take what the environment says, once, where nothing else was said before."""
        if self._asked:
            return
        self._asked = True
        text = os.environ.get(SLOW_VARIABLE, "")
        if text:
            try:
                self.slow = seconds(text)
            except ValueError as error:
                print(f"pyreactor: {SLOW_VARIABLE}: {error}", file=sys.stderr)

    def watch(self, slow: float | None, per_minute: int) -> None:
        """Take what a call, or the command line, says."""
        self._asked = True
        self.slow, self.per_minute = slow, per_minute


def seconds(text: str | float) -> float:
    """
    A time that something may take.

    @raise ValueError: it is not a positive number.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError(f"{text!r} is not a positive number of seconds")
    return number


current = Settings()


def watch(slow: float | None = 0.1, *, per_minute: int = PER_MINUTE) -> None:
    """
    Have callbacks that block the reactor reported.

    A callback that takes longer than `slow` is reported once, by a warning of twisted.logger with
    the namespace ``pyreactor.watch``: what it was, the function, how long it took, and the Python
    stack taken while it ran.  To be called before the reactor runs, or in its thread.

    @param slow: seconds; None reports no more.
    @param per_minute: the most reports in a minute; what is beyond is counted.
    @raise ValueError: `slow` is not a positive number, or `per_minute` is less than 1.
    @raise RuntimeError: the reactor that is installed is not pyreactor's.
    """
    if slow is not None:
        slow = seconds(slow)
    if per_minute < 1:
        raise ValueError(f"per_minute is {per_minute!r}, and has to be 1 at least")
    installed: Any = sys.modules.get("twisted.internet.reactor")
    if installed is not None and not hasattr(installed, "_watchAsAsked"):
        kind = f"{type(installed).__module__}.{type(installed).__qualname__}"
        raise RuntimeError(f"the reactor is a {kind}, which pyreactor cannot watch")
    current.watch(slow, per_minute)
    if installed is not None and installed.running:
        installed._watchAsAsked()
