"""
Every system call of a connection's life fails once, with each errno that its manual names.

    LD_PRELOAD=SYSCALLS.so python [-m pyreactor] -m tests.trust.syscalls KIND [NAME...]

KIND is tcp, unix, udp, pipe (those of a process), file (one that twisted.web's server sends) or
start (a reactor's beginning).

SYSCALLS.so is syscalls.c, compiled.  One line for each fault: what both protocols heard.  The
program ends with an error where a connection was lost twice or never, the loop no longer sleeps,
or the next connection does not work.
"""

from __future__ import annotations

import ctypes
import errno
import faulthandler
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import error, protocol, reactor
from twisted.internet.process import reapAllProcesses
from twisted.logger import globalLogBeginner
from twisted.web import resource, server, static

reactor: Any

LIBRARY = ctypes.CDLL(None)
SIZE = 100_000
#: Which functions fail, how, and which of its calls do.
FAULTS: dict[str, tuple[str, ...]] = {
    "receive": ("EAGAIN", "EINTR", "ECONNRESET", "ENOMEM", "ETIMEDOUT", "ENOTCONN", "EBADF"),
    "send": ("EAGAIN", "EINTR", "ECONNRESET", "EPIPE", "ENOBUFS", "ENOMEM", "EMSGSIZE"),
    "accept": ("EAGAIN", "ECONNABORTED", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM"),
    "connect": ("EINTR", "EAGAIN", "ECONNREFUSED", "ENETUNREACH", "ETIMEDOUT", "EADDRNOTAVAIL"),
    "shutdown": ("ENOTCONN",),
    "getsockopt": ("ENOBUFS",),
    "setsockopt": ("ENOBUFS", "ENOMEM"),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_wait": ("EINTR",),
    "close": ("EINTR", "EIO"),
    "read": ("EAGAIN", "EINTR", "EIO", "EBADF", "EINVAL", "EISDIR", "ENOMEM"),
    "write": ("EAGAIN", "EINTR", "EPIPE", "EIO", "EBADF", "EINVAL", "ENOSPC", "EFBIG", "ENOMEM"),
    "sendfile": ("EAGAIN", "EINTR", "EINVAL", "EIO", "ENOMEM", "EOVERFLOW", "ECONNRESET", "EPIPE"),
    "epoll_create1": ("EMFILE", "ENFILE", "ENOMEM"),
    "eventfd": ("EMFILE", "ENFILE", "ENODEV", "ENOMEM"),
}
CALLS = (1, 2, 3)
#: After an error of these that does not pass, the descriptor goes on to fail.
OF_DESCRIPTORS = {"send", "receive", "read", "write"}
#: What may be otherwise the next time; other errors come again.
PASSING = {"EAGAIN", "EINTR", "ENOBUFS", "ECONNABORTED", "EMFILE", "ENFILE", "EPERM"}
#: Seconds in which even a busy machine gets through one of these, and iterations.
TOO_LONG = 120
ITERATIONS = 3000
#: So many times the loop may ask the kernel for events in a tenth of a second without any.
IDLE_TURNS = 40


class Hears(protocol.Protocol):
    """What one end of a connection hears."""

    def connectionMade(self) -> None:
        self.received = 0
        self.heard: list[str] = []
        self.factory.made.append(self)

    def connectionLost(self, reason: Any = None) -> None:
        self.heard.append(reason.type.__name__)
        assert len(self.heard) == 1, "connectionLost came twice"


class Server(Hears):
    def dataReceived(self, data: bytes) -> None:
        self.received += len(data)
        self.transport.write(data)


class Client(Hears):
    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.write(b"x" * 10)

    def dataReceived(self, data: bytes) -> None:
        first = self.received == 0
        self.received += len(data)
        if first:
            self.transport.write(b"y" * (SIZE - 10))
        elif self.received == SIZE:
            self.transport.loseConnection()


class Clients(protocol.ClientFactory):
    protocol = Client
    noisy = False

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.failed: list[str] = []

    def clientConnectionFailed(self, connector: object, reason: Any) -> None:
        self.failed.append(reason.type.__name__)


class Servers(protocol.Factory):
    protocol = Server
    noisy = False

    def __init__(self) -> None:
        self.made: list[Any] = []


class Streams:
    """A connection from beginning to end, over a port that stays open."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.servers = Servers()
        self.port: Any = None

    def listen(self) -> None:
        """Open the port, unless it is open."""
        if self.port is not None and self.port.connected:
            return
        if self.kind == "tcp":
            self.port = reactor.listenTCP(0, self.servers, interface="127.0.0.1")
        else:
            self.port = reactor.listenUNIX(f"\0trust-{os.getpid()}-{id(self.port)}", self.servers)

    def connect(self, clients: Clients) -> Any:
        if self.kind == "tcp":
            return reactor.connectTCP("127.0.0.1", self.port.getHost().port, clients, timeout=100)
        return reactor.connectUNIX(self.port.getHost().name, clients, timeout=100)

    def run(self) -> str:
        """One connection; what was heard of it."""
        del self.servers.made[:]
        clients = Clients()
        connector = self.connect(clients)

        def over() -> bool:
            ends = [*clients.made, *self.servers.made]
            if clients.failed:
                return all(end.heard for end in ends)
            return bool(clients.made) and all(end.heard for end in ends)

        turn(over)
        if clients.failed:
            return f"failed {','.join(clients.failed)}"
        turn(lambda: bool(self.servers.made) or not self.port.connected, enough=30)
        turn(over)
        connector.disconnect()
        heard = [f"client {clients.made[0].heard[0]} {clients.made[0].received == SIZE}"]
        heard += [f"server {end.heard[0]}" for end in self.servers.made]
        return "; ".join(heard)


class Datagrams:
    """A datagram there and back, over two ports that are opened anew."""

    def listen(self) -> None:
        pass

    def run(self) -> str:
        heard: list[str] = []

        class Bounces(protocol.DatagramProtocol):
            def datagramReceived(self, data: bytes, addr: Any) -> None:
                heard.append(data.decode())
                if len(heard) < 3:
                    self.transport.write(data, addr)

            def connectionRefused(self) -> None:
                heard.append("refused")

        ports = [reactor.listenUDP(0, Bounces(), interface="127.0.0.1") for _ in range(2)]
        try:
            ports[0].write(b"hello", ("127.0.0.1", ports[1].getHost().port))
            turn(lambda: len(heard) == 3, enough=20)
        except (OSError, error.MessageLengthError) as raised:
            heard.append(type(raised).__name__)
        for port in ports:
            if port.connected:
                port.stopListening()
        reactor.iterate(0)
        return " ".join(heard)


class Child(protocol.ProcessProtocol):
    """Has a process send back what it gets, and hears of each pipe's end, and of its own."""

    def __init__(self) -> None:
        self.received = 0
        self.heard: list[str] = []
        self.ended = ""

    def connectionMade(self) -> None:
        transport: Any = self.transport
        LIBRARY.fault_of(*(transport.pipes[number].fileno() for number in (0, 1)))
        transport.write(b"x" * SIZE)

    def outReceived(self, data: bytes) -> None:
        self.received += len(data)
        if self.received == SIZE:
            transport: Any = self.transport
            transport.closeStdin()

    def childConnectionLost(self, childFD: int) -> None:
        assert str(childFD) not in self.heard, "the end of a pipe came twice"
        self.heard.append(str(childFD))
        transport: Any = self.transport
        transport.closeStdin()  # else a process waits that has written all

    def processEnded(self, reason: Any) -> None:
        assert not self.ended, "the end of a process came twice"
        self.ended = reason.type.__name__


class Pipes:
    """A process that sends back what it gets; only its pipes are counted."""

    def listen(self) -> None:
        LIBRARY.fault_of(-2, -2)

    def run(self) -> str:
        child = Child()
        reactor.spawnProcess(child, "/bin/cat", ["cat"])
        turn(lambda: reapAllProcesses() or child.ended)  # type: ignore[func-returns-value]
        LIBRARY.fault_of(-2, -2)
        return f"{' '.join(sorted(child.heard))}, {child.received == SIZE} {child.ended}"


class Files:
    """A file that a web server sends, over a port that stays open."""

    def __init__(self) -> None:
        with tempfile.NamedTemporaryFile(suffix=".bin", delete=False) as file:
            file.write(os.urandom(10 * SIZE))
        root = resource.Resource()
        root.putChild(b"f", static.File(file.name))
        factory = server.Site(root)
        factory.noisy = False
        self.name = file.name
        self.content = Path(file.name).read_bytes()
        self.port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")

    def listen(self) -> None:
        pass

    def run(self) -> str:
        """Whether it came; a connection that ends early has its beginning."""
        clients = Clients()
        clients.protocol = Asks
        number = self.port.getHost().port
        connector = reactor.connectTCP("127.0.0.1", number, clients, timeout=100)
        turn(lambda: clients.made and clients.made[0].heard)
        connector.disconnect()
        head, _, body = clients.made[0].data.partition(b"\r\n\r\n")
        assert self.content.startswith(body), "other bytes than the file's"
        return f"{head[:15].decode()}, whole {body == self.content}"


class Asks(Hears):
    def connectionMade(self) -> None:
        super().connectionMade()
        self.data = b""
        self.transport.write(b"GET /f HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.data += data


class Starts:
    """A reactor of its own, which listens and ends."""

    def listen(self) -> None:
        pass

    def run(self) -> str:
        own = type(reactor)()
        try:
            port = own.listenTCP(0, Servers(), interface="127.0.0.1")
            called: list[int] = []
            own.callLater(0, called.append, 1)
            while not called:
                own.iterate(0.01)
            port.stopListening()
            own.iterate(0)
        finally:
            own.disconnectAll()
        return "well"


def turn(done: Callable[[], object], enough: int = ITERATIONS) -> bool:
    """Iterate until that is true; whether it became."""
    for _ in range(enough):
        if done():
            return True
        reactor.iterate(0.01)
    assert enough < ITERATIONS, "a connection was never lost"
    return False


def sleeps() -> bool:
    """Whether the loop sleeps while nothing happens."""
    over: list[bool] = []
    reactor.callLater(0.1, over.append, True)
    before = LIBRARY.fault_turns()
    while not over:
        reactor.iterate(1)
    return int(LIBRARY.fault_turns() - before) < IDLE_TURNS


def attempt(path: Any, function: str, name: str, call: int) -> str | None:
    """Run with a fault; what was heard, or None where there was no such call."""
    faulthandler.dump_traceback_later(TOO_LONG, exit=True)
    path.listen()
    stays = function in OF_DESCRIPTORS and name not in PASSING
    LIBRARY.fault_arm(function.encode(), getattr(errno, name), call, stays)
    try:
        heard = path.run()
    except Exception as raised:
        heard = f"raised {type(raised).__name__}: {raised}"
    reached = LIBRARY.fault_disarm()
    assert sleeps(), f"{function} {name} {call}: the loop does not sleep any more ({heard})"
    path.listen()
    well = path.run()
    assert well == path.well, f"{function} {name} {call}: afterwards, {well}"
    faulthandler.cancel_dump_traceback_later()
    return heard if reached else None


def main() -> None:
    observed: list[str] = []
    globalLogBeginner.beginLoggingTo(
        [lambda event: observed.append(event.get("log_format") or "-")],
        redirectStandardIO=False,
        discardBuffer=True,
    )
    kind = sys.argv[1]
    kinds: dict[str, Callable[[], Any]] = {
        "udp": Datagrams, "pipe": Pipes, "file": Files, "start": Starts,
    }  # fmt: skip
    path: Any = kinds.get(kind, lambda: Streams(kind))()
    path.listen()
    path.well = path.run()
    print("well:", path.well, flush=True)
    for function in sys.argv[2:] or FAULTS:
        for name in FAULTS[function]:
            for call in CALLS:
                heard = attempt(path, function, name, call)
                if heard is None:
                    break
                print(f"{function} {name} {call}: {heard}", flush=True)
    if kind == "file":
        os.unlink(path.name)
    print("done")


if __name__ == "__main__":
    main()
