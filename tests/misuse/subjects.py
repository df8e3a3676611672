"""What is misused: objects of each kind that has methods in C, made anew for each call."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import pty
import socket
import tempfile
from collections.abc import Callable
from typing import Any

from twisted.internet import (
    address,
    base,
    defer,
    fdesc,
    process,
    protocol,
    reactor,
    serialport,
    ssl,
    stdio,
    udp,
    unix,
)
from twisted.internet import task as _task
from twisted.internet.testing import StringTransport
from twisted.logger import Logger, LogPublisher
from twisted.protocols import basic, tls
from twisted.python import log
from twisted.spread import banana
from twisted.web import http, http_headers, resource, server, static

from tests.misuse.values import Refused

real: Any = reactor

#: A folder for names of UNIX sockets, and ports that listen for good.
FOLDER = tempfile.mkdtemp(prefix="misuse-")
_listening: dict[str, Any] = {}


class Told(protocol.Protocol):
    """What it hears is dropped."""

    def dataReceived(self, data: bytes) -> None:
        pass


class Factory(protocol.ClientFactory):
    protocol = Told
    noisy = False


class Datagrams(protocol.DatagramProtocol):
    noisy = False


def turn(times: int = 4) -> None:
    """Let the reactor do what it can do at once."""
    for _ in range(times):
        real.iterate(0)


class Pair:
    """A connection by TCP or a UNIX socket, of which this side is the reactor's."""

    def __init__(self, transport: Any, other: socket.socket) -> None:
        self.transport = transport
        self.other = other


def listening(kind: str) -> Any:
    if kind not in _listening or not hasattr(_listening[kind][0], "socket"):
        factory = Factory()
        made: list[Any] = []

        def build(addr: Any) -> Any:
            made.append(Told())
            return made[-1]

        factory.buildProtocol = build  # type: ignore[method-assign]
        if kind == "tcp":
            port = real.listenTCP(0, factory, interface="127.0.0.1")
        else:
            port = real.listenUNIX(named("listening"), factory)
        _listening[kind] = (port, made)
    return _listening[kind]


def accepted(kind: str) -> Any:
    """A server's transport.  The other end is an attribute of its protocol."""
    port, made = listening(kind)
    if kind == "tcp":
        other = socket.create_connection(("127.0.0.1", port.getHost().port))
    else:
        other = socket.socket(socket.AF_UNIX)
        other.connect(port.getHost().name)
    del made[:]
    for _ in range(20):
        if made:
            break
        real.iterate(0)
    connected = made.pop()
    connected.other = other
    return connected.transport


def connected(kind: str) -> Any:
    """A client's transport."""
    made: list[Any] = []
    factory = Factory()

    def build(addr: Any) -> Any:
        made.append(Told())
        return made[-1]

    factory.buildProtocol = build  # type: ignore[method-assign]
    if "other" not in _listening:
        other = socket.create_server(("127.0.0.1", 0))
        named = socket.socket(socket.AF_UNIX)
        named.bind(os.path.join(FOLDER, "other"))
        named.listen(50)
        _listening["other"] = (other, named)
    other, named = _listening["other"]
    if kind == "tcp":
        real.connectTCP("127.0.0.1", other.getsockname()[1], factory)
    else:
        real.connectUNIX(os.path.join(FOLDER, "other"), factory, checkPID=False)
    for _ in range(20):
        if made:
            break
        real.iterate(0)
    protocol = made.pop()
    protocol.other = (other if kind == "tcp" else named).accept()[0]
    return protocol.transport


def lost(transport: Any) -> Any:
    """The same after its connectionLost."""
    transport.abortConnection()
    turn()
    return transport


def end_transport(transport: Any) -> None:
    held = getattr(transport, "protocol", None)
    other = getattr(held, "other", None)
    try:
        transport.abortConnection()
    except Exception:
        real.removeReader(transport)
        real.removeWriter(transport)
    if other is not None:
        other.close()


class FakeProcess:
    """What a pipe of a process tells of it."""

    def childDataReceived(self, name: int, data: bytes) -> None:
        pass

    def childConnectionLost(self, name: int, reason: Any) -> None:
        pass

    pid = 1


