"""
Child processes: ``processes.py CASE`` tells what each protocol hears, in order for each descriptor.
"""

import os
import signal
import sys

import common
from twisted.internet import error, protocol, reactor

MIB = 1024 * 1024


class Teller(protocol.ProcessProtocol):
    """Collects the output by descriptor, and tells of it at the end."""

    def __init__(self):
        self.output = {}
        self.lost = []

    def childDataReceived(self, fd, data):
        self.output[fd] = self.output.get(fd, b"") + data

    def childConnectionLost(self, fd):
        self.lost.append(fd)

    def processExited(self, reason):
        print("exited", reason.value)

    def processEnded(self, reason):
        for fd, data in sorted(self.output.items()):
            print("from", fd, len(data), data[:100])
        print("lost", sorted(self.lost))
        print("ended", reason.value, reason.value.exitCode, reason.value.signal)
        try:
            self.transport.signalProcess("TERM")
        except error.ProcessExitedAlready:
            print("exited already")
        reactor.stop()


def shell(proto, script, **options):
    return reactor.spawnProcess(proto, "/bin/sh", ["sh", "-c", script], os.environ, **options)


def child_descriptors():
    """Descriptors for reading and writing beyond the usual, and one of this process."""
    inherited_read, inherited_write = os.pipe()

    class Mapped(Teller):
        def connectionMade(self):
            self.transport.writeToChild(5, b"to five\n")
            self.transport.closeChildFD(5)

        def processEnded(self, reason):
            os.close(inherited_write)
            print("inherited", os.read(inherited_read, 100))
            super().processEnded(reason)

    shell(
        Mapped(),
        "cat <&5 >&4; echo to seven >&7; echo standard",
        childFDs={0: "r", 1: "r", 4: "r", 5: "w", 7: inherited_write},
    )


def one_mib_both_ways():
    """What is written comes back whole."""
    data = os.urandom(MIB)

    class Through(Teller):
        def connectionMade(self):
            self.transport.writeToChild(0, data[: MIB // 2])
            self.transport.writeSequence([data[i : i + 999] for i in range(MIB // 2, MIB, 999)])
            self.transport.closeStdin()

        def processEnded(self, reason):
            print("intact", self.output[1] == data)
            self.output = {}
            super().processEnded(reason)

    reactor.spawnProcess(Through(), "/bin/cat", ["cat"], {})


def streaming_producer():
    """A producer is paused and resumed, and all it makes arrives."""

    class Producer:
        sent = paused = resumed = 0

        def resumeProducing(self):
            self.resumed += 1
            self.running = True
            while self.running and self.sent < 64:
                self.sent += 1
                self.transport.write(b"%d" % (self.sent % 10) * 65536)
            if self.sent == 64 and self.running:
                self.running = False
                self.transport.unregisterProducer()
                self.transport.closeStdin()

        def pauseProducing(self):
            self.paused += 1
            self.running = False

        def stopProducing(self):
            print("stopped")

    class Produced(Teller):
        def connectionMade(self):
            self.producer = Producer()
            self.producer.transport = self.transport
            self.transport.registerProducer(self.producer, True)
            self.producer.resumeProducing()

        def processEnded(self, reason):
            print("paused", self.producer.paused > 1, "resumed", self.producer.resumed > 1)
            expected = b"".join(b"%d" % (n % 10) * 65536 for n in range(1, 65))
            print("intact", self.output[1] == expected)
            self.output = {}
            super().processEnded(reason)

    reactor.spawnProcess(Produced(), "/bin/cat", ["cat"], {})


def child_closes_its_input():
    """The writing side hears of it, without and with something to write."""

    class Closed(Teller):
        def childConnectionLost(self, fd):
            super().childConnectionLost(fd)
            if fd == 0:
                self.transport.write(b"nobody reads this")
                common.later(0.05, self.transport.signalProcess, "TERM")

    shell(Closed(), "exec 0<&-; exec sleep 60")


def child_never_reads():
    """Writing much to a child that exits without reading."""

    class Unread(Teller):
        def connectionMade(self):
            self.transport.write(b"x" * MIB)

    shell(Unread(), "sleep 0.2; exit 3")


def lose_connection():
    """All pipes are closed, the child hears of it."""

    class Leaving(Teller):
        def outReceived(self, data):
            print("said", data)

        def childDataReceived(self, fd, data):
            print("from", fd, data)
            self.transport.loseConnection()

    shell(Leaving(), "echo started; cat; exit 7")


def dies_before_its_pipes():
    """The child is gone at once, its own child keeps the output open for a while."""

    class Survived(Teller):
        def processExited(self, reason):
            print("so far", self.output)
            super().processExited(reason)
            self.transport.write(b"go on\n")

        def childDataReceived(self, fd, data):
            super().childDataReceived(fd, data)
            if data == b"first\n":
                self.transport.write(b"go\n")  # else its end might be told before its output

    shell(
        Survived(),
        "exec 3<&0; echo first; read go; (read go <&3; echo second; echo third >&2) & exit 5",
    )


def pseudo_terminal():
    """An echo by the terminal itself and one by the program; the end of the terminal."""

    class Terminal(Teller):
        def connectionMade(self):
            self.transport.write(b"hello\n")

        def childDataReceived(self, fd, data):
            super().childDataReceived(fd, data)
            if self.output[fd].count(b"hello") == 2 and not self.lost:
                self.lost.append("terminal")
                self.transport.write(b"\x04")

    # Closing the terminal hangs up on who is left, which may be a process that is just ending.
    shell(Terminal(), "trap '' HUP; test -t 0 && test -t 1 && cat; exit 3", usePTY=True)


def signals():
    """By name and by number; the state of a process that is killed."""

    class Killed(Teller):
        def outReceived(self, data):
            print("trapped", data)

        def childDataReceived(self, fd, data):
            print("from", fd, data)
            number = signal.SIGKILL if data == b"usr1\n" else signal.SIGUSR1
            self.transport.signalProcess("KILL" if number == signal.SIGKILL else number)

    shell(Killed(), "trap 'echo usr1' USR1; echo ready; while :; do sleep 0.05; done")


def paused():
    """Nothing is delivered while the process's output is paused."""

    class Paused(Teller):
        def connectionMade(self):
            self.transport.pauseProducing()

        def processExited(self, reason):
            super().processExited(reason)
            common.later(0.1, self.go_on)

        def go_on(self):
            print("before", self.output)
            self.transport.resumeProducing()

    shell(Paused(), "echo out; echo err >&2")


def callback_raises():
    """An error in a callback closes that pipe, is logged, and leaves the others."""

    class Raising(Teller):
        def childDataReceived(self, fd, data):
            super().childDataReceived(fd, data)
            if fd == 1:
                self.transport.write(b"go on\n")
                raise RuntimeError("out of childDataReceived")

    shell(Raising(), "echo out; read go; echo err >&2")


def not_there():
    """A program that does not exist."""
    try:
        reactor.spawnProcess(Teller(), "/nowhere/program", ["program"], {})
    except OSError as problem:
        print(problem)
        reactor.callWhenRunning(reactor.stop)


common.log_errors()
before = common.open_descriptors_before()
globals()[sys.argv[1]]()
common.run()
print("left open:", common.open_descriptors() - before)
