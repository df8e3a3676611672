"""
Random lives of connections to a server of requests or lines, at whose events anything may happen.

    python [-m pyreactor] -m tests.trust.lives [--seconds 20] [--seed 1]

The peers are bare sockets: they send requests with bodies and chunks, cut anywhere, ask for files,
read or do not, half-close, close and reset, in turns with the reactor's iterations.  What the
server does with that is as random, and at each of its events there may come a disturbance: the
collector, a nested iteration, the end of this connection or of another, what a peer does meanwhile,
an error, a signal, a fork whose child goes on for a while, or a child that exits in order, with all
that is alive.  In some rounds the collector runs at each allocation that it knows of, in some a
signal comes every millisecond.

After a round each connection was lost once and nothing is left: no descriptor, no connection.  A
round that fails tells its seed.
"""

from __future__ import annotations

import argparse
import errno
import faulthandler
import gc
import os
import random
import resource as resource_module
import shutil
import signal
import socket
import ssl as plain_ssl
import struct
import sys
import tempfile
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from twisted.internet import interfaces, protocol
from twisted.internet import reactor as installed
from twisted.logger import globalLogBeginner
from twisted.protocols.basic import FileSender, LineReceiver
from twisted.web import http, resource, server, static
from zope.interface import implementer

from tests.programs.certificates import issue

reactor: Any = installed
own_site: Any = server.Site

#: Seconds that only a round which hangs takes.
TOO_LONG = 240
#: Iterations in which everything ends, once its peers are gone.
ITERATIONS = 400
SIZES = (0, 1, 100, 5_000, 70_000, 400_000)
FILES = (10, 70_000, 3_000_000)
#: Children that a round makes at most.
MOST_CHILDREN = 2
#: What nothing that a program does wrong leads to.
NEVER = {"SystemError", "MemoryError", "RecursionError", "UnboundLocalError", "BufferError"}
NEVER |= {"AssertionError"}

