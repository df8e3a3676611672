"""Datagrams over UNIX sockets: named, abstract and unnamed peers, connected ports, errors."""

import os
import socket
import stat

import common
from twisted.internet import protocol, reactor
from twisted.python import log

common.log_errors()
folder = common.folder()


def shown(value):
    return repr(value).replace(folder, "FOLDER").replace(str(os.getpid()), "PID")


def observe(event):
    text = log.textFromEventDict(event)
    if "starting on" in text or "Closed" in text:
        print("logged", event["system"], "|", shown(text))


log.addObserver(observe)


class Echo(protocol.DatagramProtocol):
    def datagramReceived(self, data, addr):
        print("received", data[:20], len(data), "from", shown(addr), self.transport.logPrefix())
        if data == b"raise":
            raise RuntimeError("in datagramReceived")
        if addr is not None and not data.startswith(b"answer"):
            print("answered", self.transport.write(b"answer to " + data[:20], addr))

    def stopProtocol(self):
        print("stopped")


class Client(protocol.ConnectedDatagramProtocol):
    def startProtocol(self):
        print("client started", shown(self.transport.getPeer()), shown(self.transport.getHost()))
        for data in (b"", b"hello", b"x" * 10_000, bytearray(b"array"), memoryview(b"view")):
            print("sent", attempt(self.transport.write, data))
        attempt(self.transport.write, "text")
        attempt(self.transport.write, b"x" * 10_000_000)
        attempt(self.transport.write, b"surplus", b"argument")

    def datagramReceived(self, data):
        print("client received", data[:20], len(data))
        if data == b"answer to hello":
            raise RuntimeError("in the client's datagramReceived")

    def connectionFailed(self, reason):
        print("client failed", reason.type.__name__)

    def connectionRefused(self):
        print("client refused")


def attempt(function, *arguments, **options):
    try:
        return function(*arguments, **options)
    except Exception as problem:
        print(type(problem).__name__, shown(str(problem))[:200])


def path(name):
    return os.path.join(folder, name)


def named():
    port = reactor.listenUNIXDatagram(path("server"), Echo(), maxPacketSize=9000, mode=0o600)
    ports.append(port)
    print(shown(port), shown(port.getHost()), oct(stat.S_IMODE(os.stat(path("server")).st_mode)))
    attempt(reactor.listenUNIXDatagram, path("server"), Echo())
    client = reactor.connectUNIXDatagram(path("server"), Client(), bindAddress=path("client"))
    ports.append(client)
    print(shown(client))


def unnamed():
    ports.append(reactor.connectUNIXDatagram(path("server"), Client()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as skt:
        skt.sendto(b"plain", path("server"))
        skt.sendto(b"raise", path("server"))
        skt.sendto(b"", path("server"))


def abstract():
    name = b"\0pyreactor %d" % os.getpid()
    ports.append(reactor.listenUNIXDatagram(name.decode(), Echo()))
    ports.append(reactor.listenUNIXDatagram("", Echo()))
    print("sent", ports[-1].write(b"from an unnamed port", name))
    print("sent", ports[0].write(b"from a named port", name))
    print("sent", ports[0].write(b"as text", name.decode()))


def errors():
    port = ports[0]
    for address in (
        "",
        path("nobody"),
        os.fsencode(path("nobody")),
        path("x" * 200),
        None,
        7,
        ("a", 1),
    ):
        attempt(port.write, b"data", address)
    attempt(port.write, b"x" * 10_000_000, path("server"))
    attempt(port.write, "text", path("server"))
    attempt(port.write, b"one argument")
    print("by name", attempt(port.write, datagram=b"by name", address=path("server")))
    attempt(reactor.connectUNIXDatagram, path("nobody"), Client())
    attempt(reactor.listenUNIXDatagram, path("y" * 200), Echo())


def full():
    """A peer that does not read: what is too much is dropped."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as skt:
        skt.bind(path("full"))
        answers = [ports[0].write(b"much", path("full")) for _ in range(5000)]
        print("taken", answers[0], "dropped", answers[-1])
        client = reactor.connectUNIXDatagram(path("full"), protocol.ConnectedDatagramProtocol())
        print("dropped", client.write(b"more"))
    print("to who has gone", attempt(client.write, b"more"))
    ports.append(client)


def refused():
    skt = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    skt.bind(path("gone"))
    client = reactor.connectUNIXDatagram(path("gone"), Client())
    skt.close()
    print("to who has gone", attempt(client.write, b"more"))
    ports.append(client)


ports = []
STEPS = [named, unnamed, abstract, errors, full, refused]


def proceed():
    if STEPS:
        step = STEPS.pop(0)
        print("--", step.__name__)
        step()
        common.later(0.1, proceed)
        return
    for port in ports:
        port.stopListening().addCallback(lambda ignored: print("port stopped"))
    common.later(0.05, reactor.stop)


before = common.descriptors()
reactor.callWhenRunning(proceed)
common.run()
print("descriptors left", len(common.descriptors() - before), sorted(os.listdir(folder)))
