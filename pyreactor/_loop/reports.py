"""
What the C loop calls for the rare things: logging an application's error, and the like.

The loggers run as if inside an ``except`` block: ``Failure()`` finds the exception.  The
words are stock Twisted's, logged in the name of the module that logs them in stock.
"""

from __future__ import annotations

import copyreg
import math
import operator
from typing import Any

from twisted.internet import base, posixbase
from twisted.logger import Logger
from twisted.python import context, log
from twisted.python.failure import Failure

from pyreactor import _core

_log = Logger(namespace="twisted.internet.base")

_MOST_MILLISECONDS = 2**31 - 1

BUGGY_PREFIX = "(buggy logPrefix method)"


def event_error(prefix: str | None = None) -> None:
    """
    Log an exception out of an event handler.

    :param prefix: the log system to name, where the context does not name it any more.
    """
    if prefix is None:
        log.err()
    else:
        log.err(system=prefix)


def host_event_error(reactor: Any) -> None:
    """Log an exception out of an event handler, as ``AsyncioSelectorReactor._readOrWrite`` does."""
    reactor._log.failure(None)


def timed_call_error(call: Any) -> None:
    """
    Log an exception out of a timed call.

    :param call: in debug mode it has the stack that made it, its ``creator``.  None: it is
        a call from a thread.
    """
    creator = getattr(call, "creator", None)
    if creator is None:
        _log.failure("while handling timed call", Failure())
        return
    stack = "".join(creator).rstrip().replace("\n", "\n C:")
    made = f"\n C: from a DelayedCall created here:\n C:{stack}\n"
    _log.failure("while handling timed call {previous()}", Failure(), previous=lambda: made)


def thread_call_error() -> None:
    """Log an exception out of a function given to callFromThread."""
    _log.failure("while calling from thread", Failure())


def main_loop_error() -> None:
    """Log an exception that reached the main loop, which goes on."""
    _log.failure("Unexpected error in main loop", Failure())


class OfReactor:
    """
    An attribute of timed calls that stock's reactor gives to each of them.

    Here a call asks the reactor for it when it is asked, unless a program has put another
    value there.
    """

    def __init__(self, name: str, method: str) -> None:
        """
        Make the attribute.

        :param name: the attribute's name.
        :param method: the name of the reactor's method that is its value.
        """
        self.name = name
        self.method = method

    def __get__(self, call: Any, owner: type | None = None) -> Any:
        """The value; AttributeError if the reactor is gone."""
        if call is None:
            return self
        try:
            return call.__dict__[self.name]
        except KeyError:
            return getattr(_core.reactor_of(call), self.method)

    def __set__(self, call: Any, value: object) -> None:
        """Put another value there."""
        call.__dict__[self.name] = value

    def __delete__(self, call: Any) -> None:
        """Take that away; AttributeError if there is none."""
        try:
            del call.__dict__[self.name]
        except KeyError:
            raise AttributeError(self.name) from None


#: What stock has in the __dict__ of a timed call, and C elsewhere, in its order; some are absent.
_CALL_STATE = (
    "time",
    "func",
    "args",
    "kw",
    "resetter",
    "canceller",
    "seconds",
    "cancelled",
    "called",
    "delayed_time",
)


def reduce_delayed_call(call: Any, protocol: Any) -> tuple[Any, ...]:
    """
    Copy and pickle a timed call as stock's: the copy is one that no reactor will make.

    Mirrors what ``object.__reduce_ex__`` gives for a ``twisted.internet.base.DelayedCall``.
    """
    state = {name: getattr(call, name) for name in _CALL_STATE if hasattr(call, name)}
    state.update(call.__dict__)
    new: Any = vars(copyreg)["__newobj__"]
    return new, (base.DelayedCall,), state


def poll_seconds(delay: Any) -> float:
    """
    Seconds to wait, less than 0 for ever, from what ``select.epoll.poll`` takes; with its errors.

    :param delay: a float, an int or None.
    """
    if delay is None:
        return -1.0
    if isinstance(delay, float):
        seconds = delay
    else:
        try:
            seconds = float(operator.index(delay))
        except TypeError:
            raise TypeError("timeout must be an integer or None") from None
    if math.isnan(seconds):
        raise ValueError("Invalid value NaN (not a number)")
    if abs(seconds) * 1000 > _MOST_MILLISECONDS:
        raise OverflowError("timeout is too large")
    return seconds


def iterate_by_methods(reactor: Any) -> None:
    """One turn of the main loop by the reactor's own methods, as one of them is replaced."""
    reactor.runUntilCurrent()
    delay = reactor.timeout()
    reactor.doIteration(reactor.running and delay)


def turn_by_methods(reactor: Any) -> float | None:
    """
    One turn under a host, without sleeping, by the reactor's own methods.

    :return: seconds until the next timed call is due, or None if there is none.
    """
    reactor._loop.doIteration(0)
    reactor.runUntilCurrent()
    delay: float | None = reactor.timeout()
    return delay


def fire_shutdown(reactor: Any) -> None:
    """Let the reactor that was just stopped go through its shutdown event."""
    reactor._justStopped = False
    reactor.fireSystemEvent("shutdown")


def context_stack() -> Any:
    """The list of contexts of the thread that asks, as ``twisted.python.context`` has it."""
    return context.theContextTracker.currentContext().contexts


def due_time(reactor: Any, delay: Any) -> Any:
    """
    When a call is due that is made now, for delays that are no plain numbers.

    :param delay: seconds.
    :raises AssertionError: if it is negative.
    """
    if not delay >= 0:
        raise AssertionError(f"{delay} is not greater than or equal to 0 seconds")
    return reactor.seconds() + delay


def lose_later(reactor: Any, connection: Any) -> None:
    """Tell a connection soon that its descriptor was closed behind the reactor's back."""
    disconnect = reactor._disconnectSelectable
    reactor.callFromThread(disconnect, connection, posixbase._NO_FILEDESC, False)


def poll_continuously(reactor: Any, selectable: Any, writes: bool) -> None:
    """
    Take in a reader or writer that the kernel cannot poll, as stock does.

    :param selectable: what was given to ``addReader`` or ``addWriter``.
    :param writes: whether it is a writer.
    """
    polling = reactor._continuousPolling
    (polling.addWriter if writes else polling.addReader)(selectable)


def stop_polling(reactor: Any, selectable: Any, writes: bool) -> bool:
    """
    Undo that.

    :return: whether it was one of those.
    """
    polling = reactor._continuousPolling
    found: bool = (polling.isWriting if writes else polling.isReading)(selectable)
    if found:
        (polling.removeWriter if writes else polling.removeReader)(selectable)
    return found