def pipe(writes: bool) -> Any:
    reading, writing = os.pipe()
    kind = process.ProcessWriter if writes else process.ProcessReader
    # The reactor's own class, where it has one.
    own = type(real).spawnProcess.__globals__
    kind = getattr(own.get("_process", own.get("process")), kind.__name__, kind)
    made = kind(real, FakeProcess(), 0, writing if writes else reading)
    made.far = reading if writes else writing
    return made


def end_pipe(made: Any) -> None:
    real.removeReader(made)
    real.removeWriter(made)
    for fd in (getattr(made, "far", None), getattr(made, "fd", None)):
        if isinstance(fd, int) and fd > 2:
            with contextlib.suppress(OSError):
                os.close(fd)


def standard_io() -> Any:
    """One over two pipes, of which it closes its own ends."""
    theirs, writing = os.pipe()
    reading, far = os.pipe()
    made = stdio.StandardIO(Told(), stdin=reading, stdout=writing, reactor=real)
    made.ends = (theirs, far)
    made.own = [(number, os.fstat(number).st_ino) for number in (reading, writing)]
    return made


def end_standard_io(made: Any) -> None:
    for end in made.ends:
        os.close(end)
    turn()
    # One that a call had forget its pipes does not close them, on stock, too.
    for number, inode in made.own:
        with contextlib.suppress(OSError):
            if os.fstat(number).st_ino == inode:
                os.close(number)


def serial_port() -> Any:
    master, slave = pty.openpty()
    made = serialport.SerialPort(Told(), os.ttyname(slave), real)
    made.ends = (master, slave)
    return made


def end_serial_port(made: Any) -> None:
    with contextlib.suppress(AttributeError):  # a producer that is none
        made.connectionLost(failure())
    for end in made.ends:
        os.close(end)


def end_port(port: Any) -> None:
    try:
        port.stopListening()
    except Exception:
        real.removeReader(port)
    turn(2)


_names = iter(range(1_000_000_000))


def named(kind: str) -> str:
    return os.path.join(FOLDER, f"{kind}{next(_names)}")


# ---- Deferreds ----


def fired() -> Any:
    return defer.succeed(3)


def failed() -> Any:
    d: Any = defer.fail(Refused())
    d.addErrback(lambda f: f)
    return d


def paused() -> Any:
    d: Any = defer.Deferred()
    d.addCallback(lambda r: r)
    d.pause()
    d.callback(3)
    return d


def waiting() -> Any:
    """One whose callback has returned another one that is not fired."""
    d: Any = defer.Deferred()
    inner: Any = defer.Deferred()
    d.addCallback(lambda r: inner)
    d.inner = inner
    d.callback(3)
    return d


def listed() -> Any:
    return defer.DeferredList([defer.Deferred(), defer.Deferred()])


def of_generator() -> Any:
    @defer.inlineCallbacks
    def run() -> Any:
        yield defer.Deferred()

    return run()


def of_coroutine() -> Any:
    async def run() -> Any:
        await defer.Deferred()

    return defer.Deferred.fromCoroutine(run())


def end_deferred(d: Any) -> None:
    if isinstance(d, defer.Deferred):
        d._debugInfo = None  # what was not handled is not told of


# ---- framing ----

#: Methods by which a framing hands on what came.
RECEIVED = ["lineReceived", "stringReceived", "rawDataReceived", "expressionReceived"]
RECEIVED += ["linesReceived", "stringsReceived", "packetReceived"]


def receiver(kind: Any) -> Callable[[], Any]:
    def make() -> Any:
        made = kind()
        for name in RECEIVED:
            if hasattr(made, name):
                setattr(made, name, lambda *data: None)
        made.makeConnection(StringTransport())
        return made

    return make


# ---- TLS ----


class _TLS(Told):
    pass


def over_tls(handshake: bool) -> Any:
    if "context" not in _listening:
        _listening["context"] = ssl.CertificateOptions()
    factory = tls.TLSMemoryBIOFactory(
        _listening["context"], True, protocol.Factory.forProtocol(_TLS)
    )
    factory.noisy = False
    made: Any = factory.buildProtocol(None)
    made.makeConnection(StringTransport())
    if not handshake:
        made.connectionLost(failure())
    return made


