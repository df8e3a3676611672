"""Many datagrams wait when a connected UNIX port is told to read; what it does with them."""

import errno
import os
import socket
import sys

import common
from twisted.internet import protocol, reactor
from twisted.python import context, log

common.log_errors()
WHAT = sys.argv[1]


class OtherSocket(socket.socket):
    """No plain socket."""


class Receiver(protocol.ConnectedDatagramProtocol):
    def datagramReceived(self, data):
        name = data.decode()
        system = context.get(log.ILogContext)["system"]
        print("received", name[:20], len(name), system, self.transport.connected)
        if name == "3":
            getattr(self, WHAT)()
        print("done with", name[:20])

    def connectionRefused(self):
        print("refused")

    # ---- what may happen while others wait ----

    def nothing(self):
        pass

    def raise_error(self):
        raise RuntimeError("in datagramReceived")

    def raise_interrupt(self):
        raise KeyboardInterrupt("in datagramReceived")

    def raise_refused(self):
        raise ConnectionRefusedError(errno.ECONNREFUSED, "in datagramReceived")

    def raise_refused_twice(self):
        self.connectionRefused = lambda: 1 / 0
        self.raise_refused()

    def raise_again(self):
        raise BlockingIOError(errno.EAGAIN, "in datagramReceived")

    def raise_interrupted(self):
        raise InterruptedError(errno.EINTR, "in datagramReceived")

    def raise_pipe(self):
        raise BrokenPipeError(errno.EPIPE, "in datagramReceived")

    def raise_words(self):
        raise OSError("in datagramReceived")

    def raise_nothing(self):
        raise OSError

    def stop_listening(self):
        self.transport.stopListening().addCallback(lambda ignored: print("stopped"))

    def stop_and_start_reading(self):
        self.transport.stopReading()
        common.later(0.05, self.transport.startReading)

    def shut_socket(self):
        """What waits may still be read, and then the end, again and again."""
        self.transport.socket.shutdown(socket.SHUT_RD)
        self.transport.maxPacketSize = 0
        common.later(0.05, self.transport.stopReading)

    def iterate(self):
        for _ in range(3):
            reactor.iterate(0)
        print("iterated")

    def read_again(self):
        self.transport.doRead()
        print("read")

    def take_itself(self):
        print("took", self.transport.socket.recv(100))

    def switch_protocol(self):
        self.transport.protocol = Other()

    def replace_method(self):
        self.datagramReceived = lambda data: print("replaced", data)

    def cut_shorter(self):
        self.transport.maxPacketSize = 1

    def cut_to_nothing(self):
        self.transport.maxPacketSize = 0

    def take_longer(self):
        self.transport.maxPacketSize = 100_000

    def read_up_to_a_float(self):
        self.transport.maxThroughput = 1e6

    def read_without_end(self):
        self.transport.maxThroughput = 10**30

    def read_up_to_nothing(self):
        self.transport.maxThroughput = "much"

    def change_socket(self):
        old = self.transport.socket
        self.transport.socket = OtherSocket(old.family, old.type, 0, old.detach())

    def connect_elsewhere(self):
        """Which drops what waits, and tells the other end."""
        self.transport.socket.connect(path("other"))

    def lose_peer(self):
        """The other end connects elsewhere: what it did not read is lost, which is an error."""
        self.transport.write(b"never read")
        sender.connect(path("other"))

    def udp_refused(self):
        """What no UNIX socket hears: that nobody listens there; then what there is."""
        transport, old = self.transport, self.transport.socket
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as skt:
            skt.connect(common.unused_address())
            skt.send(b"to nobody")
            skt.setblocking(False)
            transport.socket = skt
            transport.doRead()
            transport.socket = old
        print("read")

    def second_port(self):
        """Another port gets its turn in an iteration."""
        with bound("third") as skt:
            ports.append(reactor.connectUNIXDatagram(path("third"), Other(), bindAddress=path("2")))
            for number in range(3):
                skt.sendto(b"second %d" % number, path("2"))
            reactor.iterate(0.05)
        print("iterated")


class Other(protocol.ConnectedDatagramProtocol):
    def datagramReceived(self, data):
        print("other received", data)


def path(name):
    return os.path.join(folder, name)


def bound(name):
    skt = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    skt.bind(path(name))
    return skt


def begin():
    sender.connect(path("port"))
    sender.setblocking(False)
    for number in range(8):
        sender.send(b"%d" % number)
        if number == 4:
            sender.send(b"")
            sender.send(b"long" * 10)
    common.later(0.15, finish)


def finish():
    for port in ports:
        print("connected", port.connected, "reading", port in reactor.getReaders())
        if port.connected:
            port.stopListening()
    common.later(0.05, reactor.stop)


folder = common.folder()
sender = bound("sender")
other = bound("other")
made = reactor.connectUNIXDatagram(
    path("sender"), Receiver(), maxPacketSize=16, bindAddress=path("port")
)
if sys.argv[2:] == ["throughput"]:
    made.maxThroughput = 1
ports = [made]
reactor.callWhenRunning(begin)
common.run()
