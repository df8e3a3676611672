"""
Load for a server on the loopback interface: so many connections, each with one request under way.

Plain non-blocking sockets, so that a request costs this process little.  Prints one JSON object;
a wrong answer ends it with a line on standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import socket
import ssl
import sys
import time
from array import array
from typing import Any

PATIENCE = 20.0
"""Seconds without any answer after which the server counts as hanging."""
QUIET = 0.3
"""Seconds of silence that end the first answer of a server whose protocol is not known."""
MOST_LATENCIES = 1_000_000

Address = Any


def address_of(target: str) -> Address:
    """
    Where to connect to.

    :param target: ``127.0.0.1:PORT``, ``[::1]:PORT``, or ``unix:`` and a path.
    """
    if target.startswith("unix:"):
        return target[5:]
    host, _, port = target.rpartition(":")
    host = host.strip("[]")
    if host not in ("127.0.0.1", "::1", "localhost"):
        sys.exit(f"{host} is not on this machine: only the loopback interface gets load")
    return ("127.0.0.1" if host == "localhost" else host, int(port))


class Plain:
    """One connection, with the message that it sends and how much of the answer has come."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.message: bytes = options.message
        self.expected: int = options.expected
        self.began = 0.0
        self.waits = False
        self.answers = 0
        self.connect()

    def connect(self) -> None:
        """Connect anew."""
        target = address_of(self.options.target)
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        if isinstance(target, str):
            family = socket.AF_UNIX
        self.socket: socket.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(target)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.secure()
        self.socket.setblocking(False)
        self.answer = b""
        self.unsent = b""

    def secure(self) -> None:
        """Begin TLS, where there is some."""

    def ask(self) -> None:
        """Send the message anew."""
        self.began = time.perf_counter()
        self.unsent = self.message
        self.go_on()

    def go_on(self) -> None:
        """Send what the kernel takes."""
        try:
            while self.unsent:
                sent = self.socket.send(self.unsent)
                self.unsent = self.unsent[sent:]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass

    def receive(self) -> bytes | None:
        """What has come; None if nothing has, no bytes at the end."""
        try:
            return self.socket.recv(262144)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def answered(self) -> bool:
        """Take in what has come; whether that completes the answer."""
        while True:
            data = self.receive()
            if data is None:
                return False
            if not data:
                return self.ended()
            self.answer = self.answer + data if self.answer else data
            if self.is_whole():
                self.check()
                self.answer = b""
                return True

    def is_whole(self) -> bool:
        """Whether the answer has come as a whole."""
        return len(self.answer) >= self.expected

    def check(self) -> None:
        """Look whether the answer is right: of an echo, the message."""
        if self.answer != self.message:
            sys.exit("bytes that differ from what was sent")

    def ended(self) -> bool:
        """The server has closed the connection; whether that completes the answer."""
        sys.exit("the server closed a connection")


class Tls(Plain):
    """The same over TLS, whatever the certificate."""

    def secure(self) -> None:
        """Shake hands."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)


class TlsVisit(Tls):
    """The same with a connection for each message."""

    def check(self) -> None:
        """Say that nothing more comes, close, and connect anew."""
        super().check()
        # The server's word that it closes, too, is not waited for.
        with contextlib.suppress(OSError, ssl.SSLWantReadError):
            self.socket.unwrap()  # type: ignore[attr-defined]
        self.socket.close()
        self.connect()


class Datagrams(Plain):
    """A peer that has one datagram under way; one that is lost is sent again."""

    def connect(self) -> None:
        """Make the socket."""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(address_of(self.options.target))
        self.socket.setblocking(False)
        self.answer = b""
        self.unsent = b""


class Unknown(Plain):
    """A protocol not known here: answers are as long as the first, or end the connection."""

    closes = False

    def check(self) -> None:
        """Nothing is known of what it should be."""
        if len(self.answer) > self.expected:
            sys.exit(f"an answer of {len(self.answer)} bytes, after one of {self.expected}")

    def learn(self) -> None:
        """Ask once, and see how long the answer is."""
        self.ask()
        answer = b""
        while not (self.closes and answer):
            ready, _, _ = select.select([self.socket], [], [], QUIET if answer else PATIENCE)
            if self.unsent:
                self.go_on()
            data = self.receive() if ready else None
            if not ready:
                break
            if data == b"":
                self.closes = True
                break
            answer += data or b""
        if not answer:
            sys.exit("the server gave no answer")
        self.options.expected = len(answer)
        self.options.closes = self.closes

    def is_whole(self) -> bool:
        """Whether the answer has come as a whole."""
        return not self.options.closes and len(self.answer) >= self.options.expected

    def ended(self) -> bool:
        """Each answer ends the connection, if the first one did; connect anew."""
        if not self.options.closes or not self.answer:
            sys.exit("the server closed a connection without an answer")
        self.socket.close()
        self.connect()
        return True


class Once(Plain):
    """An echo that closes the connection: connect anew for each message."""

    def is_whole(self) -> bool:
        """It is, with the connection's end."""
        return False

    def ended(self) -> bool:
        """Connect anew."""
        self.check()
        self.socket.close()
        self.connect()
        return True


