"""Doing what `settings` asks for, as a reactor starts, while it runs, and as it ends."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

from pyreactor._watch import settings, statistics, top
from pyreactor._watch.watchdog import watch_as_asked


class Running:
    """What was begun for one reactor."""

    def __init__(self, reactor: Any) -> None:
        self.reactor, self.loop = reactor, reactor._loop
        self.offered: Any = None
        self.signalled = False
        if not reactor._tellsItsEnd:
            reactor.addSystemEventTrigger("after", "shutdown", self.end)

    def begin(self) -> None:
        """Do what is asked for and is not done yet."""
        asked = settings.current
        watch_as_asked(self.loop, asked.slow, asked.per_minute)
        if asked.counts() and self.loop.statistics() is None:
            self.loop.count(True)
        if asked.stats and not self.signalled:
            self._listen_to_signal()
        if asked.top and self.offered is None:
            self.offered = top.offer(self.reactor, self.loop)
        if asked.prometheus is not None:
            port, asked.prometheus = asked.prometheus, None
            self._register(port)

    def end(self) -> None:
        """The reactor has ended."""
        watch_as_asked(self.loop, None, settings.PER_MINUTE)
        if self.signalled:
            # Unless the program has found a use for it meanwhile.
            if signal.getsignal(signal.SIGUSR2) == self.show:
                signal.signal(signal.SIGUSR2, signal.SIG_DFL)
            self.signalled = False
        if settings.current.stats:
            self.show()
        # Its port has been closed with all others.
        self.offered = None

    def show(self, *_signal: object) -> None:
        """Print what the reactor has done, on stderr."""
        if sys.stderr is not None:
            print(statistics.text(statistics.snapshot(self.loop)), file=sys.stderr, flush=True)

    def _listen_to_signal(self) -> None:
        """Show it on SIGUSR2, unless the program has a use for that."""
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL:
            signal.signal(signal.SIGUSR2, self.show)
            self.signalled = True

    def _register(self, port: int) -> None:
        try:
            from pyreactor._watch import prometheus

            prometheus.register(self.loop, port)
        except (ImportError, OSError, ValueError) as error:
            print(f"pyreactor: {settings.PROMETHEUS}: {error}", file=sys.stderr)
