"""
Nanoseconds per message that a framing takes out of what came: ``twisted_framing.py WORK SECONDS``.

WORK is lines (LineReceiver, lines of 1000 bytes that come in pieces of 64), int32 or netstring
(messages of 20 bytes that come in pieces of 4096).  ``dataReceived`` is called, without a network.
"""

from __future__ import annotations

import sys

from measured import Stopwatch, for_so_long, tell
from twisted.internet import reactor
from twisted.internet.testing import StringTransport
from twisted.protocols import basic


class Lines(basic.LineReceiver):
    """Counts them."""

    count = 0

    def lineReceived(self, line: bytes) -> None:
        """One more."""
        self.count += 1


class Int32(basic.Int32StringReceiver):
    """Counts them."""

    count = 0

    def stringReceived(self, string: bytes) -> None:
        """One more."""
        self.count += 1


class Netstrings(basic.NetstringReceiver):
    """Counts them."""

    count = 0

    def stringReceived(self, string: bytes) -> None:
        """One more."""
        self.count += 1


MESSAGE = b"x" * 20
WORKS: dict[str, tuple[type[Lines | Int32 | Netstrings], bytes, int]] = {
    "lines": (Lines, b"x" * 998 + b"\r\n", 64),
    "int32": (Int32, b"\0\0\0\x14" + MESSAGE, 4096),
    "netstring": (Netstrings, b"20:" + MESSAGE + b",", 4096),
}


def once(count: int) -> tuple[int, tuple[int, int]]:
    """Receive so many messages."""
    kind, message, size = WORKS[sys.argv[1]]
    stream = message * count
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    receiver = kind()
    receiver.makeConnection(StringTransport())
    watch = Stopwatch()
    for piece in pieces:
        receiver.dataReceived(piece)
    passed = watch.passed()
    assert receiver.count == count
    return count, passed


tell(reactor, *for_so_long(once, 2000, float(sys.argv[2])))
