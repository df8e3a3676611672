"""
Nothing grows: a million of each thing is made and ended, and what there was before there is after.

    python -m tests.trust.leaks [--times 1000000] [--each] [NAME...]

Counted are objects that the collector knows, blocks of memory, open descriptors, the process's
resident memory, and in a debug build of CPython all references there are.  A thing that takes the
kernel long is made less often (a process a thousandth of the times) unless --each is given; the
table tells how often.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import resource
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.trust.installed import reactor  # isort: skip
from twisted.internet import defer, endpoints, protocol, ssl, task
from twisted.logger import Logger, globalLogBeginner
from twisted.protocols import basic
from twisted.python import log
from twisted.spread import banana
from twisted.web import client as web_client
from twisted.web import resource as web_resource
from twisted.web import server as web_server

from tests.programs.certificates import issue

Scenario = Callable[[int], Awaitable[object]]

#: What may be more after N times: things that the interpreter keeps for use again, and in bytes.
SLACK = 400
SLACK_MEMORY = 1 << 20
#: How often a thing is made and ended, at least, before what there is is counted.
WARM = 1000
#: Of N things, one in so many may leave one behind, which no leak does.
SELDOM = 50
#: Bytes for each thing below which growth is the allocator's.
FEW_BYTES = 12


@dataclass(frozen=True)
class Thing:
    """Something that is made and ended, and how many times less often than the lightest."""

    name: str
    run: Scenario
    divisor: int


THINGS: list[Thing] = []


def thing(divisor: int = 1) -> Callable[[Scenario], Scenario]:
    """A decorator: one more of THINGS."""

    def add(run: Scenario) -> Scenario:
        THINGS.append(Thing(run.__name__, run, divisor))
        return run

    return add


def each(divisor: int = 1) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """A decorator: the function makes and ends the thing once, without the reactor's help."""

    def add(once: Callable[[], object]) -> Callable[[], object]:
        async def run(times: int) -> None:
            for _ in range(times):
                once()

        THINGS.append(Thing(once.__name__, run, divisor))
        return once

    return add


# ---- Deferreds ----


class Expected(Exception):
    """What these raise."""


@each()
def deferred_dropped() -> None:
    defer.Deferred().addCallback(print)


@each()
def deferred_fired() -> None:
    d: Any = defer.Deferred()
    d.addCallback(lambda r: r).addErrback(lambda f: f).addBoth(lambda r, a: a, 1)
    d.callback(object())


