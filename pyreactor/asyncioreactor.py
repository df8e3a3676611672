"""
The reactor on an asyncio event loop.

:class:`AsyncioReactor` has all of :class:`pyreactor.reactor.PyReactor`, but for who waits: an
asyncio event loop does, the standard library's, uvloop's or any that has ``add_reader``,
``call_later`` and ``call_soon``.  It watches one descriptor, that of our kernel queue, and
gives our loop a turn when it is readable or a timed call is due.
"""

from __future__ import annotations

import os
import sys
import weakref
from asyncio import AbstractEventLoop, BaseEventLoop
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet import base, main
from twisted.internet.asyncioreactor import AsyncioSelectorReactor

from pyreactor import _core
from pyreactor.reactor import PyReactor

_reactors: weakref.WeakSet[AsyncioReactor] = weakref.WeakSet()

#: Seconds until an event loop that did not take our descriptor is asked again.
_AGAIN = 0.1


def _tellForked() -> None:
    for reactor in list(_reactors):
        reactor._forked()


# After the function that PyReactor has registered, which tells the C loops.
os.register_at_fork(after_in_child=_tellForked)


def _readyOf(eventloop: AbstractEventLoop) -> Any:
    """
    What an event loop is to call in its present iteration and the next.

    :return: a deque; or None, of any but the loops that work as the standard library's do.
    """
    ready = getattr(eventloop, "_ready", None)
    run = getattr(type(eventloop), "_run_once", None)
    own = run is getattr(BaseEventLoop, "_run_once", None)
    return ready if own and type(ready) is deque else None


def _runsOf(eventloop: AbstractEventLoop) -> Any:
    """
    What the class of an event loop has as ``run_forever`` as long as that cannot be run inside a
    callback of its own.

    :return: a function; or None, of classes that are neither the standard library's, whatever
        nest_asyncio makes of them later, nor uvloop's.
    """
    runs = getattr(type(eventloop), "run_forever", None)
    known = [BaseEventLoop.run_forever]
    if "uvloop" in sys.modules:
        known.append(sys.modules["uvloop"].Loop.run_forever)
    return runs if runs in known else None


class AsyncioReactor(PyReactor, AsyncioSelectorReactor):
    """
    A reactor that runs in C on an asyncio event loop.

    Mirrors :class:`twisted.internet.asyncioreactor.AsyncioSelectorReactor`.
    """

    _calledByMainLoop = ("runUntilCurrent", "timeout")
    _wakesForThreadCalls = False

    _asyncioEventloop: AbstractEventLoop
    _timerHandle: Any
    _descriptor: int | None = None
    _tellsItsEnd = False

    def __init__(self, eventloop: AbstractEventLoop | None = None) -> None:
        """
        Make a reactor.

        :param eventloop: the asyncio event loop to run on; None takes the one that
            Twisted's own reactor takes.
        :raise RuntimeError: if that is closed.
        """
        self._makeLoop()
        # Which chooses the event loop, and goes on to PosixReactorBase.
        AsyncioSelectorReactor.__init__(self, eventloop)
        self._bindMethods()
        try:
            self._enter()
        except Exception as error:
            self._refused(error)
        else:
            _reactors.add(self)

    def _bindMethods(self) -> None:
        """As in PyReactor; a program's callLater is called by Twisted's callFromThread."""
        super()._bindMethods()
        if not self._isBound("callLater") and self._isBound("callFromThread"):
            method = AsyncioSelectorReactor.callFromThread.__get__(self)
            self.__dict__["callFromThread"] = method
            self._bound["callFromThread"] = None, method

    def _isBound(self, name: str) -> bool:
        """Whether a method is the one that was bound."""
        return name in self._bound and self.__dict__.get(name) is self._bound[name][1]

    def _refused(self, error: Exception) -> None:
        """
        Called where the event loop does not watch our descriptor.

        :param error: what it has raised.
        """
        raise error

    # ---- under asyncio ----

    def _enter(self) -> None:
        """Have asyncio watch our kernel queue, which may be another one than before."""
        host = self._asyncioEventloop
        descriptor = self._loop.enter(_readyOf(host), type(host), _runsOf(host))
        before, self._descriptor = self._descriptor, None
        if before is not None:
            host.remove_reader(before)
        host.add_reader(descriptor, self._ready)
        self._descriptor = descriptor

    def _enterAnew(self) -> None:
        """Tell asyncio of another kernel queue; where it does not take that, in a moment again."""
        try:
            self._enter()
        except BaseException:
            self._asyncioEventloop.call_later(_AGAIN, self._goOn)
            raise

    def _ready(self) -> None:
        try:
            delay = self._loop.turn(True)
            if delay is not None:
                self._wait(delay)
        except BaseException:  # Ctrl-C may come when asyncio was not yet told
            self._loop.ask_anew()
            raise

    def _goOn(self) -> None:
        try:
            delay = self._loop.turn(False)
            if delay is not None:
                self._wait(delay)
        except BaseException:  # Ctrl-C may come when asyncio was not yet told
            self._loop.ask_anew()
            raise

    def _ring(self) -> None:
        try:
            delay = self._loop.ring()
            if delay is not None:
                self._wait(delay)
        except BaseException:  # Ctrl-C may come when asyncio was not yet told
            self._loop.ask_anew()
            raise

    def _wait(self, delay: float) -> None:
        """
        Have asyncio give us a turn.

        :param delay: seconds until then, in the place of what was asked for before; 0 for
            as soon as asyncio's own callbacks had their turn.
        """
        if delay == 0:
            if not self._loop.engine_told:
                self._enterAnew()
            self._asyncioEventloop.call_soon(self._goOn)
            return
        if self._timerHandle is not None:
            self._timerHandle.cancel()
        handle = self._asyncioEventloop.call_later(delay, self._ring)
        self.__dict__["_timerHandle"] = handle

    def _forked(self) -> None:
        """
        Have the event loop of a forked child give us a turn, if that is run at all.

        The turn makes a kernel queue that is not the parent's.
        """
        with suppress(RuntimeError):  # it is closed, or another thread's
            self._asyncioEventloop.call_soon(self._goOn)

    # ---- IReactorCore: all as in AsyncioSelectorReactor ----

    run: Callable[..., None] = AsyncioSelectorReactor.run
    mainLoop = base.ReactorBase.mainLoop
    doIteration = base.ReactorBase.doIteration
    iterate = AsyncioSelectorReactor.iterate
    stop = AsyncioSelectorReactor.stop
    crash = AsyncioSelectorReactor.crash

    @property
    def doPoll(self) -> Any:  # type: ignore[override]
        """A name that stock's has not."""
        raise AttributeError("doPoll")


for _name in (
    "callLater",
    "callFromThread",
    "addReader",
    "addWriter",
    "removeReader",
    "removeWriter",
):
    _stock = vars(AsyncioSelectorReactor)[_name]
    setattr(AsyncioReactor, _name, _core.StandIn(vars(_core.Loop)[_name], _stock, "_loop"))


def install(eventloop: AbstractEventLoop | None = None) -> None:
    """
    Install the reactor as ``twisted.internet.reactor``.

    Mirrors :func:`twisted.internet.asyncioreactor.install`.

    :param eventloop: the asyncio event loop to run on, or None.
    :raise ReactorAlreadyInstalledError: if one is installed.
    """
    main.installReactor(AsyncioReactor(eventloop))


__all__ = ["AsyncioReactor", "install"]
