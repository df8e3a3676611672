"""UNIX ports: abstract names, lock files, modes, adopted sockets, and what is not there."""

import os
import socket
import stat

import common
from twisted.internet import error, protocol, reactor
from twisted.internet.interfaces import IUNIXTransport
from twisted.python import log

folder = common.folder()
path = os.path.join(folder, "socket")


def shown(value):
    return repr(value).replace(folder, "FOLDER").replace(str(os.getpid()), "PID")


def observe(event):
    text = log.textFromEventDict(event)
    if "starting on" in text or "Closed" in text or event["isError"]:
        print("logged", event["system"], "|", shown(text))


log.addObserver(observe)


class Echo(protocol.Protocol):
    def connectionMade(self):
        transport = self.transport
        print("host", shown(transport.getHost()), "peer", shown(transport.getPeer()))
        print(shown(transport), shown(transport.logstr), IUNIXTransport.providedBy(transport))
        transport.setTcpNoDelay(True)
        print(transport.getTcpNoDelay(), transport.getHandle().family.name)

    def dataReceived(self, data):
        self.transport.write(data)

    def connectionLost(self, reason):
        print("server lost", reason.type.__name__, "#", self.transport.sessionno)


class Client(protocol.Protocol):
    def connectionMade(self):
        print("client", shown(self.transport.getHost()), shown(self.transport.getPeer()))
        self.transport.write(b"hello")

    def dataReceived(self, data):
        print("client received", data)
        self.transport.loseConnection()

    def connectionLost(self, reason):
        print("client lost", reason.type.__name__)


class Factory(protocol.ClientFactory):
    noisy = False

    def __init__(self, make):
        self.protocol = make

    def clientConnectionFailed(self, connector, reason):
        print("failed", shown(reason.value), shown(connector.getDestination()))


def attempt(function, *arguments, **options):
    try:
        return function(*arguments, **options)
    except Exception as problem:
        print("refused", type(problem).__name__, shown(str(problem)))


def raw(name, bound=None):
    skt = socket.socket(socket.AF_UNIX)
    if bound is not None:
        skt.bind(bound)
    skt.connect(name)
    return skt


def plain():
    global port
    port = reactor.listenUNIX(path, Factory(Echo), mode=0o600)
    print(shown(port), shown(port.getHost()), oct(stat.S_IMODE(os.stat(path).st_mode)))
    attempt(reactor.listenUNIX, path, Factory(Echo))
    attempt(reactor.listenUNIX, os.path.join(folder, "x" * 200), Factory(Echo))
    reactor.connectUNIX(path, Factory(Client))
    clients.append(raw(path, os.path.join(folder, "client")))
    clients.append(raw(path, b"\0abstract client of %d" % os.getpid()))


def stopped():
    while clients:
        clients.pop().close()
    return port.stopListening().addCallback(
        lambda ignored: print("stopped", shown(port), os.path.exists(path))
    )


def locked():
    global port
    open(path + ".stale", "w").close()
    port = reactor.listenUNIX(path, Factory(Echo), wantPID=True)
    print(sorted(os.listdir(folder)), os.readlink(path + ".lock") == str(os.getpid()))
    attempt(reactor.listenUNIX, path, Factory(Echo), wantPID=True)
    reactor.connectUNIX(path, Factory(Client), checkPID=True)


def unlocked():
    print(sorted(os.listdir(folder)))
    attempt(reactor.connectUNIX, path, Factory(Client), checkPID=True)
    reactor.connectUNIX(path, Factory(Client))
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(path)
    stale.close()
    reactor.connectUNIX(path, Factory(Client))


def abstract():
    global port
    os.remove(path)
    name = f"\0pyreactor test {os.getpid()}"
    port = reactor.listenUNIX(name, Factory(Echo))
    print(port.getHost().name == name.encode())
    reactor.connectUNIX(name, Factory(Quiet))


class Quiet(Client):
    def connectionMade(self):
        self.transport.write(b"to an abstract name")


class QuietEcho(Echo):
    def connectionMade(self):
        pass


def adopted_port():
    global port
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    listener.setblocking(False)
    port = reactor.adoptStreamPort(listener.fileno(), socket.AF_UNIX, Factory(Echo))
    listener.close()
    print(shown(port))
    reactor.connectUNIX(path, Factory(Client))


def adopted_connection():
    global other
    ours, other = socket.socketpair(socket.AF_UNIX)
    ours.setblocking(False)
    transport = reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, Factory(Echo))
    ours.close()
    other.sendall(b"adopted")
    common.later(0.05, lambda: print(other.recv(100)))
    common.later(0.1, other.close)
    print(shown(transport))


def crowded():
    """More clients than the backlog takes while nobody accepts."""
    global port
    port = reactor.listenUNIX(path, Factory(QuietEcho), backlog=1)
    port.stopReading()
    for _ in range(4):
        reactor.connectUNIX(path, Factory(QuietClient), timeout=0.05)
    common.later(0.1, port.startReading)
    # By one call: two might come due in one turn of the reactor, or in two.
    common.later(0.15, lose_quiet_clients)


class QuietClient(Client):
    def connectionMade(self):
        print("client connected")
        quiet_clients.append(self)


def lose_quiet_clients():
    for client in quiet_clients:
        client.transport.loseConnection()


steps = [
    *(plain, stopped, locked, stopped, unlocked, abstract, stopped),
    *(adopted_port, stopped, adopted_connection, crowded, stopped),
]


def proceed():
    if not steps:
        reactor.stop()
        return
    step = steps.pop(0)
    print("--", step.__name__)
    step()
    common.later(0.3 if step is crowded else 0.1, proceed)


clients, quiet_clients = [], []
before = common.descriptors()
try:
    reactor.adoptStreamPort(0, 12345, Factory(Echo))
except error.UnsupportedAddressFamily as problem:
    print(repr(problem))
reactor.callWhenRunning(proceed)
common.run()
print("descriptors left", len(common.descriptors() - before), os.listdir(folder))
