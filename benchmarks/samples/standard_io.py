"""
Messages per second of a program that echoes its standard input.

Run as ``standard_io.py KIND CORE COUNT``.

``bytes`` echoes messages of 1 KiB, one under way at a time; ``lines`` echoes 64 lines of 32 bytes
at once, by a ``LineReceiver``; ``file`` reads a file of COUNT MiB and gives MiB per second.  The
other end of the pipes is a process of plain system calls, which runs on CORE.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from time import perf_counter, process_time
from typing import Any, cast

kind, core, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
MESSAGE = b"x" * 1024 if kind == "bytes" else (b"y" * 30 + b"\r\n") * 64


def load(to: int, back: int) -> None:
    """Send each message once the one before has come back whole."""
    for _ in range(count):
        os.write(to, MESSAGE)
        left = len(MESSAGE)
        while left:
            left -= len(os.read(back, left))


def fork_load() -> tuple[int, int]:
    """Start the other end; the descriptors that are standard input and output here."""
    stdin, to = os.pipe()
    back, stdout = os.pipe()
    if os.fork() == 0:
        try:
            os.close(stdin)
            os.close(stdout)
            os.sched_setaffinity(0, {core})
            load(to, back)
        finally:
            os._exit(0)
    os.close(to)
    os.close(back)
    return stdin, stdout


def big_file() -> tuple[int, int]:
    """A file to read, and nothing to write to."""
    with tempfile.TemporaryFile(buffering=0) as made:
        made.write(bytes(1024 * 1024) * count)
        made.seek(0)
        return os.dup(made.fileno()), os.open(os.devnull, os.O_WRONLY)


stdin, stdout = big_file() if kind == "file" else fork_load()

from twisted.internet import protocol, stdio  # noqa: E402
from twisted.internet import reactor as default_reactor  # noqa: E402
from twisted.protocols.basic import LineReceiver  # noqa: E402

reactor = cast(Any, default_reactor)


class Counting(protocol.Protocol):
    """Counts bytes; tells the rate when standard input ends."""

    taken = 0
    began = cpu_began = 0.0

    def connectionMade(self) -> None:
        self.cpu_began = process_time()

    def dataReceived(self, data: bytes) -> None:
        self.began = self.began or perf_counter()
        self.taken += len(data)

    def connectionLost(self, reason: object = None) -> None:
        size = 1024 * 1024 if kind == "file" else len(MESSAGE)
        assert self.taken == count * size, (self.taken, count * size)
        value = count / (perf_counter() - self.began)
        cpu = 1e6 * (process_time() - self.cpu_began) / count
        name = f"{type(reactor).__module__}.{type(reactor).__qualname__}"
        print(json.dumps({"value": value, "cpu": cpu, "runs_on": name}), flush=True)
        reactor.stop()


class Echo(Counting):
    """Echoes pieces as they come."""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.transport.write(data)


class Lines(LineReceiver):
    """Echoes lines."""

    taken = 0
    began = 0.0
    connectionMade = cast(Any, Counting.connectionMade)
    connectionLost = cast(Any, Counting.connectionLost)

    def lineReceived(self, line: bytes) -> None:
        self.began = self.began or perf_counter()
        self.taken += len(line) + 2
        self.sendLine(line)


made = {"bytes": Echo, "lines": Lines, "file": Counting}[kind]()
stdio.StandardIO(cast(Any, made), stdin, stdout)
reactor.run()