class Http(Plain):
    """HTTP/1.1: the answer is over where its header says, or with the connection."""

    failures = 0
    closes = False

    def is_whole(self) -> bool:
        """Whether the answer has come as a whole."""
        head, blank, body = self.answer.partition(b"\r\n\r\n")
        if not blank:
            return False
        self.closes = b"connection: close" in head.lower()
        status = int(head[9:12])
        if status >= 400:
            Http.failures += 1
            if Http.failures == 1:
                print(f"status {status}", file=sys.stderr)
        fields = dict(
            line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line
        )
        if b"content-length" in fields:
            return len(body) >= int(fields[b"content-length"])
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            return body.endswith(b"0\r\n\r\n") and chunks_end(body)
        return status in (204, 304)

    def check(self) -> None:
        """Connect anew where the server is about to close."""
        if self.closes:
            self.socket.close()
            self.connect()

    def ended(self) -> bool:
        """What has neither a length nor chunks ends with the connection."""
        if not self.answer:
            sys.exit("the server closed a connection without an answer")
        self.socket.close()
        self.connect()
        return True


class Https(Http, Tls):
    """The same over TLS."""


def chunks_end(body: bytes) -> bool:
    """Whether the last chunk of a body, which has no bytes, has come."""
    at = 0
    while (end := body.find(b"\r\n", at)) >= 0:
        size = int(body[at:end].partition(b";")[0], 16)
        if size == 0:
            return True
        at = end + 2 + size + 2
    return False


class Load:
    """All connections, and the count of answers."""

    def __init__(self, kind: type[Plain], options: argparse.Namespace) -> None:
        self.datagrams = kind is Datagrams
        self.poll = select.epoll()
        self.by_number: dict[int, Plain] = {}
        self.count = 0
        self.lost = 0
        self.goes_on = False
        self.latencies = array("d")
        if kind is Unknown:
            first = Unknown(options)
            first.learn()
            first.socket.close()
        for number in range(options.connections):
            connection = kind(options)
            self.watch(connection)
            # A server lets so many wait, and the others try again after a second.
            if number % 32 == 31:
                connection.ask()
                self.run(PATIENCE, connection)
        self.goes_on = True
        for connection in self.by_number.values():
            connection.ask()
            self.listen(connection)

    def watch(self, connection: Plain) -> None:
        """Have the kernel tell of what comes on a connection."""
        number = connection.socket.fileno()
        connection.waits = False
        self.by_number[number] = connection
        self.poll.register(number, select.EPOLLIN)

    def run(self, seconds: float, until: float | Plain) -> None:
        """Answer and ask for so long, or until so many answers, or one to that connection."""
        now = time.perf_counter()
        ends, silent_until = now + seconds, now + PATIENCE
        while now < ends and not self.reached(until):
            ready = self.poll.poll(0.2 if self.datagrams else min(PATIENCE, 1.0))
            now = time.perf_counter()
            if ready:
                silent_until = now + PATIENCE
                # All that came, and only then all that is asked next: the server finds several
                # requests at once, as it would from a load that is quicker than this one.
                answered = [self.handle(number, now) for number, _ in ready]
                for connection in answered:
                    if connection is not None:
                        connection.ask()
                        self.listen(connection)
            elif now > silent_until:
                sys.exit(f"no answer for {PATIENCE:.0f} s")
            elif self.datagrams:
                self.lost += len(self.by_number)
                for connection in self.by_number.values():
                    connection.ask()

    def reached(self, until: float | Plain) -> bool:
        """Whether so many answers have come, or one to that connection."""
        return until.answers > 0 if isinstance(until, Plain) else self.count >= until

    def handle(self, number: int, now: float) -> Plain | None:
        """Go on with a connection that something has come for; it, if it is to ask anew."""
        connection = self.by_number[number]
        before = connection.socket
        if connection.unsent:
            connection.go_on()
        answered = connection.answered()
        if answered:
            self.count += 1
            connection.answers += 1
            if len(self.latencies) < MOST_LATENCIES:
                self.latencies.append(now - connection.began)
            if connection.socket is not before:
                # A closed descriptor has left the kernel's queue by itself.
                self.by_number.pop(number, None)
                self.watch(connection)
        self.listen(connection)
        return connection if answered and self.goes_on else None

    def listen(self, connection: Plain) -> None:
        """Have the kernel tell, too, when more of a large message can be sent."""
        waits = bool(connection.unsent)
        if waits is not connection.waits:
            connection.waits = waits
            events = select.EPOLLIN | (select.EPOLLOUT if waits else 0)
            self.poll.modify(connection.socket.fileno(), events)


