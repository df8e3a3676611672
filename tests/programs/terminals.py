"""
Pseudo-terminals of child processes: ``terminals.py CASE`` tells what each protocol hears.

The children switch the terminal to raw where bytes have to pass unchanged.
"""

import fcntl
import gc
import os
import pty
import signal
import struct
import sys
import tempfile
import termios
import weakref

import common
from twisted.internet import process, protocol, reactor
from twisted.python import context, log

MIB = 1024 * 1024
RAW = "stty raw -echo; echo ready; "
# A child that ends when it is told to by a signal, for it does not read.
UNTIL_TOLD = "trap 'exit 6' USR1; stty raw -echo; echo ready; while :; do sleep 0.02; done"


class Terminal(protocol.ProcessProtocol):
    """Collects what comes after the word ready, and tells of the end."""

    ready = False
    received = b""
    stops = True

    def childDataReceived(self, fd, data):
        assert fd == 1
        self.received += data
        if not self.ready and b"ready" in self.received:
            self.ready = True
            self.received = self.received.partition(b"ready")[2].lstrip(b"\r\n")
            self.started()
        if self.ready and self.received:
            self.came()

    def started(self):
        """The child is ready."""

    def came(self):
        """There is something in ``received``."""

    def childConnectionLost(self, fd):
        print("never told", fd)

    def processExited(self, reason):
        print("exited", reason.value)

    def processEnded(self, reason):
        print("ended", reason.value.exitCode, reason.value.signal)
        self.transport.write(b"nobody reads this")
        if self.stops:
            reactor.stop()


def shell(proto, script, usePTY=True):
    return reactor.spawnProcess(proto, "/bin/sh", ["sh", "-c", script], os.environ, usePTY=usePTY)


