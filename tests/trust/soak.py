"""
A server and its clients for a long time, with random lives; a table tells whether all is there.

    python -m tests.trust.soak [--minutes 30] [--connections 10000] [--seed 1]

The server runs here, the clients in a child, both on pyreactor, over TCP, UNIX sockets and TLS.
What is sent comes back, and is compared; a connection that is opened is lost once on both sides.
At the same time a thousand timed calls a second come due, threads call in, children and forks live
and end.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import threading
import time
import zlib
from typing import Any

from tests.trust.installed import reactor  # isort: skip
from twisted.internet import interfaces, protocol, ssl, task
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python import log
from zope.interface import implementer

from tests.programs.certificates import Issued, issue

#: What a client does with its connection, and how often of all.
LIVES = {"echo": 50, "half": 10, "abort": 10, "reset": 5, "slow": 10, "flood": 5, "idle": 10}
ORDERLY = {"echo", "half", "slow", "flood", "idle"}
LARGEST = 200_000
FLOOD = 2_000_000
TIMERS = 1000
#: One period of each of the timed calls, in seconds.
PERIOD = 1.0
#: What memory may grow from the middle to the end: the allocator's, and by parts.
SLACK_BYTES, SLACK_PARTS = 16 << 20, 5


def resident() -> int:
    """Bytes of memory that the kernel has given to this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


# ---- the server ----


@implementer(interfaces.IHalfCloseableProtocol)
class Echo(protocol.Protocol):
    """Sends back what comes; its own producer is stopped while the peer does not read."""

    ends = 0

    def connectionMade(self) -> None:
        self.factory.opened += 1
        self.transport.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:
        self.factory.received += len(data)
        self.transport.write(data)

    def writeConnectionLost(self) -> None:
        pass

    def readConnectionLost(self) -> None:
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        self.ends += 1
        self.factory.lost += 1
        self.factory.twice += self.ends > 1


class Server(protocol.Factory):
    protocol = Echo
    noisy = False

    def __init__(self) -> None:
        self.opened = self.lost = self.twice = self.received = 0


# ---- clients ----


class Life(protocol.Protocol):
    """One connection from its beginning to its end."""

    ends = 0

    def connectionMade(self) -> None:
        crowd = self.factory.crowd
        crowd.opened += 1
        self.kind = crowd.choose()
        self.left = FLOOD if self.kind == "flood" else crowd.random.randrange(1, LARGEST)
        self.sent = self.received = 0
        self.crc_sent = self.crc_received = 0
        if self.kind == "slow":
            self.transport.pauseProducing()
            crowd.later(crowd.random.uniform(0.1, 3), self.resume)
        elif self.kind == "idle":
            crowd.later(crowd.random.uniform(0.1, 5), self.say)
            return
        elif self.kind in ("abort", "reset"):
            crowd.later(crowd.random.uniform(0, 0.5), self.end_early)
        self.say()

    def resume(self) -> None:
        if not self.ends:
            self.transport.resumeProducing()

    def say(self) -> None:
        """Send one piece more."""
        if self.ends:
            return
        size = min(self.left, self.factory.crowd.random.choice((1, 10, 1000, 60_000)))
        piece = self.factory.crowd.random.randbytes(size)
        self.left -= size
        self.sent += size
        self.crc_sent = zlib.crc32(piece, self.crc_sent)
        self.transport.write(piece)
        # The half close of TLS is that of the TCP connection below, which cuts what waits above.
        over_tls = isinstance(self.transport, TLSMemoryBIOProtocol)
        if not self.left and self.kind == "half" and not over_tls:
            self.transport.loseWriteConnection()

    def dataReceived(self, data: bytes) -> None:
        self.received += len(data)
        self.crc_received = zlib.crc32(data, self.crc_received)
        if self.received == self.sent and self.left:
            self.say()
        elif self.received == self.sent and not self.left:
            self.transport.loseConnection()

    def end_early(self) -> None:
        if not self.ends:
            self.transport.abortConnection()

    def connectionLost(self, reason: Any = None) -> None:
        self.ends += 1
        self.factory.crowd.over(self)


class Joining(protocol.ClientFactory):
    protocol = Life
    noisy = False

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd

    def clientConnectionFailed(self, connector: object, reason: Any) -> None:
        self.crowd.failed += 1
        self.crowd.alive -= 1