def failure() -> Any:
    from twisted.python.failure import Failure

    return Failure(Refused())


# ---- web ----


def channel() -> Any:
    made = http.HTTPChannel()
    made.factory = http.HTTPFactory(reactor=_task.Clock())
    made.requestFactory = server.Request
    made.site = server.Site(resource.Resource(), reactor=_task.Clock())
    made.makeConnection(StringTransport())
    return made


def request() -> Any:
    made = server.Request(channel(), False)
    made.gotLength(0)
    made.clientproto = b"HTTP/1.1"
    made.method, made.uri, made.path = b"GET", b"/", b"/"
    return made


def site() -> Any:
    return server.Site(resource.Resource(), reactor=_task.Clock())


def file_sender() -> Any:
    made = basic.FileSender()
    made.beginFileTransfer(io.BytesIO(b"file"), StringTransport()).addErrback(lambda f: None)
    return made


def file_producer() -> Any:
    return static.NoRangeStaticProducer(request(), io.BytesIO(b"file"))


def identity_decoder() -> Any:
    return http._IdentityTransferDecoder(8, lambda data: None, lambda rest: None)


def generic_channel() -> Any:
    made = http._genericHTTPChannelProtocolFactory(b"")
    made.factory = http.HTTPFactory(reactor=_task.Clock())
    made.requestFactory = server.Request
    made.site = site()
    made.makeConnection(StringTransport())
    return made


def headers() -> Any:
    return http_headers.Headers({b"one": [b"1", b"2"]})


# ---- log ----


def log_publisher() -> Any:
    publisher = LogPublisher()
    return log.LogPublisher(observerPublisher=publisher, publishPublisher=publisher)


# ---- all ----


def later() -> Any:
    return real.callLater(1000, int)


def called() -> Any:
    made = real.callLater(0, int)
    turn(2)
    return made


def cancelled() -> Any:
    made = later()
    made.cancel()
    return made


def end_later(call: Any) -> None:
    for pending in real.getDelayedCalls():
        with contextlib.suppress(Exception):
            pending.cancel()


def nothing(made: Any) -> None:
    pass


class Subject:
    """How an object is made, and what there is to be ended of it."""

    def __init__(
        self, make: Callable[[], Any], end: Callable[[Any], None] = nothing, many: bool = True
    ) -> None:
        self.make = make
        self.end = end
        self.many = many


def _datagram(write: bool) -> Any:
    return real.listenUDP(0, Datagrams(), interface="127.0.0.1")


class _Logging:
    log = Logger("misuse")


