"""
What goes through a process each second: ``through.py cat COUNT`` or ``through.py pty CORE COUNT``.

``cat`` sends so many MiB through one cat and takes them back.  ``pty`` sends so many messages of
1 KiB, one after the other, through one cat in a pseudo-terminal, on CORE.
"""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter, process_time
from typing import Any, cast

from twisted.internet import defer, error, protocol, task
from twisted.internet import reactor as default_reactor

reactor = cast(Any, default_reactor)
work, count = sys.argv[1], int(sys.argv[-1])
PIECE = b"x" * 65536


class Through(protocol.ProcessProtocol):
    """Keeps one piece under way until all have come back; ``ended`` fires when the process has."""

    def __init__(self, pieces: int) -> None:
        self.ended: defer.Deferred[None] = defer.Deferred()
        self.unsent, self.missing = pieces, pieces * len(PIECE)

    def connectionMade(self) -> None:
        self.send()

    def send(self) -> None:
        self.unsent -= 1
        self.owed = len(PIECE)
        self.transport.write(PIECE)

    def outReceived(self, data: bytes) -> None:
        self.missing -= len(data)
        self.owed -= len(data)
        if self.owed:
            return
        if self.unsent:
            self.send()
        else:
            assert self.missing == 0
            self.transport.closeStdin()

    def processEnded(self, reason: Any) -> None:
        if reason.check(error.ProcessDone):
            self.ended.callback(None)
        else:
            self.ended.errback(reason)


class Terminal(protocol.ProcessProtocol):
    """Sends a message once the one before has come back; ``ended`` fires with the last."""

    def __init__(self, messages: int) -> None:
        self.ended: defer.Deferred[None] = defer.Deferred()
        self.unsent, self.owed = messages, -1
        self.began = self.cpu_began = 0.0

    def outReceived(self, data: bytes) -> None:
        if self.owed < 0:  # the first is a word of the shell's: the terminal is raw
            os.sched_setaffinity(self.transport.pid, {int(sys.argv[2])})
            self.began, self.cpu_began, self.owed = perf_counter(), process_time(), 0
        else:
            self.owed -= len(data)
        if self.owed == 0 and self.unsent:
            self.unsent -= 1
            self.owed = 1024
            self.transport.write(PIECE[:1024])
        elif self.owed == 0:
            self.ended.callback(None)
            self.transport.loseConnection()

    def processEnded(self, reason: Any) -> None:
        """It hears of a hang-up."""


async def cat() -> float:
    """MiB per second, there and back."""
    through = Through(16 * count)
    began = perf_counter()
    reactor.spawnProcess(through, "/bin/cat", ["cat"], env={})
    await through.ended
    return count / (perf_counter() - began)


async def pty() -> dict[str, float]:
    """Messages per second, there and back, and CPU time of this process for each."""
    terminal = Terminal(count)
    command = "stty raw -echo; printf ready; exec cat"
    path = {"PATH": "/usr/bin:/bin"}
    reactor.spawnProcess(terminal, "/bin/sh", ["sh", "-c", command], env=path, usePTY=True)
    await terminal.ended
    cpu = 1e6 * (process_time() - terminal.cpu_began) / count
    return {"value": count / (perf_counter() - terminal.began), "cpu": cpu}


async def measure(_: object) -> None:
    """Print what came out."""
    taken: Any = {"cat": cat, "pty": pty}[work]()
    value = await taken
    name = f"{type(reactor).__module__}.{type(reactor).__qualname__}"
    numbers = value if isinstance(value, dict) else {"value": value}
    print(json.dumps({**numbers, "runs_on": name}), flush=True)


task.react(lambda reactor: defer.ensureDeferred(measure(reactor)))
