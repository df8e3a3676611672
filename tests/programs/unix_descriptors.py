"""Descriptors passed over UNIX sockets: to who takes them, who does not, and too many."""

import os
import socket

import common
from twisted.internet import interfaces, protocol, reactor
from twisted.python import log
from zope.interface import implementer


def observe(event):
    text = log.textFromEventDict(event)
    if "file descriptor" in text or "ancillary" in text or event["isError"]:
        print("logged", event["system"], "|", text.replace(path, "PATH").partition("\n")[0])


def pipe_with(data):
    """The read end of a pipe that has `data` in it."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    return reading


@implementer(interfaces.IFileDescriptorReceiver)
class Taking(protocol.Protocol):
    name = "taking"
    received = b""

    def fileDescriptorReceived(self, descriptor):
        print(self.name, "got", os.read(descriptor, 100), "after", self.received)
        os.close(descriptor)

    def dataReceived(self, data):
        self.received += data
        if self.received.endswith(b"."):
            print(self.name, "received", self.received)
            self.over()

    def over(self):
        self.transport.loseConnection()

    def connectionLost(self, reason):
        print(self.name, "lost", reason.type.__name__)


class Refusing(protocol.Protocol):
    received = b""

    def dataReceived(self, data):
        self.received += data
        if self.received.endswith(b"."):
            print("refusing received", self.received)
            for number in range(3):
                descriptor = pipe_with(b"back %d" % number)
                self.transport.sendFileDescriptor(descriptor)
                common.later(0.1, os.close, descriptor)
            self.transport.writeSequence([b"an", b"sw", b"er", b"."])

    def connectionLost(self, reason):
        print("refusing lost", reason.type.__name__)


class Sending(Taking):
    """Sends one with its data, 20 with more of it, and then more than it has data for."""

    name = "sending"

    def connectionMade(self):
        self.send(1)
        self.transport.write(b"one ")
        common.later(0.1, self.many)

    def many(self):
        self.send(20)
        self.transport.write(b"x" * 30 + b".")

    def send(self, count):
        for number in range(count):
            descriptor = pipe_with(b"%d of %d" % (number, count))
            self.transport.sendFileDescriptor(descriptor)
            common.later(0.1, os.close, descriptor)

    def connectionLost(self, reason):
        Taking.connectionLost(self, reason)
        common.later(0.1, begin_next)


class SendingOne(Sending):
    def connectionMade(self):
        self.send(1)
        self.transport.write(b"one ")


class Overrunning(Sending):
    name = "overrunning"

    def connectionMade(self):
        common.later(0.05, self.overrun)

    def overrun(self):
        self.send(2)
        self.transport.write(b"1")


@implementer(interfaces.IPushProducer)
class Producer:
    def pauseProducing(self):
        print("paused")

    def resumeProducing(self):
        print("resumed")

    def stopProducing(self):
        print("stopped")


class Producing(Sending):
    """Has a producer, which many descriptors pause, though they come with few bytes."""

    name = "producing"

    def connectionMade(self):
        self.transport.registerProducer(Producer(), True)
        for _ in range(66):
            self.transport.sendFileDescriptor(0)
        self.transport.write(b"y" * 70 + b".")


class Raising(Taking):
    name = "raising"

    def fileDescriptorReceived(self, descriptor):
        os.close(descriptor)
        raise RuntimeError("not wanted")


class Credited(Taking):
    """Is told who writes, which comes as control data, also with the end of the stream."""

    name = "credited"

    def connectionMade(self):
        self.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def over(self):
        pass


class Closing(Sending):
    name = "closing"

    def connectionMade(self):
        common.later(0.05, self.close)

    def close(self):
        self.send(1)
        self.transport.write(b"one.")
        self.transport.loseConnection()


class WithoutRoom(Credited):
    """Has no room for bytes: what comes beside them is taken, and that is the end."""

    name = "without room"

    def connectionMade(self):
        self.transport.bufferSize = 0


class Counting(Taking):
    name = "counting"
    count = 0

    def fileDescriptorReceived(self, descriptor):
        os.close(descriptor)
        self.count += 1

    def over(self):
        print("counted", self.count)
        Taking.over(self)


path = ""
ports = []
log.addObserver(observe)
rounds = [
    (Taking, Sending),
    (Refusing, Sending),
    (Raising, SendingOne),
    (Credited, Closing),
    (WithoutRoom, SendingOne),
    (Counting, Producing),
    (Taking, Overrunning),
]


def begin_next():
    """Stopped before the port is closed, the reactor would leave it open."""
    if ports:
        ports.pop().stopListening().addCallback(lambda ignored: begin_round())
    else:
        begin_round()


def begin_round():
    global path
    if not rounds:
        reactor.stop()
        return
    server, client = rounds.pop(0)
    print("--", server.__name__, client.__name__)
    port = common.listen(server)
    path = os.path.dirname(os.fsdecode(port.getHost().name))
    common.connect(port, client)
    ports.append(port)


before = common.descriptors()
reactor.callWhenRunning(begin_next)
common.run()
print("descriptors left", len(common.descriptors() - before))
