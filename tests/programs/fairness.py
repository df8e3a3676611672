"""
One flood beside another connection and a timed call, turn by turn; and peers that never read.

    python fairness.py tcp|unix|tls|udp|pipe|web|lines|deaf|deaf-unix|deaf-tls|deaf-web

Before each turn the flood is as large as the kernel takes.  Told are, for the turn in which there
was most: bytes (or datagrams, requests) of the flood; and how many turns the other one and the
timed call waited at most.  Of deaf peers: how much is held in this process.
"""

from __future__ import annotations

import fcntl
import os
import socket
import ssl as _ssl
import sys
from collections.abc import Callable
from typing import Any

import common
from twisted.internet import process, protocol, reactor

real: Any = reactor
TURNS = 40
DEAF_TURNS = 12


class Counting(protocol.Protocol):
    """Counts what comes; events in a list that all have."""

    def __init__(self, got: list[int]) -> None:
        self.got = got

    def dataReceived(self, data: bytes) -> None:
        self.got[-1] += len(data)


class Datagrams(protocol.DatagramProtocol):
    def __init__(self, got: list[int]) -> None:
        self.got = got

    def datagramReceived(self, data: bytes, addr: Any) -> None:
        self.got[-1] += 1


def fill(send: Callable[[bytes], object], piece: bytes) -> None:
    """Send until the kernel takes no more; of datagrams, 2,000."""
    for _ in range(2000):
        try:
            send(piece)
        except (BlockingIOError, _ssl.SSLWantWriteError):
            return


def spin(check: Callable[[], object]) -> Any:
    for _ in range(2000):
        found = check()
        if found:
            return found
        real.iterate(0.005)
    raise AssertionError("gave up")


def accepted(got: list[int], kind: str, context: Any = None) -> tuple[Any, socket.socket]:
    """A protocol on the reactor, and the raw socket of its peer."""
    made: list[Any] = []

    def make() -> Any:
        made.append(Counting(got))
        return made[-1]

    factory: Any = protocol.Factory()
    factory.noisy = False
    factory.buildProtocol = lambda addr: make()
    if kind == "tls":
        port: Any = real.listenSSL(0, factory, context, interface="127.0.0.1")
    elif kind == "unix":
        port = real.listenUNIX(os.path.join(common.folder(), "socket"), factory)
    else:
        port = real.listenTCP(0, factory, interface="127.0.0.1")
    raw = socket.socket(socket.AF_UNIX) if kind == "unix" else socket.socket()
    raw.connect(port.getHost().name if kind == "unix" else ("127.0.0.1", port.getHost().port))
    raw.setblocking(False)
    if kind == "tls":
        raw = secured(raw)
    found = spin(lambda: made and made[0].transport is not None and made[0])
    port.stopListening()
    return found, raw


def secured(raw: socket.socket) -> Any:
    context = _ssl.SSLContext(_ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = _ssl.CERT_NONE
    wrapped = context.wrap_socket(raw, do_handshake_on_connect=False)

    def shake() -> bool:
        try:
            wrapped.do_handshake()
        except (_ssl.SSLWantReadError, _ssl.SSLWantWriteError):
            return False
        return True

    spin(shake)
    return wrapped


def turns(flood: Callable[[], object], got: list[int]) -> None:
    """Play the turns, and tell."""
    other_got = [0]
    _, other = accepted(other_got, "unix")
    called: list[int] = []
    late = 0
    for turn in range(TURNS):
        flood()
        other.send(b"x")
        called.append(turn)
        real.callLater(0, called.clear)
        got.append(0)
        real.iterate(0)
        late = max(late, len(called), turn + 1 - other_got[0])
    print("most", max(got), "turns with some", sum(1 for each in got[1:] if each), "late", late)


def datagrams() -> None:
    got = [0]
    port = real.listenUDP(0, Datagrams(got), interface="127.0.0.1")
    port.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
    raw = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    raw.connect(("127.0.0.1", port.getHost().port))
    turns(lambda: fill(raw.send, b"x" * 1000), got)


class FakeProcess:
    def __init__(self, got: list[int]) -> None:
        self.got = got

    def childDataReceived(self, name: int, data: bytes) -> None:
        self.got[-1] += len(data)


def pipe() -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, 1031, 1 << 20)  # F_SETPIPE_SZ
    os.set_blocking(writing, False)
    got = [0]
    # The reactor's own class, where it has one.
    own = type(real).spawnProcess.__globals__
    kind = getattr(own.get("_process", process), "ProcessReader", process.ProcessReader)
    kind(real, FakeProcess(got), 1, reading).startReading()
    turns(lambda: fill(lambda piece: os.write(writing, piece), b"x" * 4096), got)


