"""
Calls from wrong places, and at wrong times: what has to end without a crash.

    python -m pyreactor -m tests.misuse.places PLACE

Each place tells "done" at its end; what the calls raise does not matter here.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import shutil
import signal
import socket
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet import defer, protocol

from tests.misuse.calls import LEFT_OUT, expect_trouble, good, parameters, public, tell, watch
from tests.misuse.subjects import FOLDER, SUBJECTS, accepted, failure, over_tls, real, turn

PLACES: dict[str, Callable[[], object]] = {}
#: What ends the loop, or empties it.
ENDS = LEFT_OUT | {"stop", "crash", "iterate", "doIteration", "doPoll", "sigInt", "sigTerm"}
ENDS |= {"sigBreak", "runUntilCurrent", "removeSystemEventTrigger", "fork"}


def place(run: Callable[[], object]) -> Callable[[], object]:
    """A decorator: one more of PLACES."""
    PLACES[run.__name__] = run
    return run


def methods(made: Any, without: set[str] = ENDS) -> Iterator[Callable[[], Any]]:
    """Its public methods, with good arguments and with none."""
    for name in public(type(made), False):
        if name in without:
            continue
        method = getattr(made, name, None)
        if method is None:
            continue
        goods = [good(one) for one in parameters(method)]
        yield method
        yield lambda method=method, goods=goods: method(*goods)  # type: ignore[misc]


def call_all(made: Any, without: set[str] = ENDS) -> int:
    called = 0
    for call in methods(made, without):
        called += 1
        with contextlib.suppress(Exception):
            call()
    return called


def made_of_each() -> list[Any]:
    return [subject.make() for subject in SUBJECTS.values()]


def run_for(check: Callable[[], bool]) -> None:
    """Run the reactor until something is so."""

    def look() -> None:
        if check():
            real.stop()
        else:
            real.callLater(0.005, look)

    real.callLater(0, look)
    real.run(installSignalHandlers=False)


# ---- threads and signals ----


@place
def another_thread() -> None:
    """A second thread calls everything while the loop runs and has traffic."""
    everything = made_of_each()
    done = threading.Event()

    def calls() -> None:
        try:
            for _ in range(3):
                for made in everything:
                    call_all(made)
        finally:
            done.set()

    threading.Thread(target=calls).start()
    run_for(done.is_set)


@place
def many_threads() -> None:
    """Threads call and fire the same objects at the same time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    left = [1] * 4
    server = accepted("tcp")

    def calls() -> None:
        try:
            for _ in range(60):
                made = [defer.Deferred(), server, real.callLater(1000, int)]
                made[0].addCallback(lambda r: defer.Deferred())
                for one in made:
                    call_all(one, ENDS | {"abortConnection", "loseConnection"})
        finally:
            left.pop()

    for _ in range(4):
        threading.Thread(target=calls).start()
    run_for(lambda: not left)
    sys.setswitchinterval(before)


@place
def signal_handler() -> None:
    """A handler of a signal calls everything, between any two instructions."""
    everything = made_of_each()
    calls = [call for made in everything for call in methods(made)]
    times = [0]

    def handler(number: int, frame: object) -> None:
        times[0] += 1
        with contextlib.suppress(Exception):
            calls[times[0] % len(calls)]()
        if times[0] > 1500:
            signal.setitimer(signal.ITIMER_REAL, 0)

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)

    def work() -> None:
        d: Any = defer.Deferred()
        for _ in range(10):
            d.addCallback(lambda r: r)
        d.callback(1)
        real.callFromThread(int)
        if times[0] <= 1500:
            real.callLater(0, work)

    work()
    run_for(lambda: times[0] > 1500)


# ---- the end of the reactor, and of the process ----


@place
def after_stop() -> None:
    """Everything is called in the last event, and after run() has returned."""
    everything = made_of_each()
    real.addSystemEventTrigger("after", "shutdown", lambda: [call_all(m) for m in everything])
    real.callLater(0.01, real.stop)
    real.run(installSignalHandlers=False)
    for made in [*everything, *made_of_each()]:
        call_all(made)
    for _ in range(3):
        real.callFromThread(int)
    with contextlib.suppress(Exception):
        real.run()
    turn()


@place
def started_again() -> None:
    """The reactor runs again and again, as tests have it, with what was left over."""
    for turns in range(3):
        left = made_of_each()
        if turns:
            # It went with the first end.
            real.addSystemEventTrigger("during", "shutdown", real.crash)
        real.callFromThread(int)
        real.callLater(0.01, real.stop)
        real.callLater(0.01, real.callFromThread, real.callFromThread, int)
        real._startedBefore = False
        real.run(installSignalHandlers=False)
        del left


class Late:
    """Calls everything as it goes."""

    def __init__(self, made: Any, without: set[str] = ENDS) -> None:
        self.made = made
        self.without = without

    def __call__(self, *arguments: Any) -> None:
        pass

    def __del__(self) -> None:
        call_all(self.made, self.without)
        call_all(real, ENDS)


_lates: list[Any] = []


