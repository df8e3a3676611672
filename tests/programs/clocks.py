"""
Timed calls with another clock in the place of the system's, from before the reactor or from after.

Arguments: the way in which the clock is replaced, when that is done, and, with "install", that the
program asks for pyreactor itself once the clock is there.
"""

import sys
import threading
import time
from datetime import datetime, timezone
from unittest import mock

WAY, WHEN = sys.argv[1:3]
START = datetime(2031, 1, 1, tzinfo=timezone.utc)


class Clock:
    """Stands unless it is moved, and counts how often it is read."""

    def __init__(self):
        self.now = START.timestamp()
        self.reads = 0

    def __call__(self):
        self.reads += 1
        return self.now

    def move(self, seconds):
        self.now += seconds


clock = Clock()


def classes():
    from twisted.internet import base, epollreactor, posixbase

    return {
        "ReactorBase": base.ReactorBase,
        "PosixReactorBase": posixbase.PosixReactorBase,
        "EPollReactor": epollreactor.EPollReactor,
    }


def replace():
    """Replace the clock; gives back a function that moves it and one that undoes all."""
    if WAY.startswith("freezegun"):
        import freezegun

        options = {
            "freezegun": {},
            "freezegun tick": {"tick": True},
            "freezegun auto": {"auto_tick_seconds": 15},
        }
        freezer = freezegun.freeze_time(START.replace(tzinfo=None), **options[WAY])
        return freezer.start().tick, freezer.stop
    if WAY.startswith("time_machine"):
        import time_machine

        travel = time_machine.travel(START, tick="tick" in WAY)
        return travel.start().shift, travel.stop
    patch = patcher()
    patch.start()
    return clock.move, patch.stop


def patcher():
    kind, _, name = WAY.partition(" ")
    if kind == "mock":
        if name == "instance":
            from twisted.internet import reactor

            return mock.patch.object(reactor, "seconds", clock)
        return mock.patch(name, clock)
    if name == "type":
        from twisted.internet import reactor

        target = type(reactor)
    else:
        target = classes()[name]
    values = {
        "class": clock,
        "mocked": mock.Mock(side_effect=clock),
        "static": staticmethod(clock),
        "method": lambda self: clock(),
        "property": property(lambda self: clock),
        "wrapped": staticmethod(lambda real=time.time: real() + 1e9),
        "monotonic": staticmethod(time.monotonic),
    }
    return mock.patch.object(target, "seconds", values[kind])


def say(*words):
    print(*words, flush=True)


def between(call, before):
    """Whether the call is due 60 seconds after a time between `before` and now."""
    return before + 60 <= call.getTime() <= call.seconds() + 60


if WHEN == "early":
    move, stop = replace()
if sys.argv[-1] == "install":
    import pyreactor

    pyreactor.install()
if WHEN == "imported":
    from twisted.internet import base, epollreactor  # noqa: F401

    move, stop = replace()
from twisted.internet import reactor  # noqa: E402

old = reactor.callLater(120, say, "the old call is made")
if WHEN == "late":
    move, stop = replace()


def show(label):
    reads = clock.reads
    before = reactor.seconds()
    call = reactor.callLater(60, say, "made", label)
    say(label, before > START.timestamp() - 1e7, between(call, before), clock.reads - reads)
    exact = not hasattr(call.seconds, "tick") and before == reactor.seconds() == call.seconds()
    if exact:
        say(repr(call).partition("[")[2], reactor.timeout())
    else:
        say(reactor.timeout() <= 60)
    say(call.seconds is reactor.seconds, callable(call.seconds))
    return call


show("first")
move(61)
reads = clock.reads
reactor.iterate(0)
say("iterated", clock.reads - reads, len(reactor.getDelayedCalls()))
moved = show("second")
move(30)
for number in range(2):
    before = moved.seconds()
    moved.reset(60)
    say("reset", before > START.timestamp() - 1e7, between(moved, before))
    if old.active():
        before = old.seconds()
        old.reset(60)
        say("reset the old", before > START.timestamp() - 1e7, between(old, before))
    if number == 0:
        reactor.iterate(0)
        say("iterated", len(reactor.getDelayedCalls()))
        moved.delay(1)

# A clock that stands while the reactor sleeps: what is due comes when the clock was moved.
moving = threading.Event()


def push():
    while not moving.wait(0.02):
        reactor.callFromThread(move, 30)


before = reactor.seconds()
move(30)
if reactor.seconds() >= before + 30:
    reactor.callLater(100, reactor.callLater, 0, reactor.stop)
    thread = threading.Thread(target=push)
    reactor.callWhenRunning(thread.start)
    reactor.addSystemEventTrigger("before", "shutdown", moving.set)
    reactor.run()
    thread.join()
say("ran", len(reactor.getDelayedCalls()))

stop()
for call in reactor.getDelayedCalls():
    call.cancel()
reactor.callLater(0, say, "after it was undone")
reactor.iterate(0)
last = show("last")
reads = clock.reads
reactor.iterate(0)
last.reset(60)
say("in the end", clock.reads - reads, between(last, last.seconds() - 60))
