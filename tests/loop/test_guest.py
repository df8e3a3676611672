"""A loop that is the guest of asyncio's: its turns, its alarm, and what leads to one."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import gc
import os
import select
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

# These choose a reactor for the process that imports them: none may be asked for here.
from twisted.internet import interfaces, protocol
from twisted.logger import globalLogPublisher
from zope.interface import implementer

from pyreactor.asyncioreactor import AsyncioReactor


class Counting(asyncio.SelectorEventLoop):
    """An event loop that counts what it is asked for: timers by the reactor, and calls."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []
        self.soon = 0

    def call_later(self, delay: float, callback: Any, *args: Any, **kw: Any) -> Any:
        if isinstance(getattr(callback, "__self__", None), AsyncioReactor):
            self.asked.append(round(delay, 1))
        return super().call_later(delay, callback, *args, **kw)

    def call_soon(self, callback: Any, *args: Any, **kw: Any) -> Any:
        self.soon += 1
        return super().call_soon(callback, *args, **kw)


class Interrupted(asyncio.SelectorEventLoop):
    """An event loop in which Ctrl-C is pressed when the reactor tells it something."""

    interrupted = False

    def _raise(self, callback: Any) -> None:
        if self.interrupted and isinstance(getattr(callback, "__self__", None), AsyncioReactor):
            self.interrupted = False
            raise KeyboardInterrupt

    def call_later(self, delay: float, callback: Any, *args: Any, **kw: Any) -> Any:
        self._raise(callback)
        return super().call_later(delay, callback, *args, **kw)

    def call_soon(self, callback: Any, *args: Any, **kw: Any) -> Any:
        self._raise(callback)
        return super().call_soon(callback, *args, **kw)


class Least:
    """Only what an event loop has to have, over one of asyncio's."""

    def __init__(self) -> None:
        own = asyncio.SelectorEventLoop()
        self.add_reader = own.add_reader
        self.remove_reader = own.remove_reader
        self.call_later = own.call_later
        self.call_soon = own.call_soon
        self.run_forever = own.run_forever
        self.stop = own.stop
        self.time = own.time
        self.close = own.close


