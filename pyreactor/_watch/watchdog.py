"""
The watchdog: a thread that takes the reactor's stack when one of its callbacks takes too long.

The C loop notes when it began what it does, and calls `Watchdog.ended` after each activity that
took too long, in the reactor's thread.  The thread sleeps in C (`Loop.look_on`), without the GIL,
until the activity under way is as old as may be, and takes the stack then.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from dataclasses import dataclass, field

from twisted.logger import Logger

from pyreactor import _core
from pyreactor._watch import stacks, words
from pyreactor._watch.stacks import Place

log = Logger(namespace="pyreactor.watch")

HANGS = 10.0
"""Seconds after which what goes on is reported, as it may never end."""


@dataclass
class Sample:
    """The stack of an activity, while it ran."""

    number: int
    stack: list[Place]
    told: bool = False


@dataclass
class Allowance:
    """So many reports a minute; the rest are counted."""

    most: int
    times: list[float] = field(default_factory=list)
    left_out: int = 0

    def take(self) -> bool:
        """Whether one more may be made now."""
        now = time.monotonic()
        self.times = [when for when in self.times if now - when < 60]
        if len(self.times) >= self.most:
            self.left_out += 1
            return False
        self.times.append(now)
        return True

    def words(self) -> str:
        """What is to be said of those that were left out since."""
        count, self.left_out = self.left_out, 0
        return f" ({count} more since the last report)" if count else ""


class Watchdog:
    """Of one loop, in whose thread it is made."""

    def __init__(self, loop: _core.Loop, slow: float, per_minute: int) -> None:
        self.loop, self.slow = loop, slow
        self.allowance = Allowance(per_minute)
        self.sample: Sample | None = None
        self.reactor_thread = threading.get_ident()
        loop.watch(slow, self.ended)
        self.thread = threading.Thread(target=self.run, name="pyreactor.watch", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Watch no more.  In the reactor's thread."""
        self.loop.watch(None, None)
        if self.thread.is_alive():
            self.thread.join(5)

    # -- in the thread --

    def run(self) -> None:
        """Take stacks until stopped."""
        sample = Sample(0, [], told=True)
        while True:
            found = self.loop.look_on(sample.number, math.inf if sample.told else HANGS)
            if found is None:
                return
            number, passed, kind, what = found
            if number != sample.number:
                sample = self.take(number)
            else:
                sample.told = True
                self.tell(
                    "has blocked the reactor for {seconds:.1f} s, and goes on", kind, what, passed
                )

    def take(self, number: int) -> Sample:
        """The reactor's stack now."""
        stack = stacks.places(sys._current_frames().get(self.reactor_thread))
        if self.loop.moment() != number:
            stack = []  # it ended just before
        sample = self.sample = Sample(number, stack)
        return sample

    # -- in either --

    def ended(self, kind: int, what: object, seconds: float, number: int) -> None:
        """An activity has ended that took too long."""
        sample = self.sample
        told = sample is not None and sample.number == number and sample.told
        if told:
            log.warn(
                "it ended after {seconds:.3f} s: {what}",
                seconds=seconds,
                what=words.describe(kind, what),
            )
        else:
            if sample is None or sample.number != number:
                self.sample = Sample(number, [])
            self.tell("blocked the reactor for {seconds:.3f} s", kind, what, seconds)

    def tell(self, verb: str, kind: int, what: object, seconds: float) -> None:
        """Report, unless there were too many reports."""
        if not self.allowance.take():
            return
        stack = self.sample.stack if self.sample is not None else []
        place = stacks.culprit(stack)
        log.warn(
            "{function} " + verb + ": {what}{more}\n{stack}",
            seconds=seconds,
            what=words.describe(kind, what),
            function="something" if place is None else f"{place.kind()}{place.name}",
            file=None if place is None else place.code.co_filename,
            line=None if place is None else place.line,
            more=self.allowance.words(),
            stack="\n".join(each.text() for each in stack)
            or "  (no stack: it did not let another thread run meanwhile)",
        )


_watchdogs: dict[int, Watchdog] = {}


def watch_as_asked(loop: _core.Loop, slow: float | None, per_minute: int) -> None:
    """Watch a loop, whose thread this is, by these settings, or no more."""
    found = _watchdogs.pop(id(loop), None)
    if found is not None:
        found.stop()
    if slow is not None:
        _watchdogs[id(loop)] = Watchdog(loop, slow, per_minute)