class Crowd:
    """So many connections at a time, each replaced when it is lost, until time is over."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.random = random.Random(options.seed)
        self.opened = self.lost = self.failed = self.twice = self.damaged = 0
        self.sent = self.received = self.alive = 0
        self.ended: dict[str, int] = dict.fromkeys(LIVES, 0)
        self.end = time.monotonic() + options.minutes * 60
        self.joining = Joining(self)
        authority = ssl.Certificate.loadPEM(options.authority.encode())
        self.trusted = ssl.optionsForClientTLS("localhost", trustRoot=authority)

    def choose(self) -> str:
        return self.random.choices([*LIVES], [*LIVES.values()])[0]

    def later(self, delay: float, call: Any) -> None:
        reactor.callLater(delay, call)

    def fill(self) -> None:
        """Open what lacks, not all at once."""
        if time.monotonic() < self.end:
            for _ in range(min(50, self.options.connections - self.alive)):
                self.alive += 1
                self.join()
            reactor.callLater(0.02, self.fill)
        elif self.alive:
            reactor.callLater(0.1, self.fill)
        else:
            reactor.stop()

    def join(self) -> None:
        way = self.random.random()
        if way < 0.6:
            mine = f"127.0.0.{self.random.randrange(1, 9)}", 0  # each has so many ports only
            reactor.connectTCP("127.0.0.1", self.options.tcp, self.joining, 300, mine)
        elif way < 0.9:
            reactor.connectUNIX(self.options.unix, self.joining, timeout=300)
        else:
            reactor.connectSSL(
                "127.0.0.1", self.options.tls, self.joining, self.trusted, timeout=300
            )

    def over(self, life: Life) -> None:
        self.alive -= 1
        self.lost += 1
        self.twice += life.ends > 1
        self.ended[life.kind] += 1
        if life.kind in ORDERLY:
            self.sent += life.sent
            self.received += life.received
            whole = not life.left and life.crc_sent == life.crc_received
            self.damaged += not whole
            if not whole:
                print(f"damaged: {life.kind} {life.transport} {vars(life)}", file=sys.stderr)


def run_clients(options: argparse.Namespace) -> None:
    crowd = Crowd(options)
    reactor.callWhenRunning(crowd.fill)
    reactor.run()
    names = "opened lost failed twice damaged sent received ended"
    print(json.dumps({name: getattr(crowd, name) for name in names.split()}), flush=True)


# ---- what else goes on ----


class Timers:
    """A thousand timed calls a second, each of which says how late it comes."""

    def __init__(self) -> None:
        self.due = self.came = self.late = 0
        self.latest = 0.0
        self.stopped = False
        for number in range(TIMERS):
            self.again(number / TIMERS * PERIOD)

    def again(self, delay: float) -> None:
        self.due += 1
        reactor.callLater(delay, self.comes, reactor.seconds() + delay)

    def comes(self, due: float) -> None:
        self.came += 1
        lateness = reactor.seconds() - due
        self.latest = max(self.latest, lateness)
        self.late += lateness > 0.1
        assert lateness >= 0, "a timed call came early"
        if not self.stopped:
            self.again(PERIOD)


class Calls:
    """Threads that call in."""

    def __init__(self) -> None:
        self.made = self.came = 0
        self.stopped = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.stopped:
            for _ in range(10):
                self.made += 1
                reactor.callFromThread(self.comes)
            time.sleep(0.05)

    def comes(self) -> None:
        self.came += 1


class Child(protocol.ProcessProtocol):
    def __init__(self, counts: Children) -> None:
        self.counts = counts

    def processEnded(self, reason: Any) -> None:
        self.counts.ended += 1


class Children:
    """Processes that end by themselves or are killed, and forks of this one."""

    def __init__(self) -> None:
        self.started = self.ended = self.forked = 0

    def one(self) -> None:
        self.started += 1
        seconds = "0" if self.started % 2 else "100"
        child = reactor.spawnProcess(Child(self), "/bin/sleep", ["sleep", seconds], os.environ)
        if self.started % 2 == 0:
            reactor.callLater(0.3, child.signalProcess, "KILL")
        if self.started % 4 == 0:
            self.fork()

    def fork(self) -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        self.forked += 1


class Clients(protocol.ProcessProtocol):
    """The process of the clients, and what it says at the end."""

    def __init__(self) -> None:
        self.said = b""
        self.done = False

    def outReceived(self, data: bytes) -> None:
        self.said += data

    def errReceived(self, data: bytes) -> None:
        sys.stderr.write(data.decode(errors="replace"))

    def processEnded(self, reason: Any) -> None:
        self.done = True


class Soak:
    """The whole of it."""

    def __init__(self, options: argparse.Namespace, folder: str) -> None:
        self.options = options
        self.server = Server()
        self.errors: list[str] = []
        log.addObserver(self.observe)
        authority = issue("authority")
        certificate = issue("localhost", authority, days=30)
        path = os.path.join(folder, "socket")
        options_tls = certificate.private().options()
        listen: dict[str, Any] = {"backlog": 4096}
        self.ports = [
            reactor.listenTCP(0, self.server, interface="127.0.0.1", **listen),
            reactor.listenUNIX(path, self.server, **listen),
            reactor.listenSSL(0, self.server, options_tls, interface="127.0.0.1", **listen),
        ]
        self.clients = Clients()
        self.start_clients(path, authority)
        self.timers, self.calls, self.children = Timers(), Calls(), Children()
        self.memory: list[int] = []
        self.stall = 0.0
        self.looked = time.monotonic()
        self.loops = [
            (task.LoopingCall(self.look), 0.01),
            (task.LoopingCall(self.children.one), 0.5),
            (task.LoopingCall(self.note), 1),
        ]
        for loop, interval in self.loops:
            loop.start(interval)

    def observe(self, event: dict[str, Any]) -> None:
        if event.get("isError"):
            self.errors.append(log.textFromEventDict(event) or "an error")

    def start_clients(self, path: str, authority: Issued) -> None:
        arguments = [sys.executable, "-m", "tests.trust.soak", "--unix", path]
        arguments += ["--tcp", str(self.ports[0].getHost().port)]
        arguments += ["--tls", str(self.ports[2].getHost().port)]
        arguments += ["--authority", authority.authority().dumpPEM().decode()]
        for name in ("minutes", "connections", "seed"):
            arguments += [f"--{name}", str(getattr(self.options, name))]
        reactor.spawnProcess(self.clients, sys.executable, arguments, os.environ)

    def look(self) -> None:
        """How long the loop was away, and whether all is over."""
        now = time.monotonic()
        self.stall = max(self.stall, now - self.looked)
        self.looked = now
        if self.clients.done and self.server.opened == self.server.lost:
            self.stop()

    def note(self) -> None:
        self.memory.append(resident())

    def stop(self) -> None:
        """End what else goes on; a second later all of it has come to its end."""
        for loop, _ in self.loops:
            loop.stop()
        self.timers.stopped = self.calls.stopped = True
        self.calls.thread.join()
        reactor.callLater(PERIOD + 0.5, reactor.stop)

    def table(self) -> list[tuple[str, object, bool]]:
        """What was counted, and whether it is as it should be."""
        ours = json.loads(self.clients.said or b"{}")
        server, memory = self.server, self.memory
        start, middle = memory[len(memory) // 5], memory[len(memory) // 2]
        grown = memory[-1] - middle
        opened = f"{ours.get('opened')} + {ours.get('failed')}, server {server.opened}"
        return [
            ("bytes sent by orderly clients", ours.get("sent"), bool(ours.get("sent"))),
            ("bytes they received", ours.get("received"), ours["sent"] == ours["received"]),
            ("damaged or cut short", ours.get("damaged"), ours.get("damaged") == 0),
            ("opened, and failed to", opened, ours.get("failed") == 0),
            ("lost by clients", ours.get("lost"), ours["opened"] == ours["lost"]),
            ("lost by the server", server.lost, server.opened == server.lost),
            ("lost twice", server.twice + ours["twice"], server.twice + ours["twice"] == 0),
            ("lives", json.dumps(ours.get("ended")), True),
            ("timed calls due", self.timers.due, True),
            ("timed calls that came", self.timers.came, self.timers.came == self.timers.due),
            ("of these later than 0.1 s", self.timers.late, True),
            ("the latest, ms", round(self.timers.latest * 1000), True),
            ("longest stall, ms", round(self.stall * 1000), True),
            ("calls by threads", self.calls.made, True),
            ("of these came", self.calls.came, self.calls.came == self.calls.made),
            ("children started", self.children.started, True),
            ("ended", self.children.ended, self.children.ended == self.children.started),
            ("forks", self.children.forked, True),
            ("memory, MB, start", start >> 20, True),
            ("middle", middle >> 20, True),
            ("end", memory[-1] >> 20, grown < SLACK_BYTES + middle // SLACK_PARTS),
            ("errors logged", len(self.errors), not self.errors),
        ]


def possible(wanted: int) -> int:
    """As many connections as one process may have descriptors for; two thirds of them, at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(wanted, hard * 2 // 3)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.trust.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    for name in ("unix", "tcp", "tls", "authority"):
        convert: Any = int if name in ("tcp", "tls") else str
        parser.add_argument(f"--{name}", type=convert, help=argparse.SUPPRESS)
    options = parser.parse_args()
    count = possible(options.connections)
    if options.unix:
        options.connections = count
        run_clients(options)
        return 0
    print(
        f"{count} connections at a time, {options.minutes} minutes, seed {options.seed}", flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        made: list[Soak] = []
        reactor.callWhenRunning(lambda: made.append(Soak(options, folder)))
        reactor.run()
    wrong = 0
    for what, count_of, fine in made[0].table():
        print(f"{what:<32}{count_of}{'' if fine else '   WRONG'}")
        wrong += not fine
    for text in made[0].errors[:5]:
        print(text)
    print(f"{wrong} wrong" if wrong else "all is there")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