@place
def at_exit() -> None:
    """atexit, __del__ of what a module holds, and of what only C holds, at the very end."""
    for made in made_of_each():
        late = Late(made)
        _lates.append(late)
        atexit.register(call_all, made)
        for name in ("late", "protocol", "producer"):
            with contextlib.suppress(Exception):
                setattr(made, name, late)
    real.callLater(1000, Late(accepted("tcp")))
    real.callFromThread(Late(defer.Deferred()))
    d: Any = defer.Deferred()
    d.addCallback(Late(d))
    late_sys: Any = sys
    late_sys.late = Late(made_of_each())
    over = over_tls(True)
    over.late = Late(over)
    late_sys.over = over


@place
def exit_while_running() -> None:
    """The process ends in a callback, with connections open and calls pending."""
    _lates.extend(Late(made) for made in made_of_each())
    real.callLater(0.01, sys.exit, 0)
    real.callLater(0.01, _tell_done)
    real.callWhenRunning(lambda: real.callFromThread(time.sleep, 0))
    real.addReader(_Ending())
    try:
        real.run(installSignalHandlers=False)
    finally:
        _tell_done()


class _Ending:
    """A reader that ends the process."""

    def __init__(self) -> None:
        self.one, self.two = socket.socketpair()
        self.two.send(b"x")

    def fileno(self) -> int:
        return self.one.fileno()

    def logPrefix(self) -> str:
        return "-"

    def doRead(self) -> None:
        sys.exit(0)

    def connectionLost(self, reason: object) -> None:
        real.removeReader(self)
        real.callLater(0, real.stop)


@place
def in_a_fork() -> None:
    """A child of fork() calls everything that it inherited, and ends in order."""
    everything = made_of_each()
    children = [_fork(everything)]
    real.callLater(0, lambda: children.append(_fork(everything)))
    run_for(lambda: len(children) == 2)
    for child in children:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status == 0, status


def _fork(everything: list[Any]) -> int:
    warnings.simplefilter("ignore")
    child = os.fork()
    if child == 0:
        try:
            for made in everything:
                call_all(made)
            for made in made_of_each():
                call_all(made)
            turn()
            gc.collect()
        finally:
            os._exit(0)
    return child


# ---- the collector ----


class Untracked(int):
    """The collector does not know of it, so its end comes when others are half cleared."""

    __slots__ = ()

    def __del__(self) -> None:
        for look in (
            real.getDelayedCalls, real.getReaders, real.getWriters, gc.collect, real.timeout,
        ):  # fmt: skip
            with contextlib.suppress(Exception):
                look()
        real.wakeUp()
        turn(1)


class Reviving:
    """Makes itself, and what it holds, reachable again for a moment."""

    def __init__(self, made: Any) -> None:
        self.made = made

    def __del__(self) -> None:
        revived.append(self)
        call_all(self.made)


revived: list[Any] = []


def attach(made: Any, what: object) -> None:
    """Have the object own something, in every way there is."""
    for name in ("protocol", "producer", "late", "args", "kw", "func", "result", "reactor"):
        try:
            value = (what,) if name == "args" else {"a": what} if name == "kw" else what
            setattr(made, name, value)
        except Exception:
            pass
    for name in ("addBoth", "registerProducer"):
        with contextlib.suppress(Exception):
            getattr(made, name)(lambda result, what=what: what)


@place
def collected() -> None:
    """Cycles through each kind of object, with finalizers and callbacks that look back."""
    gc.freeze()  # what was there before takes long to look through
    for turns in range(3):
        for name, subject in SUBJECTS.items():
            tell(f"{name} {turns}\n")
            made = subject.make()
            if made is real:
                continue
            refs = []
            with contextlib.suppress(TypeError):
                refs.append(weakref.ref(made, lambda ref: [call_all(real), gc.collect()]))
            holder: list[Any] = [made, Untracked(3)]
            attach(made, [holder, Reviving(made), Untracked(4)][: turns + 1])
            subject.end(made)
            del made, holder, subject
            gc.collect()
            del revived[:]
            gc.collect()
        turn(2)


@place
def errors_in_del() -> None:
    """Protocols and callbacks whose __del__ raises, or ends the connection that drops them."""

    class Bad(protocol.Protocol):
        def connectionLost(self, reason: Any = None) -> None:
            raise ValueError

        def __del__(self) -> None:
            try:
                self.transport.write(b"late")
                self.transport.loseConnection()
                call_all(self.transport)
            finally:
                raise ValueError

    for kind in ("tcp", "unix"):
        for times in range(4):
            transport = accepted(kind)
            other = transport.protocol.other
            made: Any = Bad()
            made.makeConnection(transport)
            transport.protocol = made
            del made
            if times == 0:
                transport.abortConnection()
            elif times == 1:
                transport.protocol = None
            elif times == 2:
                del transport.protocol
            other.send(b"data")
            other.close()
            del transport
            turn(6)
            gc.collect()
    over = over_tls(True)
    over.wrappedProtocol = Bad()
    over.wrappedProtocol.makeConnection(over)
    for end in (lambda: over.dataReceived(b"no TLS"), lambda: over.connectionLost(failure())):
        with contextlib.suppress(ValueError):
            end()
    gc.collect()


def _tell_done() -> None:
    os.write(1, b"done\n")


def main() -> None:
    expect_trouble()
    watch()
    threading.excepthook = lambda arguments: None
    try:
        PLACES[sys.argv[1]]()
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    _tell_done()


if __name__ == "__main__":
    main()
