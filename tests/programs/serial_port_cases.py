"""Serial ports over pseudo-terminals: ``serial_port_cases.py CASE`` tells what is heard."""

import contextlib
import gc
import os
import pty
import sys
import tty
import weakref

import common
from twisted.internet import protocol, reactor, serialport
from twisted.protocols.basic import Int16StringReceiver
from twisted.python import context, log

before = common.open_descriptors_before()
MIB = 1024 * 1024


class Teller(protocol.Protocol):
    """Collects what comes, and tells of the end."""

    received = b""

    def dataReceived(self, data):
        self.received += data

    def connectionLost(self, reason):
        print("lost", reason.type.__name__, self.received)
        if reactor.running:
            reactor.stop()


def opened(proto, make=None):
    """A port for `proto`, and the descriptor of the line's other end."""
    main, other = pty.openpty()
    tty.setraw(main)
    tty.setraw(other)
    port = (make or serialport.SerialPort)(proto, os.ttyname(other), reactor, baudrate=115200)
    os.close(other)
    return port, main


def turn(times=5):
    for _ in range(times):
        reactor.iterate(0.01)


def lines():
    """Its settings and its queues, and where it is a FileDescriptor."""
    port, main = opened(Teller())
    print(type(port).__name__, type(port).__module__, isinstance(port, serialport.BaseSerialPort))
    print(port.connected, port.disconnecting, port.fileno() == port._serial.fd)
    os.write(main, b"flushed")
    port.pauseProducing()
    common.until(lambda: port.inWaiting() == 7)
    print(port.inWaiting())
    port.flushInput()
    port.resumeProducing()
    os.write(main, b"kept")
    common.until(lambda: port.protocol.received)
    print(port._serial.baudrate, port.protocol.received)
    port.write(b"answer")
    turn()
    print(os.read(main, 100), port.writeSomeData(memoryview(b"at once")), os.read(main, 100))
    for call in (lambda: port.write("text"), port.getHost, lambda: port.writeSomeData("text")):
        try:
            call()
        except Exception as problem:
            print(type(problem).__name__)
    port.loseConnection()
    turn()
    try:
        print(port.fileno())
    except Exception as problem:
        print(type(problem).__name__, problem)
    os.close(main)


def strings():
    """A framing over it."""

    class Strings(Int16StringReceiver):
        def stringReceived(self, string):
            print("string", string)
            strings.append(string)
            self.sendString(string[::-1])

    strings = []
    port, main = opened(Strings())
    os.write(main, b"\x00\x05hello\x00\x03ab")
    common.until(lambda: strings)
    os.write(main, b"c")
    common.until(lambda: len(strings) == 2)
    turn()
    print(b"".join(os.read(main, 1) for _ in range(12)))
    port.loseConnection()
    turn()
    os.close(main)


def own_classes():
    """Subclasses and replaced methods."""

    class Own(serialport.SerialPort):
        def __init__(self, *args, **kwargs):
            print("own __init__")
            super().__init__(*args, **kwargs)

        def doRead(self):
            print("own doRead")
            return super().doRead()

        def writeSomeData(self, data):
            print("own writeSomeData", data)
            return super().writeSomeData(data[:3])

        def logPrefix(self):
            return "own prefix"

        def connectionLost(self, reason):
            print("own connectionLost")
            super().connectionLost(reason)

    class Prefixed(Teller):
        def dataReceived(self, data):
            super().dataReceived(data)
            print("context", context.get(log.ILogContext)["system"])

    def once(make, change=lambda port: None):
        port, main = opened(Prefixed(), make)
        change(port)
        os.write(main, b"hello")
        common.until(lambda: port.protocol.received)
        port.write(b"answer")
        turn()
        print(port.protocol.received, b"".join(os.read(main, 1) for _ in range(6)))
        port.loseConnection()
        turn()
        os.close(main)

    once(Own)
    once(serialport.SerialPort)

    def change(port):
        read, write = port.doRead, port.writeSomeData

        def doRead():
            print("instance doRead")
            return read()

        def writeSomeData(data):
            print("instance writeSomeData", data)
            return write(data)

        port.doRead, port.writeSomeData = doRead, writeSomeData

    once(serialport.SerialPort, change)

    stock_read = serialport.SerialPort.doRead

    def doRead(self):
        print("class doRead")
        return stock_read(self)

    serialport.SerialPort.doRead = doRead
    once(serialport.SerialPort)