AUTHORITY = issue("authority")
OPTIONS = issue("localhost", AUTHORITY).private().options()
CONTEXT = plain_ssl.SSLContext(plain_ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname = False
CONTEXT.verify_mode = plain_ssl.CERT_NONE


#: What may go on during a round.
HARDSHIPS = ("signals", "collector", "thread", "descriptors")
LIMITS = resource_module.getrlimit(resource_module.RLIMIT_NOFILE)


#: What is wrong.
wrong: list[str] = []


def check(fine: bool, what: str) -> None:
    """Remember what is wrong, in the middle of what handles all errors."""
    if not fine:
        wrong.append(what)


@contextmanager
def taken() -> Iterator[None]:
    """What is raised is taken, as Twisted's reactor does, and may not be what never comes."""
    try:
        yield
    except Exception as error:
        check(type(error).__name__ not in NEVER, traceback.format_exc())


class Expected(Exception):
    """What resources and producers raise."""


# ---- peers ----


class Peer:
    """The other end of a connection; without a word, where it is not there any more."""

    def __init__(self, life: Round, made: socket.socket, secure: bool) -> None:
        self.random = life.random
        self.socket = made
        self.to_send = b"".join(life.request() for _ in range(self.random.randrange(1, 5)))
        self.received = 0
        self.tls: Any = None
        if secure:
            self.incoming, self.outgoing = plain_ssl.MemoryBIO(), plain_ssl.MemoryBIO()
            self.tls = CONTEXT.wrap_bio(self.incoming, self.outgoing)

    def step(self) -> None:
        """One random deed."""
        roll = self.random.random()
        if roll < 0.45:
            self.send(self.random.choice((1, 2, 7, 100, 5_000, 1 << 20)))
        elif roll < 0.88:
            self.receive(self.random.choice((1, 1_000, 100_000, 1 << 20)))
        elif roll < 0.92:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
        elif roll < 0.96:
            self.socket.close()
        else:
            self.reset()

    def send(self, size: int) -> None:
        piece, self.to_send = self.to_send[:size], self.to_send[size:]
        if self.tls is None:
            with suppress(OSError):
                self.to_send = piece[self.socket.send(piece) :] + self.to_send
            return
        with suppress(plain_ssl.SSLError):
            self.tls.do_handshake()
            if piece:
                self.tls.write(piece)
        with suppress(OSError):
            self.socket.send(self.outgoing.read(size + 5_000))

    def receive(self, size: int) -> None:
        with suppress(OSError):
            data = self.socket.recv(size)
            self.received += len(data)
            if self.tls is not None:
                self.incoming.write(data)
                with suppress(plain_ssl.SSLError):
                    self.tls.read(1 << 20)

    def reset(self) -> None:
        with suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


# ---- the server ----


@implementer(interfaces.IPushProducer, interfaces.IPullProducer)
class Producer:
    """Writes a few times as it is asked to, and ends the request, or does not."""

    def __init__(self, life: Round, request: Any) -> None:
        self.life, self.request = life, request
        self.left = life.random.randrange(1, 6)

    def resumeProducing(self) -> None:
        self.left -= 1
        self.life.event()
        if self.left >= 0:
            self.request.write(b"p" * self.life.random.choice(SIZES))
        if self.left <= 0:
            self.request.unregisterProducer()
            if self.life.random.random() < 0.8:
                self.request.finish()

    def pauseProducing(self) -> None:
        self.life.event()

    def stopProducing(self) -> None:
        # One that raises keeps the connection from its end, on stock, too.
        with suppress(Expected):
            self.life.event()


class Page(resource.Resource):
    """Answers in a random way."""

    isLeaf = True

    def __init__(self, life: Round) -> None:
        super().__init__()
        self.life = life

    def render(self, request: Any) -> Any:
        life = self.life
        request.notifyFinish().addBoth(life.ended)
        life.asked += 1
        life.event()
        return getattr(self, "do_" + life.random.choice(DEEDS))(request)

    def do_bytes(self, request: Any) -> bytes:
        return b"b" * self.life.random.choice(SIZES)

    def do_file(self, request: Any) -> Any:
        return self.life.file().render(request)

    def do_sender(self, request: Any) -> Any:
        """The file goes to the transport itself, behind the head."""
        file = Path(self.life.file().path).open("rb")  # noqa: SIM115
        request.write(b"")
        sent = FileSender().beginFileTransfer(file, request.transport)

        def end(result: Any) -> None:
            file.close()
            self.life.event()
            request.loseConnection()

        sent.addBoth(end).addErrback(self.life.ended)
        return server.NOT_DONE_YET

    def do_later(self, request: Any) -> Any:
        self.life.waiting.append(request)
        return server.NOT_DONE_YET

    def do_produced(self, request: Any) -> Any:
        streaming = self.life.random.random() < 0.5
        producer = Producer(self.life, request)
        request.registerProducer(producer, streaming)
        if streaming:
            producer.resumeProducing()
        return server.NOT_DONE_YET

    def do_written(self, request: Any) -> Any:
        for _ in range(3):
            request.write(b"w" * self.life.random.choice(SIZES))
            self.life.event()
        request.finish()
        return server.NOT_DONE_YET

    def do_close(self, request: Any) -> bytes:
        request.loseConnection()
        return b"closed"

    def do_abort(self, request: Any) -> bytes:
        request.transport.abortConnection()
        return b"aborted"

    def do_pause(self, request: Any) -> Any:
        channel = request.channel
        channel.pauseProducing()
        reactor.callLater(0.002, self.resume, request, channel)
        return server.NOT_DONE_YET

    def resume(self, request: Any, channel: Any) -> None:
        channel.resumeProducing()
        request.finish()

    def do_raise(self, request: Any) -> bytes:
        raise Expected


DEEDS = [name[3:] for name in vars(Page) if name.startswith("do_")]


class Channel(http.HTTPChannel):
    """Tells of its end."""

    def connectionLost(self, reason: Any) -> None:
        life: Round = self.site.life
        check(self not in life.lost, "lost twice")
        life.lost.add(self)
        super().connectionLost(reason)
        life.event()


class Request(server.Request):
    """Tells of each piece of its body."""

    def handleContentChunk(self, data: bytes) -> None:
        channel: Any = self.channel
        channel.site.life.event()
        super().handleContentChunk(data)  # type: ignore[no-untyped-call]


class Lines(LineReceiver):
    """Takes lines and raw data instead of requests, and answers in a random way."""

    MAX_LENGTH = 1 << 20

    def __init__(self, life: Round) -> None:
        self.life = life

    def lineReceived(self, line: bytes) -> None:
        self.life.asked += 1
        self.life.event()
        getattr(self, self.life.random.choice(ANSWERS))(line)

    def rawDataReceived(self, data: bytes) -> None:
        self.life.event()
        if self.life.random.random() < 0.3:
            self.setLineMode(data[1:])
        else:
            self.do_write(data)

    def connectionLost(self, reason: Any = None) -> None:
        check(self not in self.life.lost, "lost twice")
        self.life.lost.add(self)
        self.life.event()

    def do_line(self, line: bytes) -> None:
        self.sendLine(line)

    def do_write(self, line: bytes) -> None:
        transport: Any = self.transport
        transport.writeSequence([line, b"w" * self.life.random.choice(SIZES)])

    def do_raw(self, line: bytes) -> None:
        self.setRawMode()

    def do_pause(self, line: bytes) -> None:
        self.pauseProducing()
        reactor.callLater(0.002, self.resumeProducing)

    def do_produce(self, line: bytes) -> None:
        """The transport's own producer pauses it while the peer does not read."""
        transport: Any = self.transport
        transport.unregisterProducer()
        transport.registerProducer(transport, True)
        transport.write(line * 1000)

    def do_half(self, line: bytes) -> None:
        with suppress(AttributeError):  # TLS has none
            cast("Any", self.transport).loseWriteConnection()

    def do_close(self, line: bytes) -> None:
        cast("Any", self.transport).loseConnection()

    def do_abort(self, line: bytes) -> None:
        cast("Any", self.transport).abortConnection()

    def do_raise(self, line: bytes) -> None:
        raise Expected


ANSWERS = [name for name in vars(Lines) if name.startswith("do_")]
ANSWERS += ["do_line", "do_write"] * 4


# ---- a round ----


class Round:
    """A server, a few connections, and what happens to them."""

    def __init__(self, seed: int, folder: str) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.over = self.random.choice(("tcp", "tcp", "unix", "tls"))
        self.takes_lines = self.random.random() < 0.25
        self.disturbed = self.random.choice((0, 0.1, 0.4))
        self.hardship = self.random.choice((None,) * 6 + HARDSHIPS)
        self.children = self.random.choice((0, 0, MOST_CHILDREN))
        self.is_child = self.exits = False
        self.depth = self.asked = self.finished = 0
        self.waiting: list[Any] = []
        self.peers: list[Peer] = []
        self.lost: weakref.WeakSet[Any] = weakref.WeakSet()
        self.made: list[weakref.ref[Any]] = []
        self.channels: list[weakref.ref[Any]] = []

    # -- what is asked for --

    def file(self) -> Any:
        return static.File(os.path.join(self.folder, str(self.random.choice(FILES))))

    def request(self) -> bytes:
        """A request; now and then a broken one."""
        chance = self.random
        body, lines = b"", [b"Host: a"]
        if chance.random() < 0.2:
            first = chance.choice((0, 5, 60_000))
            lines.append(b"Range: bytes=%d-%d" % (first, first + chance.choice((0, 100, 69_000))))
        method = chance.choice((b"GET", b"GET", b"HEAD", b"POST"))
        if method == b"POST" and chance.random() < 0.7:
            lines.append(b"Transfer-Encoding: chunked")
            sizes = [chance.choice((1, 15, 16, 300, 70_000)) for _ in range(chance.randrange(5))]
            body = b"".join(b"%x\r\n%b\r\n" % (size, b"c" * size) for size in sizes)
            body += chance.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0;e\r\nT: t\r\n\r\n", b"g\r\n"))
        elif method == b"POST":
            body = b"d" * chance.choice((0, 1, 200_000))
            lines.append(b"Content-Length: %d" % len(body))
        if chance.random() < 0.1:
            lines.append(b"Connection: close")
        head = b"\r\n".join([method + b" /a HTTP/1.1", *lines, b"", b""])
        if chance.random() < 0.03:
            at = chance.randrange(len(head))
            head = head[:at] + chance.choice((b"\x00", b"\r", b"\n", b"")) + head[at + 1 :]
        return head + body

    # -- what may happen at an event --

    def ended(self, result: object) -> None:
        self.finished += 1
        self.event()

    def event(self) -> None:
        """Something of the server's code runs: now and then, something else happens there."""
        if self.depth < 3 and self.random.random() < self.disturbed:
            self.depth += 1
            try:
                self.random.choice(self.DISTURBANCES)(self)
            finally:
                self.depth -= 1

    def any_transport(self) -> Any:
        """One of the connections that are there."""
        channels = [ref() for ref in self.channels]
        found = [one.transport for one in channels if getattr(one, "transport", None) is not None]
        return self.random.choice(found) if found else None

    def collect(self) -> None:
        gc.collect()

    def iterate(self) -> None:
        if self.hardship != "signals":
            reactor.iterate(0)

    def end_one(self) -> None:
        transport = self.any_transport()
        if transport is not None:
            name = self.random.choice(("abortConnection", "loseConnection", "pauseProducing"))
            getattr(transport, name)()
            if name == "pauseProducing":
                transport.resumeProducing()

    def peer_acts(self) -> None:
        if self.peers:
            self.random.choice(self.peers).step()

    def fail(self) -> None:
        raise Expected

    def interrupt(self) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)

    def fork(self) -> None:
        """A child goes on as if it were its parent, or exits in order with all that is alive."""
        if self.children <= 0:
            return
        self.children -= 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child = os.fork()
        if child:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            check(status == 0, f"a child ended with {status}")
            return
        self.is_child = True
        signal.alarm(TOO_LONG)
        resource_limits(None)
        self.children = self.disturbed = 0
        self.exits = self.random.random() < 0.5
        if self.exits:
            return  # Twisted would take a SystemExit for an error of this event's
        for _ in range(4):
            reactor.iterate(0)
        gc.collect()
        os._exit(0)

    DISTURBANCES = (
        collect, collect, iterate, iterate, end_one, end_one, peer_acts, peer_acts, fail,
        interrupt, fork, fork,
    )  # fmt: skip

    def handler(self, number: int, frame: object) -> None:
        """Of signals: between any two instructions of Python's."""
        if self.random.random() < 0.7:
            gc.collect(0)
        else:
            with taken():  # TLS may be between two of its states
                self.end_one()

    # -- the round itself --

    def listen(self) -> tuple[Any, Callable[[], socket.socket]]:
        """A port, and a function that connects to it."""
        site: Any = own_site(Page(self))
        site.life = self
        if self.takes_lines:
            site = protocol.Factory.forProtocol(lambda: Lines(self))  # type: ignore[arg-type]
        if self.random.random() < 0.5:
            site.requestFactory = Request
        build = site.buildProtocol

        def noted(address: Any) -> Any:
            made = build(address)
            channel = made if self.takes_lines else made._channel
            if channel is not made and self.random.random() < 0.5:
                channel.__class__ = Channel
            self.made.append(weakref.ref(made))
            self.channels.append(weakref.ref(channel))
            return made

        site.buildProtocol = noted
        site.noisy = False
        if self.over == "unix":
            path = os.path.join(self.folder, "socket")
            return reactor.listenUNIX(path, site), lambda: connected(socket.AF_UNIX, path)
        if self.over == "tls":
            port = reactor.listenSSL(0, site, OPTIONS, interface="127.0.0.1")
        else:
            port = reactor.listenTCP(0, site, interface="127.0.0.1")
        address = ("127.0.0.1", port.getHost().port)
        return port, lambda: connected(socket.AF_INET, address)

    @contextmanager
    def endure(self) -> Iterator[None]:
        """What goes on during a round, but for the collector's and the signals' own part."""
        over = threading.Event()
        beside = threading.Thread(target=self.call_beside, args=(over,))
        threshold, interval = gc.get_threshold(), sys.getswitchinterval()
        if self.hardship == "signals":
            signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
        elif self.hardship == "collector":
            gc.set_threshold(1, 2, 2)
        elif self.hardship == "thread":
            sys.setswitchinterval(1e-5)
            beside.start()
        elif self.hardship == "descriptors":
            resource_limits(len(os.listdir("/proc/self/fd")) + self.random.randrange(3, 12))
        try:
            yield
        finally:
            if not self.is_child:
                gc.set_threshold(*threshold)
                sys.setswitchinterval(interval)
                signal.setitimer(signal.ITIMER_PROF, 0)
                resource_limits(None)
                over.set()
                if beside.ident is not None:
                    beside.join()

    def call_beside(self, over: threading.Event) -> None:
        """A thread calls in, and collects, while the reactor works."""
        while not over.wait(0.001):
            reactor.callFromThread(self.event)
            gc.collect(1)

    def run(self) -> None:
        port, connect = self.listen()
        signal.signal(signal.SIGUSR1, self.handler)
        signal.signal(signal.SIGPROF, self.handler)
        with self.endure():
            for _ in range(self.random.randrange(10, 120)):
                self.step(connect)
        self.end(port)

    def step(self, connect: Callable[[], socket.socket]) -> None:
        if len(self.peers) < 6 and self.random.random() < 0.2:
            with suppress(OSError):  # of a process without a descriptor left
                self.peers.append(Peer(self, connect(), self.over == "tls"))
        for peer in self.peers:
            if self.random.random() < 0.6:
                peer.step()
        self.peers = [peer for peer in self.peers if peer.socket.fileno() >= 0]
        if self.waiting and self.random.random() < 0.3:
            self.finish(self.waiting.pop(0))
        reactor.iterate(0)
        if self.exits:
            late: Any = sys
            late.life = self  # the last that goes
            raise SystemExit

    def finish(self, request: Any) -> None:
        """Of a request that waits.  The next of its connection may be handled in there."""
        with taken():
            request.write(b"late")
            request.finish()

    def end(self, port: Any) -> None:
        """The peers go, and then nothing is left."""
        self.disturbed = 0
        port.stopListening()
        for peer in self.peers:
            self.random.choice((peer.reset, peer.socket.close))()
        for number in range(ITERATIONS):
            while self.waiting:
                self.finish(self.waiting.pop())
            reactor.iterate(0.002 if number else 0)
            if not self.left():
                break
        assert not self.left(), f"left over: {self.left()}"
        for call in reactor.getDelayedCalls():
            call.cancel()  # a channel's timeout, if its request ended after it

    def left(self) -> list[Any]:
        """What is there of the connections that were made."""
        own = reactor._internalReaders
        found = [one for one in reactor.getReaders() if one not in own]
        return [*found, *reactor.getWriters()]


