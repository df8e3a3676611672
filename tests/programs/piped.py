"""Filters of StandardIO, in pipelines of a shell."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.internet import interfaces, protocol, reactor, stdio
from twisted.protocols import basic
from zope.interface import implementer

HOW = sys.orig_argv[: sys.orig_argv.index(sys.argv[0])]


@implementer(interfaces.IHalfCloseableProtocol)
class Numbered(basic.LineReceiver):
    delimiter = b"\n"

    def __init__(self) -> None:
        self.count = 0

    def lineReceived(self, line: bytes) -> None:
        self.count += 1
        self.sendLine(b"%d %s" % (self.count, line))

    def writeConnectionLost(self) -> None:
        pass

    def readConnectionLost(self) -> None:
        self.sendLine(b"end of input")
        self.transport.loseConnection()

    def connectionLost(self, reason: object) -> None:
        reactor.callWhenRunning(reactor.stop)


class Head(Numbered):
    """Has had enough after some lines."""

    def lineReceived(self, line: bytes) -> None:
        super().lineReceived(line)
        if self.count == 5:
            self.transport.loseConnection()


@implementer(interfaces.IHalfCloseableProtocol)
class Copy(protocol.Protocol):
    def connectionMade(self) -> None:
        self.transport.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)

    def writeConnectionLost(self) -> None:
        pass

    def readConnectionLost(self) -> None:
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def connectionLost(self, reason: object) -> None:
        reactor.callWhenRunning(reactor.stop)


def filtering(kind: str) -> None:
    stdio.StandardIO({"number": Numbered, "head": Head, "copy": Copy}[kind]())
    reactor.run()


def shell(line: str) -> None:
    this = " ".join([*HOW, os.path.abspath(__file__), "filter"])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("THIS", this)],
        capture_output=True,
        timeout=120,
    )
    print(done.returncode, len(done.stdout), done.stdout[-60:], done.stderr[-300:])


def main() -> None:
    if sys.argv[1:2] == ["filter"]:
        filtering(sys.argv[2])
        return
    shell("seq 1 100000 | THIS number | tail -3")
    shell("seq 1 1000 | THIS number | THIS number | THIS copy | md5sum")
    shell("THIS number < /dev/null")
    shell("seq 1 100 | THIS head | cat")
    shell("head -c 20000000 /dev/zero | THIS copy | wc -c")
    shell("head -c 20000000 /dev/zero | THIS copy | (sleep 1; head -c 1000 | wc -c)")
    shell("(seq 1 3; sleep 0.3; seq 4 5) | THIS number")
    shell("THIS number < " + os.path.abspath(__file__) + " | tail -1 | cut -d' ' -f1-3")


main()
