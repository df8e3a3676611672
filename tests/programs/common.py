"""What the programs beside this file share.  They are plain Twisted programs."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import struct
import sys
import tempfile
from typing import Any

from twisted.internet import protocol, reactor
from twisted.python import log

GIVE_UP_AFTER = 150  # seconds; only what hangs takes this long
UNIX = sys.argv[-1] == "unix"  # streams are those of UNIX sockets, not of TCP


def log_errors() -> None:
    """Print the type and the circumstances of every error that is logged."""

    def observe(event: dict[str, Any]) -> None:
        if event.get("isError"):
            failure = event["failure"]
            words = event.get("why") or event.get("log_format") or "-"
            print("logged", failure.type.__name__, failure.value, "|", words, flush=True)

    log.addObserver(observe)


def folder() -> str:
    """A new folder, which goes when the program ends."""
    path = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def listen(make: Any, **options: Any) -> Any:
    """Listen on a free port of the loopback interface for protocols made by `make`."""
    factory = protocol.Factory.forProtocol(make)
    factory.noisy = False
    if UNIX:
        return reactor.listenUNIX(os.path.join(folder(), "socket"), factory, **options)
    return reactor.listenTCP(0, factory, interface="127.0.0.1", **options)


def connect(port: Any, make: Any) -> Any:
    """Connect a protocol made by `make` to `port`."""
    factory = protocol.ClientFactory.forProtocol(make)
    factory.noisy = False
    if UNIX:
        return reactor.connectUNIX(port.getHost().name, factory)
    return reactor.connectTCP("127.0.0.1", port.getHost().port, factory)


def raw(port: Any) -> socket.socket:
    """A plain socket connected to `port`."""
    if UNIX:
        skt = socket.socket(socket.AF_UNIX)
        skt.settimeout(GIVE_UP_AFTER)
        skt.connect(port.getHost().name)
        return skt
    return socket.create_connection(("127.0.0.1", port.getHost().port), timeout=GIVE_UP_AFTER)


def reset(skt: socket.socket) -> None:
    """Close `skt` so that its peer sees a reset."""
    skt.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    skt.close()


def descriptors() -> set[str]:
    """What the open descriptors of this process are, but for the listing's own."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


def open_descriptors_before() -> int:
    """The same, before a program begins; the reactor may make its own when it is first used."""
    reactor.iterate(0)
    return open_descriptors()


def until(condition: Any) -> None:
    """Iterate the reactor until `condition()`, for as long as it takes."""
    give_up = reactor.seconds() + GIVE_UP_AFTER
    while not condition() and reactor.seconds() < give_up:
        reactor.iterate(0.01)


def later(seconds: float, function: Any, *arguments: Any) -> None:
    """
    Call it after a time, and after a turn of the reactor for each hundredth of a second of it.

    A program that did not get to run for a while finds timed calls due before it has seen what
    came meanwhile.  This one waits until what came, and what follows from it, was seen.
    """

    def turn(left: int) -> None:
        if left:
            reactor.callLater(0.01, turn, left - 1)
        else:
            function(*arguments)

    turn(round(seconds * 100))


def unused_address() -> tuple[str, int]:
    """
    Where no UDP socket listens, and nobody can begin to while this program runs.

    The number is taken by a socket that hears from one peer only, which there is not.
    """
    skt = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    atexit.register(skt.close)
    skt.bind(("127.0.0.1", 0))
    leave_to_nobody(skt)
    where: tuple[str, int] = skt.getsockname()
    return where


def leave_to_nobody(skt: socket.socket) -> None:
    """Let a UDP socket keep its number, but refuse all that is sent to it."""
    skt.connect(("127.0.0.1", 9))


def run() -> None:
    """Run the reactor; a program that hangs is stopped and says so."""

    def give_up() -> None:
        reactor.stop()
        print("gave up", flush=True)

    reactor.callLater(GIVE_UP_AFTER, give_up)
    reactor.run()