@pytest.fixture(params=[asyncio.SelectorEventLoop, Counting, Least])
def loop(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = request.param()
    yield made
    made.close()


@pytest.fixture
def counting() -> Iterator[Counting]:
    made = Counting()
    yield made
    made.close()


def run(reactor: Any) -> None:
    """Until it is stopped; what hangs ends after a while, and that and logged errors fail."""
    wrong: list[Any] = []

    def observe(event: Any) -> None:
        if event.get("log_failure") is not None:
            wrong.append(event["log_failure"])

    guard = reactor.callLater(60, lambda: (wrong.append("late"), reactor.crash()))
    globalLogPublisher.addObserver(observe)
    try:
        reactor.run(installSignalHandlers=False)
    finally:
        globalLogPublisher.removeObserver(observe)
    if guard.active():
        guard.cancel()
    assert wrong == []


class Echo(protocol.Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class Keeping(protocol.Protocol):
    """Keeps what comes, and calls a function when that is so much."""

    def __init__(self, size: int, then: Callable[[], object]) -> None:
        self.size, self.then, self.received = size, then, b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if len(self.received) == self.size:
            self.then()


def connected(reactor: Any, client: Any) -> Any:
    factory: Any = protocol.Factory.forProtocol(Echo)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    made: Any = protocol.ClientFactory()
    made.noisy = False
    made.protocol = lambda: client
    reactor.connectTCP("127.0.0.1", port.getHost().port, made)
    return port


def test_what_asyncios_callbacks_write_is_sent(loop: Any) -> None:
    """Without anything else that happens."""
    reactor = AsyncioReactor(loop)
    client = Keeping(6, reactor.stop)
    client.connectionMade = lambda: loop.call_later(  # type: ignore[method-assign]
        0.01,
        lambda: (client.transport.write(b"abc"), loop.call_soon(client.transport.write, b"def")),
    )
    connected(reactor, client)
    run(reactor)
    assert client.received == b"abcdef"


def test_what_asyncios_callbacks_call_later_is_called(loop: Any) -> None:
    reactor = AsyncioReactor(loop)
    seen: list[str] = []

    def callback() -> None:
        reactor.callLater(0.5, lambda: (seen.append("second"), reactor.stop()))
        reactor.callLater(0.01, seen.append, "first")
        reactor.callLater(0, seen.append, "at once")

    loop.call_soon(callback)
    run(reactor)
    assert seen == ["at once", "first", "second"]


def test_a_thread_wakes_it(loop: Any) -> None:
    reactor = AsyncioReactor(loop)
    here = threading.get_ident()
    seen: list[int] = []

    def begin() -> None:
        def call() -> None:
            for number in range(100):
                reactor.callFromThread(seen.append, number)
            reactor.callFromThread(lambda: (seen.append(threading.get_ident()), reactor.stop()))

        threading.Thread(target=call).start()

    reactor.callWhenRunning(begin)
    run(reactor)
    assert seen == [*range(100), here]


def test_a_thread_wakes_it_while_it_asks_for_the_time(loop: Any) -> None:
    """A program's clock may let a thread in, in the middle of a turn."""
    reactor: Any = AsyncioReactor(loop)
    seen: list[int] = []
    asked = 0

    def clock() -> float:
        nonlocal asked
        if len(seen) == asked and reactor.running:
            thread = threading.Thread(target=reactor.callFromThread, args=(call, asked))
            asked += 1
            thread.start()
            thread.join()
        return time.time()

    def call(number: int) -> None:
        seen.append(number)
        if number == 20:
            reactor.stop()

    reactor.seconds = clock
    run(reactor)
    assert seen == list(range(21))


def adopted(reactor: Any, client: Any) -> socket.socket:
    """The other end of a connection that a protocol has at once."""
    end, other = socket.socketpair()
    factory: Any = protocol.Factory.forProtocol(lambda: client)  # type: ignore[arg-type]
    factory.noisy = False
    reactor.adoptStreamConnection(end.fileno(), socket.AF_UNIX, factory)
    end.close()
    return other


def turns_of(reactor: Any, loop: Any) -> int:
    """How many the event loop is to give as soon as it can."""
    return [handle._callback for handle in loop._ready].count(reactor._goOn)


def test_turns_do_not_pile_up() -> None:
    """While there is always something to do, and an event each time that the host looks."""
    loop = asyncio.SelectorEventLoop()
    reactor: Any = AsyncioReactor(loop)
    client = Keeping(50, reactor.stop)
    turns: list[int] = []

    def hop() -> None:
        reactor.callLater(0, hop)

    def feed() -> None:
        """The last of what the host calls before it looks, as it is timed."""
        turns.append(turns_of(reactor, loop))
        other.send(b"x")
        if len(turns) < 50:
            loop.call_later(0, feed)

    other = adopted(reactor, client)
    reactor.callLater(0, hop)
    loop.call_later(0, feed)
    run(reactor)
    assert max(turns) == 1
    other.close()
    loop.close()


def test_what_is_called_later_while_written_data_is_sent() -> None:
    """By a producer, after a program's methods were asked for the time; nothing else happens."""
    loop = asyncio.SelectorEventLoop()
    reactor: Any = AsyncioReactor(loop)
    stock = reactor.runUntilCurrent
    reactor.runUntilCurrent = lambda: stock()
    client = Keeping(-1, lambda: None)

    @implementer(interfaces.IPullProducer)
    class Producer:
        asked = 0

        def resumeProducing(self) -> None:
            self.asked += 1
            if self.asked == 2:
                reactor.callLater(0.01, reactor.stop)
            else:
                client.transport.write(b"x")  # type: ignore[attr-defined]

        def stopProducing(self) -> None:
            pass

    other = adopted(reactor, client)
    reactor.callLater(0.01, client.transport.registerProducer, Producer(), False)  # type: ignore[attr-defined]
    run(reactor)
    other.close()
    loop.close()


def test_a_clock_that_is_set_forward(loop: Any) -> None:
    """As by NTP, or while the machine slept: what is called later then is by the new time."""
    reactor: Any = AsyncioReactor(loop)
    ahead = 0.0

    def step() -> None:
        nonlocal ahead
        ahead = 51.0
        reactor.callLater(0.01, reactor.stop)

    reactor.seconds = lambda: time.time() + ahead
    reactor.callLater(50, len, ())
    loop.call_later(0.01, reactor.callFromThread, step)
    run(reactor)


def test_a_clock_that_resumes_a_connection() -> None:
    """Asked at the end of a turn, when the kernel was told of all that had changed before."""
    loop = asyncio.SelectorEventLoop()
    reactor: Any = AsyncioReactor(loop)
    client = Keeping(4, reactor.stop)
    resumes = False

    def clock() -> float:
        nonlocal resumes
        if resumes:
            resumes = False
            client.transport.resumeProducing()  # type: ignore[attr-defined]
        return time.time()

    def resume() -> None:
        """Comes last in its turn; then, the clock is asked once more."""
        nonlocal resumes
        resumes = True

    def wait() -> None:
        """Until the kernel was told that nobody reads, and no turn is to come."""
        is_readable = select.select([reactor._descriptor], [], [], 0)[0]
        if is_readable or turns_of(reactor, loop):
            loop.call_soon(wait)
        else:
            reactor.callFromThread(resume)

    other = adopted(reactor, client)
    client.transport.pauseProducing()  # type: ignore[attr-defined]
    other.send(b"data")
    reactor.seconds = clock
    loop.call_soon(wait)
    run(reactor)
    assert client.received == b"data"
    other.close()
    loop.close()


def test_the_alarm_is_set_for_the_earliest_call_only(counting: Counting) -> None:
    """And again when it rings and there is a later one."""
    reactor = AsyncioReactor(counting)
    counting.run_until_complete(asyncio.sleep(0))
    for delay in (50.0, 40.0, 45.0, 60.0):
        reactor.callLater(delay, lambda: None)
        counting.run_until_complete(_turns())
    assert counting.asked == [50.0, 40.0]
    reactor.callLater(30.0, lambda: None).cancel()
    counting.run_until_complete(_turns())
    assert counting.asked == [50.0, 40.0]
    reactor.callLater(0.2, lambda: None)
    counting.run_until_complete(asyncio.wait_for(_until(lambda: len(counting.asked) == 4), 60))
    assert counting.asked[:3] == [50.0, 40.0, 0.2]
    assert 30 < counting.asked[3] < 40
    for call in reactor.getDelayedCalls():
        call.cancel()


async def _turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def hop(reactor: AsyncioReactor, left: list[int]) -> None:
    """Call this at once again, as often as is left; then the reactor stops."""
    left[0] -= 1
    if left[0]:
        reactor.callLater(0, hop, reactor, left)
    else:
        reactor.stop()


def test_many_hops_need_few_iterations(counting: Counting) -> None:
    """Where the event loop tells that it has nothing to call."""
    reactor = AsyncioReactor(counting)
    left = [800]
    reactor.callLater(0, hop, reactor, left)
    run(reactor)
    assert counting.soon < 400


def test_asyncios_callbacks_have_their_turn_between_hops(loop: Any) -> None:
    reactor = AsyncioReactor(loop)
    seen: list[str] = []

    def hop(left: int) -> None:
        seen.append("hop")
        if left:
            reactor.callLater(0, hop, left - 1)
        else:
            reactor.stop()

    def step() -> None:
        seen.append("step")
        if "hop" not in seen or seen.count("hop") < 100:
            loop.call_soon(step)

    loop.call_soon(step)
    reactor.callLater(0, hop, 100)
    run(reactor)
    together = "".join("h" if each == "hop" else "s" for each in seen)
    assert "hh" not in together


def test_what_asyncio_is_to_call_comes_before_an_answer_leaves() -> None:
    """As in stock, which has it leave an iteration later: daphne's own tests rely on it."""
    loop = asyncio.SelectorEventLoop()
    reactor: Any = AsyncioReactor(loop)
    seen: list[bytes | None] = []

    def look() -> None:
        try:
            seen.append(client.recv(100))
        except BlockingIOError:
            seen.append(None)

    class Answering(protocol.Protocol):
        def dataReceived(self, data: bytes) -> None:
            assert self.transport is not None
            loop.call_soon(look)
            self.transport.write(b"answer")
            reactor.callLater(0.01, lambda: (look(), reactor.stop()))

    factory: Any = protocol.Factory.forProtocol(Answering)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    with socket.create_connection(("127.0.0.1", port.getHost().port)) as client:
        client.sendall(b"question")
        client.setblocking(False)
        run(reactor)
    assert seen == [None, b"answer"]
    loop.close()


def test_what_is_no_exception_leaves_the_reactor_as_in_stock() -> None:
    loop = asyncio.SelectorEventLoop()
    reactor = AsyncioReactor(loop)

    class Raising(protocol.Protocol):
        def dataReceived(self, data: bytes) -> None:
            raise KeyboardInterrupt

    client = Raising()
    client.connectionMade = lambda: client.transport.write(b"x")  # type: ignore[method-assign]
    connected(reactor, client)
    with pytest.raises(KeyboardInterrupt):
        run(reactor)
    assert client.connected
    reactor.callLater(0, reactor.crash)
    loop.run_forever()
    loop.close()


@pytest.mark.parametrize("delay", [0, 0.05])
@pytest.mark.parametrize("where", ["between", "asyncio"])
def test_ctrl_c_before_asyncio_was_told_loses_no_turn(where: str, delay: float) -> None:
    """When a turn has ended and asked for the next one, which asyncio did not hear of."""
    loop = Interrupted()
    reactor = AsyncioReactor(loop)
    seen: list[str] = []

    def interrupt() -> None:
        # What comes next is asked of asyncio when this turn ends: it is to call something itself.
        loop.call_soon(seen.append, "asyncio's")
        reactor.callLater(delay, seen.append, "later")
        loop.interrupted = where == "asyncio"
        asked.append(delay)

    def raise_after_turn(frame: Any, event: str, function: Any) -> None:
        if event == "c_return" and function.__name__ in ("turn", "ring") and asked:
            raise KeyboardInterrupt  # which ends the profiling, too

    asked: list[float] = []
    reactor.callLater(0, interrupt)
    if where == "between":
        sys.setprofile(raise_after_turn)
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
    finally:
        sys.setprofile(None)
    # What is called from here on would come with the lost turn at the earliest.
    reactor.callFromThread(seen.append, "from a thread")
    loop.run_until_complete(asyncio.wait_for(_until(lambda: len(seen) == 3), 60))
    assert sorted(seen) == ["asyncio's", "from a thread", "later"]
    loop.close()


def test_replaced_methods_are_called(loop: Any) -> None:
    reactor: Any = AsyncioReactor(loop)
    called = {"runUntilCurrent": 0, "timeout": 0}

    def replaced(name: str) -> Any:
        original = getattr(reactor, name)

        def method() -> Any:
            called[name] += 1
            return original()

        return method

    for name in called:
        setattr(reactor, name, replaced(name))
    client = Keeping(3, lambda: reactor.callLater(0.01, reactor.stop))
    client.connectionMade = lambda: client.transport.write(b"abc")  # type: ignore[method-assign]
    connected(reactor, client)
    run(reactor)
    assert client.received == b"abc"
    assert min(called.values()) > 0


def test_two_reactors_on_one_event_loop() -> None:
    loop = asyncio.SelectorEventLoop()
    seen: list[str] = []
    first, second = AsyncioReactor(loop), AsyncioReactor(loop)
    first.callLater(0.5, lambda: (seen.append("first"), first.stop()))
    second.callLater(0.01, seen.append, "second")
    run(first)
    assert seen == ["second", "first"]
    loop.close()


def test_a_reactor_is_collected_with_its_event_loop() -> None:
    loop = asyncio.SelectorEventLoop()
    reactor = AsyncioReactor(loop)
    reactor.callLater(0, reactor.stop)
    run(reactor)
    loop.close()
    gone = weakref.ref(reactor)
    del reactor, loop
    gc.collect()
    assert gone() is None


def test_contexts_hold_nothing_back() -> None:
    """A context variable that refers to the connection is a cycle that the collector finds."""
    kept: contextvars.ContextVar[Any] = contextvars.ContextVar("kept")

    class Client(Keeping):
        def connectionMade(self) -> None:
            transport: Any = self.transport
            kept.set(self)
            transport.pauseProducing()
            transport.resumeProducing()
            transport.write(b"abc")
            transport.reactor.callFromThread(lambda: None)

    def serve() -> weakref.ref[Client]:
        loop = asyncio.SelectorEventLoop()
        reactor = AsyncioReactor(loop)
        client = Client(3, reactor.stop)
        connected(reactor, client)
        run(reactor)
        loop.close()
        return weakref.ref(client)

    gone = serve()
    gc.collect()
    assert gone() is None


def test_a_forked_child_goes_on_with_a_queue_of_its_own() -> None:
    loop = asyncio.SelectorEventLoop()
    reactor = AsyncioReactor(loop)
    seen: list[str] = []

    async def wait() -> None:
        done = loop.create_future()
        reactor.callLater(0.01, done.set_result, None)
        await asyncio.wait_for(done, 60)
        seen.append("waited")

    loop.run_until_complete(wait())
    before = reactor._descriptor
    child = os.fork()
    if child == 0:
        try:
            loop.run_until_complete(wait())
            os._exit(0 if seen == ["waited", "waited"] and not reactor._loop.enter(None) < 0 else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    loop.run_until_complete(wait())
    assert (seen, reactor._descriptor) == (["waited", "waited"], before)
    loop.close()


def test_a_queue_that_asyncio_does_not_take_at_once() -> None:
    """As when the kernel has no memory for it in a forked child: asked again, until it does."""

    class Full(asyncio.SelectorEventLoop):
        refuses = 0

        def add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:
            if self.refuses:
                self.refuses -= 1
                raise OSError(errno.ENOMEM, "no memory")
            return super().add_reader(fd, callback, *args)

    loop = Full()
    reactor = AsyncioReactor(loop)
    client = Keeping(5, lambda: reactor.callLater(0, loop.stop))
    told: list[Any] = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    child = os.fork()
    if child == 0:
        status = 2
        try:
            loop.refuses = 3
            connected(reactor, client)
            client.connectionMade = lambda: client.transport.write(b"hello")
            loop.call_later(60, os._exit, 3)
            loop.run_forever()
            fine = client.received == b"hello" and loop.refuses == 0
            status = 0 if fine and [each.errno for each in told] == [errno.ENOMEM] * 3 else 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    loop.close()


def test_a_file_that_the_kernel_takes_no_more_often() -> None:
    """In a queue that another one watches, 500 times: what is refused is told of at once."""
    if not sys.platform.startswith("linux"):
        pytest.skip("epoll is Linux's")
    loop = asyncio.SelectorEventLoop()
    reactor = AsyncioReactor(loop)
    end, other = os.pipe()
    numbers = [os.dup(end) for _ in range(600)]

    class Reader:
        def __init__(self, number: int) -> None:
            self.number = number

        def fileno(self) -> int:
            return self.number

        def logPrefix(self) -> str:
            return "Reader"

        def connectionLost(self, reason: object) -> None:
            pass

    readers: list[Any] = [Reader(number) for number in numbers]
    with pytest.raises(OSError):
        for reader in readers:
            reactor.addReader(reader)
    assert 400 < len(reactor.getReaders()) < 600
    reactor.callLater(0.01, reactor.stop)
    run(reactor)
    for reader in readers:
        reactor.removeReader(reader)
    for number in (*numbers, end, other):
        os.close(number)
    loop.close()


def test_debug_mode() -> None:
    loop = asyncio.SelectorEventLoop()
    loop.set_debug(True)
    reactor = AsyncioReactor(loop)
    client = Keeping(3, reactor.stop)
    client.connectionMade = lambda: client.transport.write(b"abc")  # type: ignore[method-assign]
    connected(reactor, client)
    run(reactor)
    assert client.received == b"abc"
    loop.close()


def run_nested(self: Any) -> None:
    """``run_forever`` of an event loop that may run inside a callback of its own."""
    self.ended = False
    while not self.ended:
        with suppress(IndexError):  # one inside has called what this one was to call
            self._run_once()
    self.ended = False


class MayNest(asyncio.SelectorEventLoop):
    """One that may run inside a callback of its own, as nest_asyncio has it."""

    ended = False
    run_forever = run_nested

    def stop(self) -> None:
        self.ended = True


def test_hops_on_an_event_loop_that_may_run_inside_a_turn() -> None:
    """A wake-up that a round has read is not on its way to the event loop any more."""
    loop = MayNest()
    reactor = AsyncioReactor(loop)
    left = [100]
    loop.call_later(60, loop.stop)
    reactor.callLater(
        0.01, hop, reactor, left
    )  # by the alarm: rounds follow, as the host has nothing to call
    run(reactor)
    assert left == [0]
    loop.close()


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_an_event_loop_that_runs_inside_a_turn_gives_turns(late: bool) -> None:
    """As nest_asyncio has it: of a class that has it from the beginning, or from some time on."""

    class Nested(asyncio.SelectorEventLoop):
        ended = False

        def stop(self) -> None:
            self.ended = True

    run_as_ever = asyncio.SelectorEventLoop.run_forever
    Nested.run_forever = run_as_ever if late else run_nested  # type: ignore[method-assign]
    loop = Nested()
    reactor = AsyncioReactor(loop)
    Nested.run_forever = run_nested  # type: ignore[method-assign]
    seen: list[str] = []

    def inside() -> None:
        loop.call_later(30, loop.stop)
        reactor.callLater(0.01, lambda: (seen.append("timed"), loop.stop()))
        loop.run_forever()
        wake = (reactor.callFromThread, lambda: (seen.append("from a thread"), loop.stop()))
        threading.Timer(0.01, *wake[:1], wake[1:]).start()
        loop.run_forever()
        reactor.callLater(0, lambda: (seen.append("at once"), loop.stop()))
        loop.run_forever()
        seen.append("inside")
        reactor.callLater(0, loop.stop)

    began = loop.time()
    reactor.callLater(0, inside)
    loop.run_forever()
    assert seen == ["timed", "from a thread", "at once", "inside"]
    assert loop.time() - began < 25  # nothing has waited for the event loop's end
    loop.close()