def requests(got: list[int]) -> Any:
    from twisted.web import resource, server

    class Page(resource.Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            got[-1] += 1
            return b"y" * 1000

    return server.Site(Page())


def site(got: list[int]) -> socket.socket:
    port = real.listenTCP(0, requests(got), interface="127.0.0.1")
    raw = socket.create_connection(("127.0.0.1", port.getHost().port))
    raw.setblocking(False)
    return raw


REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def web() -> None:
    got = [0]
    raw = site(got)

    def flood() -> None:
        fill(raw.send, REQUEST * 100)
        try:
            while raw.recv(1 << 20):
                pass
        except BlockingIOError:
            pass

    turns(flood, got)


class Endless:
    """A producer that gives more than it was asked for as long as it is not paused."""

    def __init__(self, transport: Any, streaming: bool) -> None:
        self.transport = transport
        self.paused = not streaming
        self.given = 0
        transport.registerProducer(self, streaming)

    def give(self) -> None:
        self.given += 50_000
        self.transport.write(b"x" * 50_000)

    def produce(self) -> None:
        if not self.paused:
            self.give()

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.give()

    def stopProducing(self) -> None:
        self.paused = True


def held(transport: Any) -> int:
    """Bytes that wait in this process."""
    waiting: int = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
    return waiting


def deaf(kind: str, context: Any = None) -> None:
    for streaming in (True, False):
        found, raw = accepted([0], kind, context)
        producer = Endless(found.transport, streaming)
        most = 0
        below = found.transport.transport if kind == "tls" else found.transport
        for _ in range(400):
            producer.produce()
            real.iterate(0)
            most = max(most, held(below))
        print("streaming" if streaming else "pulled", "given", producer.given, "held", most)
        found.transport.abortConnection()
        raw.close()


def deaf_web() -> None:
    got = [0]
    raw = site(got)
    counts = []
    for _ in range(DEAF_TURNS):
        fill(raw.send, REQUEST * 100)
        real.iterate(0)
        counts.append(got[0])
    print("answered", got[0], "turns with some", len(set(counts)), counts[:20])


def lines() -> None:
    """A chunk of 100,000 lines, of which each thousandth pauses until the next turn."""
    from twisted.internet.testing import StringTransport
    from twisted.protocols import basic

    counts = [0]

    class Lines(basic.LineReceiver):
        def lineReceived(self, line: bytes) -> None:
            counts[-1] += 1
            if counts[-1] == 1000:
                self.pauseProducing()

    made: Any = Lines()
    made.makeConnection(StringTransport())
    made.dataReceived(b"line\r\n" * 100_000)
    for _ in range(120):
        counts.append(0)
        real.callLater(0, made.resumeProducing)
        real.iterate(0)
    print("lines", sum(counts), "most", max(counts), "turns with some", sum(map(bool, counts)))


def context() -> Any:
    import certificates

    return certificates.issue("localhost").private().options()


def main() -> None:
    kind = sys.argv[1]
    if kind in ("tcp", "unix", "tls"):
        got = [0]
        _, raw = accepted(got, kind, context() if kind == "tls" else None)
        turns(lambda: fill(raw.send, b"x" * 16_000), got)
    elif kind.startswith("deaf"):
        whom = kind[5:] or "tcp"
        if whom == "web":
            deaf_web()
        else:
            deaf(whom, context() if whom == "tls" else None)
    else:
        {"udp": datagrams, "pipe": pipe, "web": web, "lines": lines}[kind]()


if __name__ == "__main__":
    main()