@each(4)
def deferred_failed() -> None:
    d: Any = defer.Deferred()
    d.addCallback(lambda r: 1 // 0)
    d.addErrback(lambda f: f.trap(ZeroDivisionError) and None)
    d.callback(None)


@each(10)
def deferred_failed_unhandled() -> None:
    defer.fail(Expected())


@each(2)
def deferred_cancelled() -> None:
    d: Any = defer.Deferred(lambda d: None)
    d.addErrback(lambda f: None)
    d.cancel()


@each()
def deferreds_chained() -> None:
    inner: Any = defer.Deferred()
    outer: Any = defer.succeed(None)
    outer.addCallback(lambda _: inner)
    inner.callback(object())


@each(4)
def deferreds_gathered() -> None:
    several: list[Any] = [defer.Deferred() for _ in range(3)]
    defer.gatherResults(several)
    for d in several:
        d.callback(object())


@each(2)
def deferred_in_a_circle() -> None:
    d: Any = defer.Deferred()
    d.addCallback(lambda r: d)


# ---- generators and coroutines ----


@defer.inlineCallbacks  # type: ignore[misc]
def generator(waiting: Any) -> Any:
    yield defer.succeed(object())
    yield waiting
    return object()


async def coroutine(waiting: Any) -> object:
    await defer.succeed(object())
    await waiting
    return object()


def start_coroutine(waiting: Any) -> Any:
    return defer.Deferred.fromCoroutine(coroutine(waiting))


STARTS: dict[str, Callable[[Any], Any]] = {"generator": generator, "coroutine": start_coroutine}


def driven(name: str, start: Callable[[Any], Any]) -> None:
    """The ends that a generator or a coroutine may have."""

    def ended() -> None:
        waiting: Any = defer.Deferred()
        start(waiting)
        waiting.callback(None)

    def failed() -> None:
        waiting: Any = defer.Deferred()
        start(waiting).addErrback(lambda f: None)
        waiting.errback(Expected())

    def cancelled() -> None:
        d = start(defer.Deferred())
        d.addErrback(lambda f: None)
        d.cancel()

    def abandoned() -> None:
        start(defer.Deferred())

    for end, divisor in ((ended, 2), (failed, 10), (cancelled, 10), (abandoned, 4)):
        end.__name__ = f"{name}_{end.__name__}"
        each(divisor)(end)


for _name, _start in STARTS.items():
    driven(_name, _start)


# ---- timed calls, threads, processes, log ----


@thing()
async def timed_call(times: int) -> None:
    left = times
    while left > 0:
        done: Any = defer.Deferred()
        for _ in range(999):
            reactor.callLater(0, int)
        reactor.callLater(0, done.callback, None)
        await done
        left -= 1000


async def in_turns(once: Callable[[], object], times: int) -> None:
    """So often, a thousand in each iteration: what was cancelled is swept between them."""
    for start in range(0, times, 1000):
        for _ in range(min(1000, times - start)):
            once()
        await task.deferLater(reactor, 0, int)


@thing()
async def timed_call_cancelled(times: int) -> None:
    await in_turns(lambda: reactor.callLater(100, int).cancel(), times)


@thing()
async def timed_call_reset(times: int) -> None:
    def once() -> None:
        call = reactor.callLater(100, int)
        call.reset(50)
        call.delay(100)
        call.reset(1)
        call.cancel()

    await in_turns(once, times)


@thing(2)
async def thread_call(times: int) -> None:
    done: Any = defer.Deferred()

    def calls() -> None:
        for n in range(1, times):
            reactor.callFromThread(int)
            if n % 10_000 == 0:
                time.sleep(0.01)
        reactor.callFromThread(done.callback, None)

    thread = threading.Thread(target=calls)
    thread.start()
    await done
    thread.join()


@thing(20)
async def call_in_thread(times: int) -> None:
    from twisted.internet.threads import deferToThread

    for _ in range(times):
        await deferToThread(int)


@thing(1000)
async def process(times: int) -> None:
    class Child(protocol.ProcessProtocol):
        def __init__(self) -> None:
            self.ended: Any = defer.Deferred()

        def processEnded(self, reason: Any) -> None:
            self.ended.callback(None)

    for _ in range(times):
        child = Child()
        reactor.spawnProcess(child, "/bin/true", ["true"])
        await child.ended


@each(4)
def log_message() -> None:
    log.msg("said", number=1)


LOGGER = Logger()


@each(4)
def log_event() -> None:
    LOGGER.info("said {number}", number=1)


# ---- framings ----


class Sink(protocol.Protocol):
    """A transport that takes what it gets, and forgets it."""

    disconnecting = False

    def write(self, data: bytes) -> None:
        pass

    def writeSequence(self, data: list[bytes]) -> None:
        pass

    def loseConnection(self) -> None:
        pass


class Lines(basic.LineReceiver):
    def lineReceived(self, line: bytes) -> None:
        self.sendLine(line)


class Ints(basic.Int32StringReceiver):
    def stringReceived(self, string: bytes) -> None:
        self.sendString(string)


class Netstrings(basic.NetstringReceiver):
    def stringReceived(self, string: bytes) -> None:
        self.sendString(string)


class Expressions(banana.Banana):
    def expressionReceived(self, lst: object) -> None:
        self.sendEncoded([b"some", 5, [1.5, -(10**12)]])


def banana_stream() -> bytes:
    """An expression of Banana as it is sent, behind the dialects."""
    sent: list[bytes] = []
    sender = banana.Banana(isClient=False)
    transport: Any = Sink()
    transport.write = sent.append
    sender.makeConnection(transport)
    sender.currentDialect = b"none"
    sender._selectDialect(b"none")
    del sent[:]
    sender.sendEncoded([b"some", 5, [1.5, -(10**12)]])
    return b"".join(sent)


def framed(receiver: type[Any], stream: bytes, messages: int) -> None:
    """A thing: messages received and answered, a receiver for each thousand of times."""

    async def run(times: int) -> None:
        for start in range(0, times, 1000):
            made = receiver()
            made.makeConnection(Sink())
            if receiver is Expressions:
                made._selectDialect(b"none")
            for _ in range(min(1000, times - start) // messages):
                for at in range(0, len(stream), 7):
                    made.dataReceived(stream[at : at + 7])

    THINGS.append(Thing(f"framed_{receiver.__name__.lower()}", run, 1))


framed(Lines, b"a line\r\nand another\r\n" * 4, 8)
framed(Ints, b"\0\0\0\3one\0\0\0\0" * 4, 8)
framed(Netstrings, b"3:one,3:two," * 4, 8)
framed(Expressions, banana_stream() * 4, 4)


# ---- connections ----


class Echo(protocol.Protocol):
    def dataReceived(self, data: bytes) -> None:
        if data == b"abort":
            self.transport.abortConnection()
        elif data == b"reset":
            linger = struct.pack("ii", 1, 0)
            self.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.transport.loseConnection()
        else:
            self.transport.write(data)


class Asks(protocol.Protocol):
    """Sends what the factory says, and ends as it says."""

    def connectionMade(self) -> None:
        self.transport.write(self.factory.said)

    def dataReceived(self, data: bytes) -> None:
        if self.factory.ends == "abort":
            self.transport.abortConnection()
        elif self.factory.ends == "half":
            self.transport.loseWriteConnection()
        else:
            self.transport.loseConnection()

    def connectionLost(self, reason: Any) -> None:
        self.factory.lost()


#: How a connection ends, by what the client says and then does.
ENDS = {
    "closed": (b"hello", "close"),
    "aborted": (b"hello", "abort"),
    "aborted_by_the_peer": (b"abort", "none"),
    "reset_by_the_peer": (b"reset", "none"),
    "half_closed": (b"hello", "half"),
}

AT_ONCE = 20


class Asking(protocol.ClientFactory):
    """Opens one connection after the other, so many at once, until all were had."""

    protocol = Asks
    noisy = False

    def __init__(self, times: int, connect: Callable[[Any], object], how: str) -> None:
        self.left = times
        self.open = 0
        self.done: Any = defer.Deferred()
        self.connect = connect
        self.said, self.ends = ENDS[how]
        for _ in range(min(AT_ONCE, times)):
            self.next()

    def next(self) -> None:
        self.left -= 1
        self.open += 1
        self.connect(self)

    def lost(self) -> None:
        self.open -= 1
        if self.left > 0:
            self.next()
        elif not self.open:
            self.done.callback(None)

    def clientConnectionFailed(self, connector: object, reason: Any) -> None:
        self.done.errback(reason)


def echo_factory() -> Any:
    factory = protocol.Factory.forProtocol(Echo)
    factory.noisy = False
    return factory


async def over_tcp(times: int, how: str) -> None:
    port = reactor.listenTCP(0, echo_factory(), interface="127.0.0.1", backlog=100)
    number = port.getHost().port
    await Asking(times, lambda factory: reactor.connectTCP("127.0.0.1", number, factory), how).done
    await port.stopListening()


async def over_unix(times: int, how: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        port = reactor.listenUNIX(path, echo_factory(), backlog=100)
        await Asking(times, lambda factory: reactor.connectUNIX(path, factory), how).done
        await port.stopListening()


async def over_tls(times: int, how: str) -> None:
    authority = issue("authority")
    options = issue("localhost", authority).private().options()
    port = reactor.listenSSL(0, echo_factory(), options, interface="127.0.0.1", backlog=100)
    number = port.getHost().port
    trusted = ssl.optionsForClientTLS("localhost", trustRoot=authority.authority())

    def connect(factory: Any) -> None:
        reactor.connectSSL("127.0.0.1", number, factory, trusted)

    await Asking(times, connect, how).done
    await port.stopListening()


def connection(over: Callable[[int, str], Awaitable[None]], how: str, divisor: int) -> None:
    async def run(times: int) -> None:
        await over(times, how)

    THINGS.append(Thing(f"{over.__name__[5:]}_{how}", run, divisor))


for _how in ENDS:
    connection(over_tcp, _how, 20)
    connection(over_unix, _how, 20)
for _how in ("closed", "aborted", "aborted_by_the_peer"):
    connection(over_tls, _how, 500)


@thing(10)
async def datagram(times: int) -> None:
    done: Any = defer.Deferred()

    class Bounces(protocol.DatagramProtocol):
        count = 0

        def datagramReceived(self, data: bytes, addr: Any) -> None:
            self.count += 1
            if self.count < times:
                self.transport.write(data, addr)
            elif not done.called:
                done.callback(None)

    ports = [reactor.listenUDP(0, Bounces(), interface="127.0.0.1") for _ in range(2)]
    ports[0].write(b"hello", ("127.0.0.1", ports[1].getHost().port))
    await done
    for port in ports:
        await port.stopListening()


@thing(50)
async def port_opened(times: int) -> None:
    for _ in range(times):
        port = reactor.listenTCP(0, echo_factory(), interface="127.0.0.1")
        udp = reactor.listenUDP(0, protocol.DatagramProtocol(), interface="127.0.0.1")
        await port.stopListening()
        await udp.stopListening()


class Page(web_resource.Resource):
    """What is asked for: a page, and where something was sent, that in chunks."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"hello"

    def render_POST(self, request: Any) -> int:
        request.write(request.content.read(10))
        request.write(request.content.read())
        request.finish()
        return int(web_server.NOT_DONE_YET)


def site() -> Any:
    return reactor.listenTCP(0, web_server.Site(Page()), interface="127.0.0.1")


class Browser(protocol.Protocol):
    """Sends the same request again and again, as often as it says."""

    def __init__(self, times: int, request: bytes, end: bytes) -> None:
        self.left = times
        self.request, self.end = request, end
        self.done: Any = defer.Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self.request)

    def dataReceived(self, data: bytes) -> None:
        if data.endswith(self.end):
            self.left -= 1
            if self.left:
                self.transport.write(self.request)
            else:
                self.transport.loseConnection()

    def connectionLost(self, reason: Any) -> None:
        self.done.callback(None)


async def served(times: int, request: bytes, end: bytes) -> None:
    port = site()
    address = f"tcp:127.0.0.1:{port.getHost().port}"
    client = endpoints.clientFromString(reactor, address)
    browser: Any = await endpoints.connectProtocol(client, Browser(times, request, end))
    await browser.done
    await port.stopListening()


@thing(100)
async def http_request(times: int) -> None:
    await served(times, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"hello")


@thing(100)
async def http_chunks(times: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"8\r\nsome of \r\n9;a=b\r\nthe body.\r\n0\r\n\r\n"
    await served(times, head + chunks, b"\r\n0\r\n\r\n")


@thing(100)
async def http_request_abandoned(times: int) -> None:
    """The peer ends in the middle of a request: in its head, or in a chunk of its body."""
    port = site()
    number = port.getHost().port
    heads = (
        b"GET / HTTP/1.1\r\nHost: lo",
        b"GET /",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nbo",
    )
    chunk = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbod"
    for n in range(times):
        with socket.create_connection(("127.0.0.1", number)) as peer:
            peer.sendall((*heads, chunk)[n % 4])
            await task.deferLater(reactor, 0, int)
        await task.deferLater(reactor, 0, int)
    await port.stopListening()


async def fetched(times: int, persistent: bool) -> None:
    """Ask by a client with a pool of connections, and send something each second time."""
    port = site()
    uri = b"http://127.0.0.1:%d/" % port.getHost().port
    pool = web_client.HTTPConnectionPool(reactor, persistent)
    agent = web_client.Agent(reactor, pool=pool)
    for n in range(times):
        body = b"some of the body" * 4 if n % 2 else None
        sent = web_client.FileBodyProducer(io.BytesIO(body)) if body else None
        response = await agent.request(b"POST" if body else b"GET", uri, bodyProducer=sent)
        assert await web_client.readBody(response) == (body or b"hello")
    await pool.closeCachedConnections()
    await port.stopListening()


@thing(100)
async def http_fetched(times: int) -> None:
    await fetched(times, True)


@thing(200)
async def http_fetched_once(times: int) -> None:
    await fetched(times, False)


@thing(100)
async def http_response_abandoned(times: int) -> None:
    """A response whose body is not read to its end: the connection is aborted."""
    port = site()
    uri = b"http://127.0.0.1:%d/" % port.getHost().port
    agent = web_client.Agent(reactor)
    for _ in range(times):
        sent = web_client.FileBodyProducer(io.BytesIO(b"some" * 4))
        response: Any = await agent.request(b"POST", uri, bodyProducer=sent)
        reading = web_client.readBody(response)
        reading.addErrback(lambda failure: failure.trap(defer.CancelledError) and None)
        reading.cancel()
        await reading
    await port.stopListening()


# ---- measuring ----


def resident() -> int:
    """Bytes of memory that the kernel has given to this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def counts() -> dict[str, int]:
    """What there is now."""
    for _ in range(3):
        gc.collect()
    found = {
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "memory": resident(),
    }
    if hasattr(sys, "gettotalrefcount"):
        found["references"] = sys.gettotalrefcount()
    return found


def limits(times: int) -> dict[str, int]:
    """What may be more after so many times."""
    things = SLACK + times // SELDOM
    return {
        "objects": things,
        "blocks": things,
        "references": 2 * things,
        "descriptors": 0,
        "memory": SLACK_MEMORY + FEW_BYTES * times,
    }


async def settle() -> None:
    """Let what was ended end: peers see the end of a connection one iteration later."""
    for _ in range(3):
        await task.deferLater(reactor, 0.01, int)


async def measure(one: Thing, times: int) -> list[str]:
    """Make and end a thing so often; what grew."""
    # What is kept for good, as caches and the free lists of Python's are filled, is there by then.
    await one.run(max(times // 10, min(times, WARM)))
    await settle()
    before = counts()
    began = time.process_time()
    await one.run(times)
    spent = time.process_time() - began
    await settle()
    after = counts()
    grown = {name: after[name] - before[name] for name in after}
    allowed = limits(times)
    found = [name for name, more in grown.items() if more > allowed[name]]
    row = "".join(f"{grown[name]:>12,}" for name in grown)
    mark = f"  GROWS: {', '.join(found)}" if found else ""
    print(f"{one.name:<28}{times:>10,}{row}{spent:>9.1f}{mark}", flush=True)
    return [f"{one.name}: {name}" for name in found]


async def main(options: argparse.Namespace) -> list[str]:
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    header = "".join(f"{name:>12}" for name in counts())
    print(f"{'more of after':<28}{'times':>10}{header}{'CPU s':>9}", flush=True)
    found: list[str] = []
    for one in THINGS:
        if not options.names or any(name in one.name for name in options.names):
            divisor = 1 if options.each else one.divisor
            found += await measure(one, max(options.times // divisor, 20))
    return found


def run() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.trust.leaks", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of names of things; all by default")
    parser.add_argument("--times", type=int, default=1_000_000)
    parser.add_argument("--each", action="store_true", help="so often also what takes long")
    options = parser.parse_args()
    found: list[str] = []

    def start() -> None:
        def done(result: Any) -> None:
            if isinstance(result, list):
                found.extend(result)
            else:
                found.append(str(result))
            reactor.stop()

        defer.ensureDeferred(main(options)).addBoth(done)

    reactor.callWhenRunning(start)
    reactor.run()
    print("\n".join(found) if found else "nothing grows", flush=True)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(run())
