"""What UDP ports refuse, and what goes wrong on the way."""

import re
import socket
import warnings

import common
from twisted.internet import error, protocol, reactor
from twisted.python import log

common.log_errors()


def observe(event):
    text = log.textFromEventDict(event)
    if "starting on" in text or "Closed" in text:
        print("logged", event["system"], "|", re.sub(r"\d+", "NUMBER", text))


log.addObserver(observe)


class Printing(protocol.DatagramProtocol):
    def datagramReceived(self, data, addr):
        print("received", data[:20], len(data), addr == self.transport.getHost())

    def startProtocol(self):
        print("started")

    def stopProtocol(self):
        print("stopped", self.transport)


class Connected(Printing):
    refusals = 0

    def startProtocol(self):
        self.transport.connect("127.0.0.1", self.target)
        print(attempt(self.transport.connect, "127.0.0.1", 1))
        self.transport.write(b"to nobody")
        print(self.transport.write(b"refused by the first's answer"))

    def connectionRefused(self):
        self.refusals += 1
        print("refused", self.refusals)
        if self.refusals < 3:
            self.transport.write(b"again")
        if self.refusals == 2:
            raise RuntimeError("from connectionRefused")


def attempt(function, *arguments, **options):
    try:
        return function(*arguments, **options)
    except Exception as problem:
        return type(problem).__name__, str(problem), type(problem.__context__).__name__


def unconnected():
    port = ports[0]
    host = port.getHost()
    here = ("127.0.0.1", host.port)
    for arguments in (
        (b"",),
        (b"", here),
        (b"x" * 65_507, here),
        (b"x" * 65_508, here),
        (bytearray(b"array"), here),
        (memoryview(b"view")[1:], here),
        ("text", here),
        (None, here),
        (b"name", ("localhost", host.port)),
        (b"name", ("127.1", host.port)),
        (b"null", ("127.0.0.1\0", host.port)),
        (b"lone", ("\ud800", host.port)),
        (b"ipv6", ("::1", host.port)),
        (b"list", ["127.0.0.1", host.port]),
        (b"three", ("127.0.0.1", host.port, 0)),
        (b"bytes", (b"127.0.0.1", host.port)),
        (b"true", ("127.0.0.1", True)),
        (b"port", ("127.0.0.1", 65_536)),
        (b"port", ("127.0.0.1", -1)),
        (b"port", ("127.0.0.1", 10**30)),
        (b"port", ("127.0.0.1", "80")),
        (b"float", ("127.0.0.1", 80.0)),
        (b"broadcast", ("<broadcast>", host.port)),
        (b"broadcast", ("255.255.255.255", host.port)),
        (b"nowhere", ("0.0.0.0", 0)),
        (b"surplus", here, 3),
        (),
    ):
        print(re.sub(r"\d{2,}|0x\w+", "NUMBER", str(arguments)[:60]), end=" ")
        print(attempt(port.write, *arguments))
    print(attempt(port.write, datagram=b"by name", addr=here))
    print(attempt(port.write, b"half by name", addr=here))
    print(attempt(port.writeSequence, [b"se", b"quence"], here))
    print(attempt(port.connect, "localhost", 1))
    print(port.getBroadcastAllowed(), port.setBroadcastAllowed(True), port.getBroadcastAllowed())


def begin():
    ports.append(reactor.listenUDP(0, Printing(), interface="127.0.0.1", maxPacketSize=65_536))
    global number
    number = ports[0].getHost().port
    print(repr(ports[0]).replace(str(number), "NUMBER"))
    unconnected()
    print(attempt(reactor.listenUDP, number, Printing(), interface="127.0.0.1")[0])
    print(attempt(reactor.listenUDP, 0, Printing(), interface="localhost"))
    print(attempt(reactor.adoptDatagramPort, 0, socket.AF_UNIX, Printing()))
    common.later(0.1, closed_peers)


def closed_peers():
    _, Connected.target = common.unused_address()
    ports[0].write(b"to nobody", ("127.0.0.1", Connected.target))
    print(ports[0].write(b"no error", ("127.0.0.1", number)))
    ports.append(reactor.listenUDP(0, Connected(), interface="127.0.0.1"))
    common.later(0.2, refused_by_write)


def refused_by_write():
    Connected.refusals = 10
    first = reactor.listenUDP(0, Connected(), interface="127.0.0.1")
    print(attempt(first.write, b"not to him", ("127.0.0.1", 1)))
    print(attempt(first.write, b"x" * 65_508))
    print(attempt(first.write, "text"))
    print(attempt(first.write, bytearray(b"to him"), None))
    ports.append(first)
    common.later(0.1, finish)


def finish():
    print(ports[1].reactor is reactor, attempt(ports[1].write, b"a"), ports[1].connected)
    ports[0].stopListening().addCallback(lambda ignored: print("stopped", ports[0]))
    with_warning = attempt(ports[2].loseConnection)
    print(with_warning)
    common.later(0.1, after)


def after():
    here = ("127.0.0.1", number)
    print(attempt(ports[0].write, b"closed", here)[:2])
    print(ports[0].stopListening(), isinstance(error.ConnectionDone(), Exception))
    reactor.stop()


ports = []
reactor.callWhenRunning(begin)
warnings.simplefilter("ignore")
common.run()