def resource_limits(descriptors: int | None) -> None:
    """Have this process get so many descriptors; None: as many as at its beginning."""
    limits = LIMITS if descriptors is None else (descriptors, LIMITS[1])
    resource_module.setrlimit(resource_module.RLIMIT_NOFILE, limits)


def connected(family: Any, address: Any) -> socket.socket:
    """A socket that is connected, as far as the kernel has room for one more."""
    made = socket.socket(family)
    made.setblocking(False)
    number = made.connect_ex(address)
    assert number in (0, errno.EINPROGRESS, errno.EAGAIN), os.strerror(number)
    return made


def descriptors() -> set[str]:
    """What is open, and to where, but for the one that Twisted keeps for want of others."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.add(f"{name} {os.readlink('/proc/self/fd/' + name)}")
    return {one for one in found if not one.endswith(" /dev/null")}


def one(seed: int, folder: str) -> Round:
    """A round, at whose end no descriptor is left."""
    # Of processor time; faulthandler's own watchdog does not live with a fork.
    signal.setitimer(signal.ITIMER_VIRTUAL, TOO_LONG)
    life = Round(seed, folder)
    before = descriptors()
    life.run()
    for _ in range(2):
        gc.collect()
    assert descriptors() <= before, f"descriptors are left: {descriptors() - before}"
    return life


def alive(made: list[weakref.ref[Any]]) -> list[Any]:
    """Connections that are there still, and who has them."""
    return [gc.get_referrers(ref()) for ref in made if ref() is not None]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.trust.lives", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=1 << 30)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000_000)
    options = parser.parse_args()

    def observe(event: Any) -> None:
        failure = event.get("log_failure")
        if failure is not None and failure.type.__name__ in NEVER:
            wrong.append(failure.getTraceback())

    globalLogBeginner.beginLoggingTo([observe], redirectStandardIO=False, discardBuffer=True)
    warnings.simplefilter("ignore")
    faulthandler.register(signal.SIGVTALRM, chain=True)
    until = time.monotonic() + options.seconds
    rounds = connections = requests = 0
    made: list[list[weakref.ref[Any]]] = []
    seed = options.seed
    folder = tempfile.mkdtemp()
    for size in FILES:
        Path(folder, str(size)).write_bytes(random.Random(size).randbytes(size))
    reactor.iterate(0)
    while rounds < options.rounds and (time.monotonic() < until or not rounds):
        try:
            life = one(seed, folder)
            made.append(life.made + life.channels)
            # The last error that was raised may keep what it went through.
            assert len(made) < 3 or not alive(made[-3]), f"connections are left: {alive(made[-3])}"
            assert not wrong, wrong[0]
        except Exception:
            traceback.print_exc()
            print(f"failed: --rounds 1 --seed {seed}", flush=True)
            return 1
        if not rounds:
            gc.collect()
            gc.freeze()  # what each collection would look through
        rounds += 1
        connections, requests = connections + len(life.made), requests + life.asked
        seed += 1
    shutil.rmtree(folder)
    print(f"{rounds} rounds, {connections} connections, {requests} requests: nothing is left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