class Through(Terminal):
    """Sends a MiB and awaits it."""

    data = bytes(range(256)) * (MIB // 256)

    def started(self):
        self.transport.write(self.data[: MIB // 2])
        self.transport.writeSequence([self.data[i : i + 999] for i in range(MIB // 2, MIB, 999)])

    def came(self):
        if len(self.received) >= MIB:
            print("intact", self.received == self.data)
            self.transport.signalProcess("TERM")


def one_mib_both_ways():
    """What is written comes back whole."""
    shell(Through(), RAW + "exec cat")


class Producer:
    """Sends 32 pieces of 32 KiB, at once where it is not paused, or one each time."""

    def __init__(self, transport, streaming):
        self.sent = self.paused = self.resumed = 0
        self.transport = transport
        self.streaming = streaming
        transport.registerProducer(self, streaming)
        if streaming:
            self.resumeProducing()

    def resumeProducing(self):
        self.resumed += 1
        self.running = True
        while self.running and self.sent < 32:
            self.running = self.streaming
            self.sent += 1
            self.transport.write(b"%d" % (self.sent % 10) * 32768)
        if self.sent == 32 and self.running:
            self.running = False
            self.transport.unregisterProducer()

    def pauseProducing(self):
        self.paused += 1
        self.running = False

    def stopProducing(self):
        print("stopped")


class Produced(Terminal):
    streaming = True

    def started(self):
        self.producer = Producer(self.transport, self.streaming)

    def came(self):
        if len(self.received) == MIB:
            print("paused", self.producer.paused > 1, "resumed", self.producer.resumed > 1)
            print(
                "intact", self.received == b"".join(b"%d" % (n % 10) * 32768 for n in range(1, 33))
            )
            self.transport.signalProcess("TERM")


def streaming_producer():
    """A producer is paused and resumed, and all it makes arrives."""
    shell(Produced(), RAW + "exec cat")


def pull_producer():
    """A producer is asked for each piece, and stopped at the end."""
    proto = Produced()
    proto.streaming = False
    shell(proto, RAW + "exec cat")


def paused():
    """Nothing is delivered while it is paused; a full terminal blocks the child, not us."""

    class Paused(Terminal):
        def started(self):
            self.transport.pauseProducing()
            self.transport.write(b"\n")
            common.later(0.2, self.go_on)

        def go_on(self):
            print("before", self.received)
            self.transport.resumeProducing()

        def came(self):
            if len(self.received) == 200000:
                self.transport.write(b"\n")  # so that its end comes after its output

        def processEnded(self, reason):
            print("after", len(self.received))
            super().processEnded(reason)

    shell(Paused(), RAW + "read line; head -c 200000 /dev/zero; read line; exit 0")


def window_size():
    """The terminal's size, through the transport's descriptor."""

    class Sized(Terminal):
        def started(self):
            size = struct.pack("4H", 33, 77, 0, 0)
            fcntl.ioctl(self.transport.fileno(), termios.TIOCSWINSZ, size)
            self.transport.write(b"\n")

        def came(self):
            if self.received.endswith(b"\n"):
                self.transport.write(b"\n")

        def processEnded(self, reason):
            print("size", self.received.split())
            super().processEnded(reason)

    shell(Sized(), "stty -echo; echo ready; read line; stty size; read line; exit 4")


def killed():
    """By a signal."""

    class Killed(Terminal):
        def started(self):
            self.transport.signalProcess("KILL")

    shell(Killed(), RAW + "sleep 60")


def lose_connection():
    """What is queued goes out first; who is left hears a hang-up."""
    with tempfile.NamedTemporaryFile() as taken:

        class Leaving(Terminal):
            def started(self):
                self.transport.write(b"z" * MIB)
                self.transport.loseConnection()
                self.transport.write(b"too late")

            def processEnded(self, reason):
                # What the terminal still holds goes with it.
                print("taken", os.path.getsize(taken.name) > MIB - 200_000)
                super().processEnded(reason)

        shell(Leaving(), f"{RAW} trap '' HUP; cat > {taken.name}; exit 7")
        common.run()


def lose_in_callback():
    """Closed in the middle of what comes; nothing comes after."""

    class Closing(Terminal):
        calls = 0

        def came(self):
            self.calls += 1
            self.transport.loseConnection()

        def processEnded(self, reason):
            print("calls", self.calls)
            super().processEnded(reason)

    shell(Closing(), RAW + "trap '' HUP; echo one; sleep 0.2; echo two; exit 3")


def iterate_in_callback():
    """The reactor iterates inside a callback, which is called again meanwhile."""

    class Nested(Terminal):
        depth = deepest = 0

        def started(self):
            self.transport.write(b"first")

        def came(self):
            self.depth += 1
            self.deepest = max(self.deepest, self.depth)
            if self.received == b"first":
                self.transport.write(b"second")
                while self.received == b"first":
                    reactor.iterate(0.05)
                print("inside", self.received)
                self.transport.signalProcess("TERM")
            self.depth -= 1

        def processEnded(self, reason):
            print("deepest", self.deepest)
            super().processEnded(reason)

    shell(Nested(), RAW + "exec cat")


def callback_raises():
    """An error in the callback closes the terminal, and is logged."""

    class Raising(Terminal):
        def came(self):
            print("context", context.get(log.ILogContext)["system"])
            raise RuntimeError("out of childDataReceived")

    shell(Raising(), RAW + "trap '' HUP; echo more; read line; exit 5")


def own_class():
    """A class of one's own in the place of Twisted's."""

    class Telling(process.PTYProcess):
        def connectionLost(self, reason):
            print("lost", reason.type.__name__)
            super().connectionLost(reason)

    class Ending(Terminal):
        def started(self):
            print(type(self.transport).__name__)
            common.later(0.1, self.transport.signalProcess, signal.SIGUSR1)

    process.PTYProcess = Telling
    shell(Ending(), UNTIL_TOLD)


def hang_up_told(prepare, after=lambda transport: None, says=""):
    """Why the terminal ended, seen from inside Twisted's own class; what is done `after` that."""
    stock_lost = process.PTYProcess.connectionLost

    def connectionLost(self, reason):
        print("lost", reason.type.__name__)
        stock_lost(self, reason)

    process.PTYProcess.connectionLost = connectionLost

    class Ending(Terminal):
        def started(self):
            prepare(self.transport)
            common.later(0.1, self.tell)

        def tell(self):
            if self.transport.pid is not None:
                self.transport.signalProcess(signal.SIGUSR1)

        def processExited(self, reason):
            super().processExited(reason)
            common.later(0.1, after, self.transport)

    shell(Ending(), UNTIL_TOLD.replace("exit 6", f"echo {says}; exit 6" if says else "exit 6"))


def hang_up_reading():
    hang_up_told(lambda transport: None)


def hang_up_writing():
    """The child takes nothing; more is queued than the terminal holds."""
    hang_up_told(lambda transport: transport.write(b"x" * MIB))


def hang_up_paused_and_writing():
    def prepare(transport):
        transport.pauseProducing()
        transport.write(b"x" * MIB)

    hang_up_told(prepare)


def hang_up_paused_then_writing():
    """Written only after the child is gone."""
    hang_up_told(
        lambda transport: transport.pauseProducing(), lambda transport: transport.write(b"x")
    )


def hang_up_with_more_to_read():
    """Paused and written in one turn, when the child is gone and its last words are not read."""

    def prepare(transport):
        transport.signalProcess(signal.SIGUSR1)
        os.waitid(os.P_PID, transport.pid, os.WEXITED | os.WNOWAIT)
        transport.pauseProducing()
        transport.write(b"x")

    hang_up_told(prepare, says="last words")


def hang_up_then_writing():
    """Written in the iteration in which the child's end is told."""

    class Late(Terminal):
        def started(self):
            common.later(0.1, self.transport.signalProcess, signal.SIGUSR1)

        def processExited(self, reason):
            self.transport.write(b"late")
            self.transport.loseConnection()
            super().processExited(reason)

    shell(Late(), UNTIL_TOLD)


def given_terminal():
    """A terminal that the caller made."""
    main, other = pty.openpty()
    name = os.ttyname(other)

    class Given(Terminal):
        def came(self):
            if b"\n" in self.received:
                self.transport.write(b"\n")

        def processEnded(self, reason):
            print("name", self.received.split()[0] == name.encode())
            super().processEnded(reason)

    shell(Given(), RAW + "tty; read line", (main, other, name))


def replaced():
    """doRead and writeSomeData of one's own: on the instance and on Twisted's class."""

    class Replacing(Terminal):
        def connectionMade(self):
            transport = self.transport
            read, write = transport.doRead, transport.writeSomeData

            def doRead():
                calls.append("own read")
                return read()

            def writeSomeData(data):
                calls.append("own write")
                return write(data[:5])

            transport.doRead, transport.writeSomeData = doRead, writeSomeData

        def started(self):
            self.transport.write(b"hello, terminal")

        def came(self):
            if self.received == b"hello, terminal":
                self.transport.signalProcess("TERM")

    calls = []
    stock_read, stock_write = process.PTYProcess.doRead, process.PTYProcess.writeSomeData

    def doRead(self):
        calls.append("class read")
        return stock_read(self)

    def writeSomeData(self, data):
        calls.append("class write")
        return stock_write(self, data)

    process.PTYProcess.doRead, process.PTYProcess.writeSomeData = doRead, writeSomeData
    shell(Replacing(), RAW + "exec cat")
    common.run()
    print(sorted(set(calls)), calls.count("own write"), calls.count("class write"))


def refused():
    """What a terminal cannot do."""

    class Refused(Terminal):
        def started(self):
            transport = self.transport
            transport.closeStdin()
            transport.closeStdout()
            transport.closeStderr()
            for call in (
                lambda: transport.closeChildFD(1),
                lambda: transport.writeToChild(1, b"x"),
                lambda: transport.write("text"),
                lambda: transport.writeSequence([b"x", "text"]),
                transport.getHost,
            ):
                try:
                    print(call())
                except Exception as problem:
                    print(type(problem).__name__, problem)
            print(transport.writeSomeData(memoryview(b"\n")), transport.connected)

    try:
        reactor.spawnProcess(Refused(), "/bin/true", ["true"], usePTY=True, childFDs={0: "r"})
    except ValueError as problem:
        print(problem)
    shell(Refused(), "echo ready; read line; exit 2")


def released():
    """Transports go away when they have ended."""

    class Round(Terminal):
        stops = False

        def started(self):
            self.transport.write(b"\n")

        def processEnded(self, reason):
            seen.append(weakref.ref(self.transport))
            if len(seen) < 8:
                shell(Round(), "echo ready; read line")
            else:
                reactor.callLater(0, reactor.stop)

    seen = []
    shell(Round(), "echo ready; read line")
    common.run()
    gc.collect()
    print("alive", sum(ref() is not None for ref in seen), "of", len(seen))


common.log_errors()
before = common.open_descriptors_before()
globals()[sys.argv[1]]()
if sys.argv[1] not in ("lose_connection", "replaced", "released"):
    common.run()
print("left open:", common.open_descriptors() - before)
