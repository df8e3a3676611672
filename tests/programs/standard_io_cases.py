"""
StandardIO over descriptors of many kinds: ``standard_io_cases.py CASE`` tells what is heard.

The descriptors are pipes, sockets, terminals and files of this very process.
"""

import fcntl
import gc
import os
import pty
import signal
import socket
import sys
import tempfile
import termios
import threading
import tty
import weakref
from unittest import mock

import common
from twisted.internet import interfaces, process, protocol, reactor, stdio
from twisted.protocols.basic import LineReceiver
from twisted.python import context, log, monkey
from zope.interface import implementer

MIB = 1024 * 1024
DATA = bytes(range(256)) * (MIB // 256)


class Teller(protocol.Protocol):
    """Collects what comes, and tells of the end."""

    received = b""

    def dataReceived(self, data):
        self.received += data

    def connectionLost(self, reason):
        print("received", len(self.received), self.received[:40])
        print("lost", reason.type.__name__)
        reactor.stop()


@implementer(interfaces.IHalfCloseableProtocol)
class Half(Teller):
    """Hears of each half."""

    def readConnectionLost(self):
        print("read lost")

    def writeConnectionLost(self):
        print("write lost")


class Pair:
    """Two pipes: what is written to ``to`` comes, what is sent is to be read from ``out``."""

    def __init__(self):
        self.stdin, self.to = os.pipe()
        self.out, self.stdout = os.pipe()
        self.taken = b""

    def connect(self, proto, make=stdio.StandardIO):
        return make(proto, stdin=self.stdin, stdout=self.stdout)

    def give(self, data):
        def run():
            left = data
            while left:
                left = left[os.write(self.to, left) :]
            os.close(self.to)

        threading.Thread(target=run, daemon=True).start()

    def take(self, then=lambda: None):
        def run():
            while piece := os.read(self.out, 65536):
                self.taken += piece
            reactor.callFromThread(then)

        self.taker = threading.Thread(target=run, daemon=True)
        self.taker.start()

    def told(self):
        """How the two descriptors are left, and what was sent."""
        print("blocking", os.get_blocking(self.stdin), os.get_blocking(self.stdout))
        os.close(self.stdout)
        if hasattr(self, "taker"):
            self.taker.join(common.GIVE_UP_AFTER)
            print("sent", len(self.taken), self.taken == DATA)


def one_mib_both_ways():
    """In and out at once."""
    pair = Pair()

    class Echo(Half):
        def dataReceived(self, data):
            super().dataReceived(data)
            self.transport.write(data)

        def readConnectionLost(self):
            super().readConnectionLost()
            self.transport.loseConnection()

    pair.give(DATA)
    pair.take()
    proto = Echo()
    pair.connect(proto)
    common.run()
    print("intact", proto.received == DATA)
    pair.told()


def lines():
    """Lines in pieces, a switch to raw mode in the middle, and back."""
    pair = Pair()

    @implementer(interfaces.IHalfCloseableProtocol)
    class Lines(LineReceiver):
        delimiter = b"\n"
        lines = 0

        def lineReceived(self, line):
            self.lines += 1
            if line.startswith(b"raw"):
                self.left = int(line[3:])
                self.setRawMode()
            self.sendLine(line[::-1])

        def rawDataReceived(self, data):
            mine, rest = data[: self.left], data[self.left :]
            self.left -= len(mine)
            self.transport.write(mine)
            if not self.left:
                self.setLineMode(rest)

        def readConnectionLost(self):
            self.transport.loseConnection()

        def writeConnectionLost(self):
            print("write lost")

        def connectionLost(self, reason):
            print("lines", self.lines, reason.type.__name__)
            reactor.stop()

    pair.give(b"abc\n" * 50_000 + b"raw300000\n" + DATA[:300_000] + b"last\n" * 3)
    pair.take()
    pair.connect(Lines())
    common.run()
    pair.told()
    print(pair.taken[:8], pair.taken[-10:])


def peer_stops_reading():
    """The other end of standard output closes; standard input goes on."""
    pair = Pair()

    class Going(Half):
        def writeConnectionLost(self):
            super().writeConnectionLost()
            self.transport.write(b"nobody reads this")
            os.write(pair.to, b"still here")

        def dataReceived(self, data):
            super().dataReceived(data)
            os.close(pair.to)

        def readConnectionLost(self):
            super().readConnectionLost()
            self.transport.loseConnection()
            common.later(0.05, reactor.stop)

    pair.connect(Going())
    common.later(0.05, os.close, pair.out)
    common.run()
    pair.told()


def peer_stops_reading_with_data_queued():
    """More is queued than the pipe holds when its other end closes."""
    pair = Pair()
    proto = Half()
    pair.connect(proto)
    proto.transport.write(DATA)
    common.later(0.1, os.close, pair.out)
    common.later(0.2, os.close, pair.to)
    common.later(0.3, proto.transport.loseConnection)
    common.later(0.4, reactor.stop)
    common.run()
    pair.told()


def lose_write_connection():
    """Half closed by ourselves, with data queued."""
    pair = Pair()
    pair.take(lambda: os.close(pair.to))

    class Closing(Half):
        def writeConnectionLost(self):
            super().writeConnectionLost()
            os.close(pair.stdout)  # that of StandardIO stays open, as in stock
            pair.stdout = os.dup(pair.stdin)

        def readConnectionLost(self):
            super().readConnectionLost()
            reactor.stop()

    proto = Closing()
    pair.connect(proto)
    proto.transport.write(DATA)
    proto.transport.loseWriteConnection()
    proto.transport.write(b"too late?")
    common.run()
    print("sent", len(pair.taken), pair.taken[:MIB] == DATA, pair.taken[MIB:])


def lose_connection():
    """What is queued goes out first."""
    pair = Pair()
    pair.take()
    proto = Teller()
    pair.connect(proto)
    proto.transport.writeSequence([DATA[:1000], DATA[1000:]])
    proto.transport.loseConnection()
    common.run()
    pair.told()


def lose_in_callback():
    """Closed in the middle of what comes."""
    pair = Pair()

    class Closing(Teller):
        def dataReceived(self, data):
            super().dataReceived(data)
            self.transport.write(b"good bye")
            self.transport.loseConnection()

    os.write(pair.to, b"first")
    pair.connect(Closing())
    reactor.callLater(0, os.write, pair.to, b"second")
    common.run()
    print(os.read(pair.out, 100))
    pair.told()


def callback_raises():
    """An error in the callback closes both pipes, and is logged."""
    pair = Pair()

    class Raising(Teller):
        def dataReceived(self, data):
            super().dataReceived(data)
            print("context", context.get(log.ILogContext)["system"])
            raise RuntimeError("out of dataReceived")

    os.write(pair.to, b"first")
    pair.connect(Raising())
    common.run()
    pair.told()


def iterate_in_callback():
    """The reactor iterates inside a callback, which is called again meanwhile."""
    pair = Pair()

    class Nested(Teller):
        def dataReceived(self, data):
            super().dataReceived(data)
            if self.received == b"first":
                os.write(pair.to, b"second")
                reactor.iterate(0.05)
                print("inside", self.received, data)
                os.close(pair.to)

    os.write(pair.to, b"first")
    pair.connect(Nested())
    common.run()


def another_protocol():
    """The protocol is another one from the second piece on."""
    pair = Pair()

    class First(Teller):
        def dataReceived(self, data):
            print("first", data)
            second = Teller()
            self.transport.protocol = second
            second.makeConnection(self.transport)
            os.write(pair.to, b"second")
            os.close(pair.to)

    os.write(pair.to, b"first")
    pair.connect(First())
    common.run()


def producers(streaming):
    pair = Pair()
    counts = {"paused": 0, "resumed": 0, "sent": 0}

    class Producer:
        def resumeProducing(self):
            counts["resumed"] += 1
            self.running = True
            while self.running and counts["sent"] < 16:
                self.running = streaming
                at = counts["sent"] * 65536
                counts["sent"] += 1
                pair.transport.write(DATA[at : at + 65536])
            if counts["sent"] == 16 and self.running:
                self.running = False
                pair.transport.unregisterProducer()
                pair.transport.loseConnection()

        def pauseProducing(self):
            counts["paused"] += 1
            self.running = False

        def stopProducing(self):
            print("stopped")

    pair.transport = pair.connect(Teller())
    producer = Producer()
    pair.transport.registerProducer(producer, streaming)
    if streaming:
        producer.resumeProducing()
    common.later(0.05, pair.take)
    common.run()
    print("paused", counts["paused"] > 1, "resumed", counts["resumed"] > 1)
    pair.told()


def streaming_producer():
    producers(True)


def pull_producer():
    """It is asked once more after its last piece, and then stopped."""
    producers(False)


def producer_is_stopped():
    """The other end goes away from a producer; a late one is refused."""
    pair = Pair()

    class Producer:
        def resumeProducing(self):
            print("resumed")

        def pauseProducing(self):
            print("paused")

        def stopProducing(self):
            print("stopped")

    transport = pair.connect(Half())
    transport.registerProducer(Producer(), True)
    transport.write(DATA)
    common.later(0.05, os.close, pair.out)
    common.later(0.1, transport.registerProducer, Producer(), True)
    common.later(0.15, reactor.stop)
    common.run()


def paused():
    """Nothing is delivered while it is paused."""
    pair = Pair()
    proto = Teller()
    transport = pair.connect(proto)

    def go_on():
        print("before", proto.received)
        transport.resumeProducing()
        os.close(pair.to)

    transport.pauseProducing()
    os.write(pair.to, b"meanwhile")
    common.later(0.1, go_on)
    common.run()


def sockets():
    """Both are sockets, two numbers of one; and its peer resets."""
    ours, theirs = socket.socketpair()
    proto = Half()
    stdio.StandardIO(proto, ours.fileno(), os.dup(ours.fileno()))
    proto.transport.write(b"from here")
    common.later(0.05, lambda: print(theirs.recv(100)))
    common.later(0.05, theirs.send, b"from there")
    common.later(0.1, theirs.shutdown, socket.SHUT_WR)
    common.later(0.2, theirs.close)
    common.later(0.3, proto.transport.write, b"into the void")
    common.later(0.4, proto.transport.loseConnection)
    common.later(0.5, reactor.stop)
    common.run()


def one_descriptor():
    """Both are the same number: what stock does then, writing first and reading first."""
    for first in ("read", "write"):
        ours, theirs = socket.socketpair()
        theirs.settimeout(common.GIVE_UP_AFTER)
        proto = Teller()
        stdio.StandardIO(proto, ours.fileno(), ours.fileno())
        if first == "write":
            proto.transport.write(b"from here")
            for _ in range(5):
                reactor.iterate(0.01)
        theirs.send(b"from there")
        for _ in range(5):
            reactor.iterate(0.01)
        print(first, proto.received)
        proto.transport.write(b"more")
        for _ in range(5):
            reactor.iterate(0.01)
        theirs.send(b"again")
        for _ in range(5):
            reactor.iterate(0.01)
        print(proto.received, theirs.recv(100), len(reactor.getReaders()) < 3)
        reactor.removeAll()
        ours.close()
        theirs.close()


def two_on_one():
    """A second one on the same descriptors: the first keeps what it reads."""
    pair = Pair()
    first, second = Teller(), Teller()
    pair.connect(first)
    pair.connect(second)
    os.write(pair.to, b"who gets this?")
    for _ in range(5):
        reactor.iterate(0.01)
    print(first.received, second.received)
    second.transport.write(b"second ")
    first.transport.write(b"first ")
    for _ in range(5):
        reactor.iterate(0.01)
    print(sorted(os.read(pair.out, 100).split()))
    reactor.removeAll()


def another_reader():
    """A selectable of one's own on standard input, while it is read and while it is not."""
    pair = Pair()
    proto = Teller()
    transport = pair.connect(proto)

    class Own:
        def fileno(self):
            return pair.stdin

        def doRead(self):
            print("own read", os.read(pair.stdin, 100))

        def connectionLost(self, reason):
            print("own lost", reason.type.__name__)
            reactor.stop()

        def logPrefix(self):
            return "own"

    own = Own()
    reactor.addReader(own)
    os.write(pair.to, b"first")
    for _ in range(5):
        reactor.iterate(0.01)
    print(proto.received)
    reactor.removeReader(own)
    transport.pauseProducing()
    reactor.addReader(own)
    os.write(pair.to, b"second")
    for _ in range(5):
        reactor.iterate(0.01)
    reactor.removeReader(own)
    transport.resumeProducing()
    os.write(pair.to, b"third")
    for _ in range(5):
        reactor.iterate(0.01)
    print(proto.received)
    reactor.removeAll()


def terminal(end, proto):
    """Standard input and output are a terminal, two numbers of it, which then hangs up."""
    main, other = pty.openpty()
    tty.setraw(other)
    ours, theirs = (main, other) if end == "main" else (other, main)
    transport = stdio.StandardIO(proto, ours, os.dup(ours))
    os.write(theirs, b"typed\n")
    common.until(lambda: proto.received == b"typed\n")
    print(proto.received)
    transport.write(b"shown\n")
    for _ in range(5):
        reactor.iterate(0.01)
    print(os.read(theirs, 100))
    return theirs


def terminal_hangs_up():
    proto = Half()
    os.close(terminal("other", proto))
    common.until(lambda: proto.transport._reader is None)
    common.until(lambda: not reactor.getDelayedCalls())


def terminal_hangs_up_whole():
    os.close(terminal("other", Teller()))
    common.run()


def main_side_hangs_up():
    os.close(terminal("main", Teller()))
    common.run()


def main_side_hangs_up_with_data_queued():
    proto = Half()
    theirs = terminal("main", proto)
    proto.transport.pauseProducing()
    proto.transport.write(DATA)
    for _ in range(5):
        reactor.iterate(0.01)
    os.close(theirs)
    common.later(0.1, proto.transport.loseConnection)
    common.later(0.2, reactor.stop)
    common.run()


def files():
    """From a file, which grows, to a file; both are polled continuously."""
    with tempfile.TemporaryFile("wb+") as given, tempfile.TemporaryFile("wb+") as taken:
        given.write(DATA)
        given.flush()
        given.seek(0)

        class Copy(Half):
            def dataReceived(self, data):
                super().dataReceived(data)
                self.transport.write(data)

            def readConnectionLost(self):
                super().readConnectionLost()
                print("readers", len(reactor.getReaders()) < 3)
                self.transport.loseConnection()

        proto = Copy()
        stdio.StandardIO(proto, given.fileno(), taken.fileno())
        common.run()
        taken.seek(0)
        print("intact", taken.read() == DATA)
        print("blocking", os.get_blocking(given.fileno()), os.get_blocking(taken.fileno()))


def file_paused():
    """A file that is not read while it is paused; what is read later is the rest of it."""
    with tempfile.TemporaryFile("wb+") as given, open(os.devnull, "wb") as taken:
        given.write(DATA)
        given.flush()
        given.seek(0)
        calls = []

        class Pausing(Teller):
            def dataReceived(self, data):
                super().dataReceived(data)
                calls.append(reactor.seconds())
                self.transport.pauseProducing()
                reactor.callLater(0.001, self.transport.resumeProducing)

        proto = Pausing()
        stdio.StandardIO(proto, given.fileno(), taken.fileno())
        common.run()
        print("intact", proto.received == DATA, len(calls) > 1)


def made_blocking():
    """Another process made standard output block, and it is full: a few bytes can wait."""
    pair = Pair()
    transport = pair.connect(Teller())
    transport.pauseProducing()
    while True:
        try:
            os.write(pair.stdout, b"x" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(pair.stdout, True)
    transport.write(b"more")

    def drain():
        print("alive", fcntl.ioctl(pair.out, termios.FIONREAD, bytearray(4)))
        pair.take()
        transport.loseConnection()

    common.later(0.1, drain)
    common.run()
    os.close(pair.stdout)
    pair.taker.join()
    print("taken", pair.taken.strip(b"x"))


def made_blocking_for_a_thread():
    """What blocks waits for another thread of this program, which runs meanwhile."""
    pair = Pair()
    transport = pair.connect(Teller())
    transport.pauseProducing()
    os.set_blocking(pair.stdout, True)
    pair.take()
    for start in range(0, MIB, 65536):
        transport.write(DATA[start : start + 65536])
    transport.loseConnection()
    common.run()
    os.close(pair.stdout)
    pair.taker.join()
    print("taken", pair.taken == DATA)


def made_blocking_and_interrupted():
    """A signal is heard while a write blocks, and nothing is written twice."""
    pair = Pair()
    transport = pair.connect(Teller())
    transport.pauseProducing()
    os.set_blocking(pair.stdout, True)

    def heard(*args):
        print("heard", flush=True)
        pair.take()

    signal.signal(signal.SIGALRM, heard)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    transport.write(DATA)
    transport.loseConnection()
    common.run()
    os.close(pair.stdout)
    pair.taker.join()
    print("taken", pair.taken == DATA)


def reactor_that_passes_on():
    """An object that passes calls on to the reactor hears of all of them."""
    heard = []

    class PassesOn:
        def __getattr__(self, name):
            heard.append(name)
            return getattr(reactor, name)

    pair = Pair()
    proto = Teller()
    transport = stdio.StandardIO(proto, pair.stdin, pair.stdout, reactor=PassesOn())
    os.write(pair.to, b"hello")
    for _ in range(3):
        reactor.iterate(0.01)
    transport.write(b"answer")
    for _ in range(3):
        reactor.iterate(0.01)
    transport.pauseProducing()
    print(proto.received, os.read(pair.out, 100))
    print([name for name in heard if name.startswith(("add", "remove"))])
    reactor.removeAll()


def classes_put_back():
    """The pipes are taken out of Twisted's module by name, replaced, and put back."""
    from twisted.internet import _posixstdio

    class Own(process.ProcessReader): ...

    patched = monkey.MonkeyPatcher((_posixstdio.process, "ProcessReader", Own))
    patched.patch()
    print(type(Pair().connect(Teller())._reader).__name__)
    patched.restore()
    with mock.patch("twisted.internet._posixstdio.process.ProcessWriter"):
        print(type(Pair().connect(Teller())._writer).__name__)
    for name in ("ProcessReader", "ProcessWriter"):
        print(name, getattr(process, name).__module__, isinstance(getattr(process, name), type))
    transport = Pair().connect(Teller())
    print(isinstance(transport._reader, _posixstdio.process.ProcessReader))
    print(isinstance(transport._writer, _posixstdio.process.ProcessWriter))


def full_device():
    """Nothing can be written: told, not raised."""
    pair = Pair()
    with open("/dev/full", "wb", buffering=0) as full:
        proto = Half()
        stdio.StandardIO(proto, pair.stdin, full.fileno())
        proto.transport.write(DATA)
        common.later(0.1, os.close, pair.to)
        common.later(0.2, reactor.stop)
        common.run()


def closed():
    """A descriptor that is closed: at once, or behind its back."""
    pair = Pair()
    reactor.iterate(0)  # it has its own descriptors now, and takes no number of these
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    for stdin, stdout in ((pair.stdin, writer), (reader, pair.stdout)):
        try:
            stdio.StandardIO(Teller(), stdin, stdout)
        except OSError as problem:
            print(problem)


def own_classes():
    """A StandardIO of one's own, replaced methods, and classes in the place of Twisted's."""

    class Own(stdio.StandardIO):
        def childDataReceived(self, fd, data):
            print("own", fd, data)
            super().childDataReceived(fd, data.upper())

    def once(make, change=lambda transport: None):
        pair = Pair()
        proto = Teller()
        transport = pair.connect(proto, make)
        change(transport)
        os.write(pair.to, b"hello")
        for _ in range(5):
            reactor.iterate(0.01)
        transport.write(b"answer")
        for _ in range(5):
            reactor.iterate(0.01)
        print(proto.received, os.read(pair.out, 100))
        reactor.removeAll()

    once(Own)

    def instance_method(transport):
        transport.childDataReceived = lambda fd, data: print("instance", fd, data)

    once(stdio.StandardIO, instance_method)

    def reader_method(transport):
        transport._reader.dataReceived = lambda data: print("reader", data)

    once(stdio.StandardIO, reader_method)

    def replaced_io(transport):
        read, write = transport._reader.doRead, transport._writer.writeSomeData

        def doRead():
            print("own doRead")
            return read()

        def writeSomeData(data):
            print("own writeSomeData", data)
            return write(data)

        transport._reader.doRead, transport._writer.writeSomeData = doRead, writeSomeData

    once(stdio.StandardIO, replaced_io)

    class Reader(process.ProcessReader):
        def dataReceived(self, data):
            print("own reader", data)
            super().dataReceived(data)

    stock = process.ProcessReader
    process.ProcessReader = Reader
    once(stdio.StandardIO)
    process.ProcessReader = stock

    stock_read = process.ProcessReader.doRead

    def doRead(self):
        print("class doRead")
        return stock_read(self)

    process.ProcessReader.doRead = doRead
    once(stdio.StandardIO)
    process.ProcessReader.doRead = stock_read
    once(stdio.StandardIO)


def released():
    """Transports and their pipes go away when they have ended."""
    seen = []
    for _ in range(10):
        pair = Pair()
        proto = protocol.Protocol()
        transport = pair.connect(proto)
        seen += map(weakref.ref, (transport, transport._reader, transport._writer, proto))
        os.write(pair.to, b"hello")
        transport.write(b"world")
        for _ in range(3):
            reactor.iterate(0.01)
        transport.loseConnection()
        for _ in range(3):
            reactor.iterate(0.01)
        for fd in (pair.stdin, pair.stdout, pair.to, pair.out):
            os.close(fd)
    del transport, proto
    gc.collect()
    print("alive", sum(ref() is not None for ref in seen), "of", len(seen))
    # And those that nobody closed, once the reactor is rid of them.
    seen = []
    for _ in range(10):
        pair = Pair()
        transport = pair.connect(protocol.Protocol())
        transport.protocol.back = transport
        transport.write(b"never sent")
        seen += map(weakref.ref, (transport, transport._reader, transport._writer))
        reactor.removeAll()
    del transport
    for _ in range(3):
        reactor.iterate(0.01)
    gc.collect()
    print("alive", sum(ref() is not None for ref in seen), "of", len(seen))


common.log_errors()
globals()[sys.argv[1]]()