def cpu_of(pid: int) -> float:
    """CPU time of a process so far, in seconds, by the kernel's clock of it."""
    if pid == 0:
        return 0.0
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kind", choices=sorted(KINDS), default="tcp")
    options.add_argument("--target", required=True, help="127.0.0.1:PORT, or unix:PATH")
    options.add_argument("--pid", type=int, default=0, help="the server, whose CPU time is told")
    options.add_argument("--connections", type=int, default=10)
    options.add_argument("--size", type=int, default=1024, help="bytes of a message")
    options.add_argument("--lines", type=int, default=0, help="a message is so many lines")
    options.add_argument("--path", default="/", help="what is asked for by HTTP")
    options.add_argument("--host", default="localhost", help="the name that is asked by HTTP")
    options.add_argument("--send", help="a file that has the message")
    options.add_argument("--warmup", type=float, default=0.2, help="seconds that do not count")
    options.add_argument("--seconds", type=float, default=float("inf"))
    options.add_argument("--operations", type=int, default=0, help="end after so many")
    return options


KINDS: dict[str, type[Plain]] = {
    "tcp": Plain,
    "tls": Tls,
    "tls-visit": TlsVisit,
    "once": Once,
    "udp": Datagrams,
    "http": Http,
    "https": Https,
    "unknown": Unknown,
}


def message(options: argparse.Namespace) -> bytes:
    """What each connection sends."""
    if options.send:
        with open(options.send, "rb") as file:
            return file.read()
    if options.kind in ("http", "https"):
        return f"GET {options.path} HTTP/1.1\r\nHost: {options.host}\r\n\r\n".encode()
    if options.lines:
        line = b"x" * (options.size // options.lines - 2) + b"\r\n"
        return line * options.lines
    return bytes(i * 7 % 251 for i in range(options.size))


def main() -> None:
    """The command line."""
    options = parser().parse_args()
    options.message = message(options)
    options.expected = len(options.message)
    options.closes = False
    load = Load(KINDS[options.kind], options)
    load.run(options.warmup, float("inf"))
    load.count, load.lost, load.latencies = 0, 0, array("d")
    began, cpu, server = time.perf_counter(), time.process_time(), cpu_of(options.pid)
    load.run(options.seconds, options.operations or float("inf"))
    passed = time.perf_counter() - began
    used, server = time.process_time() - cpu, cpu_of(options.pid) - server
    if load.count == 0:
        sys.exit("no answer came in the time there was")
    late = sorted(load.latencies)
    result = {
        "operations": load.count,
        "rate": load.count / passed,
        "load": used / passed,
        "cpu": server / load.count,
        "p50": late[len(late) // 2],
        "p99": late[len(late) * 99 // 100],
        "lost": load.lost,
        "failures": Http.failures,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"{type(error).__name__}: {error.strerror or error}")