def opened_anew(same_number=False):
    """Closed and opened again by its owner, as to change the device."""
    proto = Teller()
    port, main = opened(proto)
    fill = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]  # all lower numbers are taken
    os.write(main, b"first ")
    common.until(lambda: proto.received)
    port.stopReading()
    number = port.fileno()
    port._serial.close()
    if not same_number:
        fill += [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
    port._serial.open()
    print("same number", port.fileno() == number)
    port.startReading()
    os.write(main, b"second")
    common.until(lambda: proto.received == b"first second")
    port.write(b"answer")
    turn()
    print(proto.received, os.read(main, 100))
    port.loseConnection()
    turn()
    for fd in fill:
        os.close(fd)
    os.close(main)


def opened_anew_while_reading():
    """Closed and opened again without a stopReading; startReading takes the new number."""
    proto = Teller()
    port, main = opened(proto)
    os.write(main, b"first ")
    common.until(lambda: proto.received)
    fill = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
    port._serial.close()
    fill += [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
    port._serial.open()
    port.startReading()
    os.write(main, b"second")
    common.until(lambda: proto.received == b"first second")
    print(proto.received)
    port.loseConnection()
    turn()
    for fd in (*fill, main):
        os.close(fd)


def own_watching():
    """A subclass or an instance that does more where it starts and stops."""
    heard = []

    class Own(serialport.SerialPort):
        def startReading(self):
            heard.append("read")
            super().startReading()

        def stopReading(self):
            heard.append("do not read")
            super().stopReading()

        def startWriting(self):
            heard.append("write")
            super().startWriting()

        def stopWriting(self):
            heard.append("written")
            super().stopWriting()

    def through(port, main):
        port.write(b"answer")
        turn()
        print(os.read(main, 100), heard)
        port.pauseProducing()
        port.resumeProducing()
        port.loseConnection()
        turn()
        print(heard)
        heard.clear()
        os.close(main)

    through(*opened(Teller(), Own))
    port, main = opened(Teller())

    def stopWriting():
        heard.append("instance")
        print("context", context.get(log.ILogContext)["system"])
        type(port).stopWriting(port)

    port.stopWriting, port.logPrefix = stopWriting, lambda: "its own"
    through(port, main)


def own_attribute():
    """Named as ours of connections; it is the program's."""
    proto = Teller()
    port, main = opened(proto)
    print(hasattr(port, "socket"))
    port.socket = "mine"
    os.write(main, b"hello")
    common.until(lambda: proto.received == b"hello")
    print(port.socket, proto.received)
    del port.socket
    print(hasattr(port, "socket"))
    os.write(main, b" again")
    common.until(lambda: proto.received == b"hello again")
    print(proto.received)
    port.loseConnection()
    turn()
    os.close(main)


def opened_anew_on_the_same_number():
    opened_anew(same_number=True)


def hang_up(prepare, after=lambda port: None):
    proto = Teller()
    port, main = opened(proto)
    prepare(port)
    turn()
    os.close(main)
    after(port)
    common.run()


def hang_up_idle():
    hang_up(lambda port: None)


def hang_up_writing():
    hang_up(lambda port: port.write(b"x" * MIB))


def hang_up_paused():
    """Not heard of until it reads again."""

    def after(port):
        common.later(0.2, print, "still open")
        common.later(0.3, port.resumeProducing)

    hang_up(lambda port: port.pauseProducing(), after)


def hang_up_paused_then_writing():
    hang_up(lambda port: port.pauseProducing(), lambda port: common.later(0.3, port.write, b"x"))


def lose_in_callback():
    """Closed in the middle of what comes, with an answer queued."""

    class Closing(Teller):
        def dataReceived(self, data):
            super().dataReceived(data)
            self.transport.write(b"good bye")
            self.transport.loseConnection()

    port, main = opened(Closing())
    os.write(main, b"first")
    common.until(lambda: port.disconnected)
    print(os.read(main, 100))
    os.close(main)


def callback_raises():
    class Raising(Teller):
        def dataReceived(self, data):
            raise RuntimeError("out of dataReceived")

    port, main = opened(Raising())
    os.write(main, b"first")
    common.until(lambda: port.disconnected)
    os.close(main)


def producer():
    """Paused, resumed, and all arrives."""
    counts = {"paused": 0, "resumed": 0, "sent": 0}
    port, main = opened(Teller())
    os.set_blocking(main, False)

    class Producer:
        def resumeProducing(self):
            counts["resumed"] += 1
            self.running = True
            while self.running and counts["sent"] < 16:
                counts["sent"] += 1
                port.write(b"%x" % (counts["sent"] - 1) * 16384)
            if counts["sent"] == 16 and self.running:
                self.running = False
                port.unregisterProducer()

        def pauseProducing(self):
            counts["paused"] += 1
            self.running = False

        def stopProducing(self):
            print("stopped")

    ours = Producer()
    port.registerProducer(ours, True)
    ours.resumeProducing()
    taken = b""
    while len(taken) < 16 * 16384:
        reactor.iterate(0.001)
        with contextlib.suppress(BlockingIOError):
            taken += os.read(main, 65536)
    print("intact", taken == b"".join(b"%x" % n * 16384 for n in range(16)))
    print("paused", counts["paused"] > 0, "resumed", counts["resumed"] > 1)
    port.loseConnection()
    turn()
    os.close(main)


def released():
    """Ports go away when they have ended."""
    seen = []
    for _ in range(10):
        port, main = opened(protocol.Protocol())
        seen.append(weakref.ref(port))
        os.write(main, b"hello")
        port.write(b"world")
        turn(2)
        port.loseConnection()
        turn(2)
        os.close(main)
    del port
    gc.collect()
    print("alive", sum(ref() is not None for ref in seen), "of", len(seen))


common.log_errors()
globals()[sys.argv[1]]()
print("left open:", common.open_descriptors() - before)
