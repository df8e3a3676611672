"""Many datagrams wait when a UDP port is told to read; what it does in the middle of them."""

import socket
import sys

import common
from twisted.internet import protocol, reactor
from twisted.python import log

common.log_errors()
WHAT = sys.argv[1]


class Receiver(protocol.DatagramProtocol):
    events = 0
    inside = False

    def datagramReceived(self, data, addr):
        name = data.decode()
        system = self.log_system()
        print("received", name[:20], len(name), addr == here, system, self.transport.connected)
        if name == "3":
            getattr(self, WHAT)()
        print("done with", name[:20])

    def log_system(self):
        from twisted.python import context

        return context.get(log.ILogContext)["system"]

    # ---- what may happen while others wait ----

    def nothing(self):
        pass

    def stop_listening(self):
        self.transport.stopListening().addCallback(lambda ignored: print("stopped"))

    def lose_at_once(self):
        self.transport.connectionLost()

    def stop_and_start_reading(self):
        self.transport.stopReading()
        common.later(0.05, self.transport.startReading)

    def pause(self):
        self.transport.pauseProducing()

    def iterate(self):
        for _ in range(3):
            reactor.iterate(0)
        print("iterated")

    def iterate_and_wait(self):
        reactor.callLater(0.2, print, "timed call")
        for _ in range(3):
            reactor.iterate(0.3)
        print("iterated")

    def iterate_while_stopped(self):
        self.transport.stopReading()
        for _ in range(3):
            reactor.iterate(0.01)
        self.transport.startReading()
        print("iterated")

    def read_again(self):
        self.transport.doRead()
        print("read")

    def raise_error(self):
        raise RuntimeError("in datagramReceived")

    def raise_exit(self):
        raise SystemExit("in datagramReceived")

    def switch_protocol(self):
        self.transport.protocol = other

    def replace_method(self):
        self.datagramReceived = lambda data, addr: print("replaced", data)

    def cut_shorter(self):
        self.transport.maxPacketSize = 1

    def take_longer(self):
        self.transport.maxPacketSize = 100_000

    def read_up_to_a_float(self):
        self.transport.maxThroughput = 1e6

    def read_without_end(self):
        self.transport.maxThroughput = 10**30

    def send_to_itself(self):
        self.transport.write(b"from itself", here)
        reactor.callLater(0, print, "timed call")

    def close_and_reuse(self):
        """Another socket gets the number of the descriptor."""
        number = self.transport.fileno()
        self.transport.socket.close()
        others.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        print("reused", others[0].fileno() == number)
        others[0].bind(("127.0.0.1", 0))
        others[0].sendto(b"not for the port", others[0].getsockname())
        others[0].setblocking(False)

    def second_port(self):
        """Another port gets its turn in an iteration."""
        ports.append(reactor.listenUDP(0, Other(), interface="127.0.0.1"))
        where = ("127.0.0.1", ports[1].getHost().port)
        for number in range(3):
            sender.sendto(b"second %d" % number, where)
        reactor.iterate(0.05)
        print("iterated")

    def connect(self):
        self.transport.connect(*here)


class Other(protocol.DatagramProtocol):
    def datagramReceived(self, data, addr):
        print("other received", data)


def begin():
    global here
    here = sender.getsockname()
    target = ("127.0.0.1", ports[0].getHost().port)
    for number in range(60 if WHAT == "nothing" else 8):
        sender.sendto(b"%d" % number, target)
        if number == 4:
            sender.sendto(b"", target)
            sender.sendto(b"long" * 10, target)
    common.later(0.15, finish)


def finish():
    transport = ports[0]
    print("connected", transport.connected, "reading", transport in reactor.getReaders())
    for skt in others:
        print("left alone", skt.recv(100))
        skt.close()
    if transport.connected and not others:
        transport.stopListening()
    common.later(0.05, reactor.stop)


other = Other()
others = []
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind(("127.0.0.1", 0))
ports = [reactor.listenUDP(0, Receiver(), interface="127.0.0.1", maxPacketSize=16)]
if sys.argv[2:] == ["throughput"]:
    ports[0].maxThroughput = 1
reactor.callWhenRunning(begin)
common.run()