SUBJECTS: dict[str, Subject] = {
    "reactor": Subject(lambda: real, end_later),
    "DelayedCall": Subject(later, end_later),
    "DelayedCall called": Subject(called, end_later),
    "DelayedCall cancelled": Subject(cancelled, end_later),
    "tcp.Server": Subject(lambda: accepted("tcp"), end_transport),
    "tcp.Server lost": Subject(lambda: lost(accepted("tcp"))),
    "tcp.Client": Subject(lambda: connected("tcp"), end_transport),
    "tcp.Client lost": Subject(lambda: lost(connected("tcp"))),
    "unix.Server": Subject(lambda: accepted("unix"), end_transport),
    "unix.Client": Subject(lambda: connected("unix"), end_transport),
    "unix.Client lost": Subject(lambda: lost(connected("unix"))),
    "tcp.Port": Subject(lambda: real.listenTCP(0, Factory(), interface="127.0.0.1"), end_port),
    "unix.Port": Subject(lambda: real.listenUNIX(named("port"), Factory()), end_port),
    "udp.Port": Subject(lambda: _datagram(True), end_port),
    "udp.MulticastPort": Subject(
        lambda: real.listenMulticast(0, Datagrams(), interface="127.0.0.1"), end_port
    ),
    "unix.DatagramPort": Subject(
        lambda: real.listenUNIXDatagram(named("datagrams"), Datagrams()), end_port
    ),
    "ProcessReader": Subject(lambda: pipe(False), end_pipe),
    "ProcessWriter": Subject(lambda: pipe(True), end_pipe),
    "Deferred": Subject(defer.Deferred, end_deferred),
    "Deferred fired": Subject(fired, end_deferred),
    "Deferred failed": Subject(failed, end_deferred),
    "Deferred paused": Subject(paused, end_deferred),
    "Deferred waiting": Subject(waiting, end_deferred),
    "DeferredList": Subject(listed, end_deferred),
    "Deferred of a generator": Subject(of_generator, end_deferred),
    "Deferred of a coroutine": Subject(of_coroutine, end_deferred),
    "LineReceiver": Subject(receiver(basic.LineReceiver)),
    "LineOnlyReceiver": Subject(receiver(basic.LineOnlyReceiver)),
    "Int32StringReceiver": Subject(receiver(basic.Int32StringReceiver)),
    "NetstringReceiver": Subject(receiver(basic.NetstringReceiver)),
    "Banana": Subject(receiver(banana.Banana)),
    "TLS": Subject(lambda: over_tls(True)),
    "TLS lost": Subject(lambda: over_tls(False)),
    "HTTPChannel": Subject(channel),
    "Request": Subject(request),
    "Headers": Subject(headers),
    "Logger": Subject(lambda: Logger("misuse")),
    "LogPublisher": Subject(log_publisher),
    "StandardIO": Subject(standard_io, end_standard_io),
    "SerialPort": Subject(serial_port, end_serial_port),
    "Site": Subject(site),
    "Resource": Subject(resource.Resource),
    "FileSender": Subject(file_sender),
    "NoRangeStaticProducer": Subject(file_producer),
    "_IdentityTransferDecoder": Subject(identity_decoder),
    "_GenericHTTPChannelProtocol": Subject(generic_channel),
}


def own() -> dict[str, Subject]:
    """What only pyreactor has: the classes of the extension that programs do not make."""
    from pyreactor import _core
    from pyreactor import basic as batches
    from pyreactor.reactor import PyReactor

    def loop() -> Any:
        made = PyReactor()._loop
        made.wakeUp()  # so that it does not wait
        return made

    def stand_in() -> Any:
        return _core.StandIn(vars(_core.Loop)["callLater"], base.ReactorBase.callLater, "_loop")

    def data_received(self: Any, data: bytes) -> None: ...

    def framing() -> Any:
        return _core.FramingMethod("line", data_received, {})

    def buffer() -> Any:
        held = receiver(batches.BatchLineReceiver)()
        held.dataReceived(b"begun")
        return next(each for each in vars(held).values() if type(each) is _core.FramingBuffer)

    def driver() -> Any:
        running = of_generator()
        return next(
            each
            for link in gc.get_referrers(running)
            for each in (link, *gc.get_referents(link))
            if type(each) is _core.GeneratorDriver
        )

    class Headed(batches.HeaderReceiver):
        headerFormat = "!BB"
        lengthField = 1

    return {
        "Aggregate": Subject(_core.Aggregate),
        "Loop": Subject(loop),
        "StandIn": Subject(stand_in),
        "FramingMethod": Subject(framing),
        "FramingBuffer": Subject(buffer),
        "BatchLineReceiver": Subject(receiver(batches.BatchLineReceiver)),
        "BatchInt16StringReceiver": Subject(receiver(batches.BatchInt16StringReceiver)),
        "BatchNetstringReceiver": Subject(receiver(batches.BatchNetstringReceiver)),
        "HeaderReceiver": Subject(receiver(Headed)),
        "DeferredMeta": Subject(lambda: type("Made", (defer.Deferred,), {})),
        "DeferredAwaiter": Subject(lambda: iter(defer.Deferred().__await__())),
        "GeneratorDriver": Subject(driver, end_deferred),
    }


CLASSES: dict[str, Callable[[], type]] = {
    name: (lambda make=subject.make: type(make()))  # type: ignore[misc]
    for name, subject in SUBJECTS.items()
    if " " not in name and name not in ("reactor", "DelayedCall")
}

__all__ = ["CLASSES", "FOLDER", "SUBJECTS", "address", "fdesc", "gc", "udp", "unix"]
