"""What is asked of the reactor that runs, or will: by the command line, the environment, a call."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SLOW, STATS, TOP, PROMETHEUS = (
    f"PYREACTOR_{name}" for name in ("SLOW", "STATS", "TOP", "PROMETHEUS")
)
PER_MINUTE = 12


class Settings:
    """Of this process."""

    def __init__(self) -> None:
        #: Seconds that a callback may take before it is reported; None: none is.
        self.slow: float | None = None
        self.per_minute = PER_MINUTE
        #: Whether to print at the end, and on SIGUSR2, what the reactor has done.
        self.stats = False
        #: Whether `pyreactor top` may look.
        self.top = False
        #: None, or the port to serve metrics at; 0: they are registered, and not served.
        self.prometheus: int | None = None
        #: Whether `stats()` was called.
        self.counted = False
        self._told: set[str] = set()
        self._read = False

    def anything(self) -> bool:
        """Whether there is anything to do as a reactor starts."""
        return self.slow is not None or self.counts()

    def counts(self) -> bool:
        """Whether statistics are to be made."""
        return self.stats or self.top or self.counted or self.prometheus is not None

    def tell(self, name: str, value: str) -> None:
        """
        Take a value for one of the variables.

        @raise ValueError: it cannot be that.
        """
        self._told.add(name)
        if name == SLOW:
            self.slow = seconds(value) if value else None
        elif name == STATS:
            self.stats = value not in ("", "0")
        elif name == TOP:
            self.top = value not in ("", "0")
        elif value in ("", "0"):
            self.prometheus = None
        elif value.isdigit() and int(value) < 65536:
            # 1 is no port that anybody would serve at.
            self.prometheus = 0 if value == "1" else int(value)
        else:
            raise ValueError(f"{value!r} is neither 1 nor a port")

    def read_environment(self) -> None:
        """Take what the environment says, once, of what nothing else was said before."""
        if self._read:
            return
        self._read = True
        for name in (SLOW, STATS, TOP, PROMETHEUS):
            if name in self._told or name not in os.environ:
                continue
            try:
                self.tell(name, os.environ[name])
            except ValueError as error:
                print(f"pyreactor: {name}: {error}", file=sys.stderr)


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


def installed_reactor() -> Any:
    """
    The reactor that is installed, or None.

    @raise RuntimeError: it is not pyreactor's.
    """
    installed: Any = sys.modules.get("twisted.internet.reactor")
    if installed is not None and not hasattr(installed, "_watchAsAsked"):
        kind = f"{type(installed).__module__}.{type(installed).__qualname__}"
        raise RuntimeError(f"the reactor is a {kind}, which pyreactor cannot watch")
    return installed


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
    installed = installed_reactor()
    current.tell(SLOW, "" if slow is None else str(slow))
    current.per_minute = per_minute
    if installed is not None and installed.running:
        installed._watchAsAsked()


def stats() -> dict[str, Any]:
    """
    What the reactor has done since it is counted; docs/guide.md tells what is in it.

    It is counted from the reactor's start with ``--stats``, ``PYREACTOR_STATS`` and their like,
    else from the first call of this on.  From any thread, but for that first call.

    @raise RuntimeError: there is no reactor of pyreactor's.
    """
    installed = installed_reactor()
    if installed is None:
        raise RuntimeError("no reactor is installed")
    from pyreactor._watch import statistics

    current.counted = True
    return statistics.snapshot(installed._loop)


def prometheus_collector() -> Any:
    """
    A collector for the registries of prometheus_client, which has to be installed.

    @raise RuntimeError: there is no reactor of pyreactor's.
    """
    installed = installed_reactor()
    if installed is None:
        raise RuntimeError("no reactor is installed")
    from pyreactor._watch import prometheus

    current.counted = True
    return prometheus.Collector(installed._loop)
