"""UDP ports of each kind: IPv6, multicast, adopted, with a log prefix, and with odd sockets."""

import socket

import common
from twisted.internet import defer, protocol, reactor
from twisted.internet.interfaces import IMulticastTransport, IUDPTransport
from twisted.python import context, log

common.log_errors()


class Echo(protocol.DatagramProtocol):
    def datagramReceived(self, data, addr):
        system = context.get(log.ILogContext)["system"]
        known = [port.getHost().port for port in ports if port.connected]
        print(type(self).__name__, "received", data[:10], len(data), addr[0], system)
        print(type(addr).__name__, len(addr), addr[1] in known, self.transport.fileno() > 0)
        if data.startswith(b"ping"):
            print("sent", self.transport.write(b"pong" + data[4:], addr))


class Prefixed(Echo):
    def logPrefix(self):
        return "the prefix"


class Refused(protocol.ConnectedDatagramProtocol):
    pass


def listen(make, **options):
    port = reactor.listenUDP(0, make(), **options)
    ports.append(port)
    return port


def ipv4():
    one = listen(Echo, interface="127.0.0.1")
    two = listen(Prefixed, interface="127.0.0.1", maxPacketSize=7)
    print(one.getHost().type, one.getHost().host, IUDPTransport.providedBy(one))
    print(one.getHandle() is one.socket, one.logstr, two.logPrefix())
    one.write(b"ping at most", ("127.0.0.1", two.getHost().port))
    one.write(b"", ("127.0.0.1", two.getHost().port))


def everywhere():
    one = listen(Echo)
    two = listen(Echo)
    print(one.getHost().host)
    one.write(b"ping", ("127.0.0.1", two.getHost().port))


def ipv6():
    try:
        one = listen(Echo, interface="::1")
    except Exception as problem:
        print("no IPv6", problem)
        return
    two = listen(Prefixed, interface="::1")
    print(one.getHost().type, one.getHost().host, one.addressFamily.name)
    where = two.getHost().port
    for host in (
        "::1",
        "0:0:0:0:0:0:0:1",
        "::1%lo",
        "127.0.0.1",
        "::ffff:127.0.0.1",
        "<broadcast>",
    ):
        attempt(one.write, b"ping", (host, where))
    attempt(one.write, b"ping of four", ("::1", where, 0, 0))
    attempt(one.write, b"x" * 65_527, ("::1", where))
    attempt(one.write, b"x" * 65_528, ("::1", where))


def attempt(function, *arguments):
    try:
        print(arguments[0][:10], arguments[1][0], function(*arguments))
    except Exception as problem:
        print(type(problem).__name__, str(problem)[:60])


def connected():
    one, two = listen(Echo, interface="127.0.0.1"), listen(Echo, interface="127.0.0.1")
    one.connect("127.0.0.1", two.getHost().port)
    for number in range(5):
        print("sent", one.write(b"ping %d" % number))
    print("sent", one.write(b"ping to whom", ("127.0.0.1", two.getHost().port)))
    print("sent", one.write(b"ping to none", None))


def multicast():
    group = "225.0.0.250"
    one = reactor.listenMulticast(0, Echo(), listenMultiple=True)
    number = one.getHost().port
    two = reactor.listenMulticast(number, Prefixed(), listenMultiple=True)
    ports.extend([one, two])
    print(IMulticastTransport.providedBy(one), one.getTTL(), one.getLoopbackMode())
    one.setTTL(3)
    one.setOutgoingInterface("127.0.0.1")
    print(one.getTTL(), one.getOutgoingInterface())
    joined = [port.joinGroup(group, interface="127.0.0.1") for port in (one, two)]
    for deferred in joined:
        deferred.addCallbacks(lambda ignored: print("joined"), lambda f: print(f.value))
    common.later(0.05, one.write, b"to the group", (group, number))
    common.later(0.1, leave, two, group)
    common.later(0.15, one.write, b"to one", (group, number))
    common.later(0.2, silence, one, group, number)


def leave(port, group):
    port.leaveGroup(group, interface="127.0.0.1").addCallback(lambda ignored: print("left"))
    port.leaveGroup(group, interface="127.0.0.1").addErrback(
        lambda failure: print(failure.type.__name__)
    )
    port.joinGroup("127.0.0.1").addErrback(lambda failure: print(failure.type.__name__))


def silence(port, group, number):
    port.setLoopbackMode(0)
    print("loopback", port.getLoopbackMode())
    port.write(b"to nobody", (group, number))


def adopted():
    skt = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    skt.bind(("127.0.0.1", 0))
    skt.setblocking(False)
    one = reactor.adoptDatagramPort(skt.fileno(), socket.AF_INET, Echo(), maxPacketSize=6)
    skt.close()
    two = listen(Echo, interface="127.0.0.1")
    ports.append(one)
    two.write(b"ping adopted", ("127.0.0.1", one.getHost().port))


class Counting(socket.socket):
    received = 0

    def recvfrom(self, size):
        Counting.received += 1
        return socket.socket.recvfrom(self, size)

    def sendto(self, data, addr):
        print("counting sends", data)
        return socket.socket.sendto(self, data, addr)


def odd_socket():
    """A subclass of socket.socket whose methods are replaced is used by them."""
    one, two = listen(Echo, interface="127.0.0.1"), listen(Echo, interface="127.0.0.1")
    one.socket = Counting(socket.AF_INET, socket.SOCK_DGRAM, fileno=one.socket.detach())
    one.fileno = one.socket.fileno
    two.write(b"ping", ("127.0.0.1", one.getHost().port))
    common.later(0.1, lambda: print("recvfrom called", Counting.received))


def replaced_methods():
    one, two = listen(Echo, interface="127.0.0.1"), listen(Prefixed, interface="127.0.0.1")

    def write(data, addr):
        print("replaced write", data)
        return type(one).write(one, data.upper(), addr)

    def do_read():
        print("replaced doRead")
        return type(two).doRead(two)

    one.write, two.doRead = write, do_read
    one.protocol.transport.write(b"hello", ("127.0.0.1", two.getHost().port))
    common.later(0.1, two.write, b"ping", ("127.0.0.1", one.getHost().port))
    two.logPrefix = lambda: "replaced prefix"


def no_memory_of_peers():
    """More peers than are remembered; each gets its own answer, twice."""
    port = listen(Silent, interface="127.0.0.1")
    peers = []
    for _ in range(600):
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(common.GIVE_UP_AFTER)
        peers.append(peer)
    where = ("127.0.0.1", port.getHost().port)
    asked = 0

    def ask():
        """The next 60, which the socket's buffer can hold; then what all of them got."""
        nonlocal asked
        if asked == 1200:
            compare()
            return
        for peer in peers[asked % 600 : asked % 600 + 60]:
            peer.sendto(b"%d" % peer.fileno(), where)
        asked += 60
        port.protocol.after(asked).addCallback(lambda ignored: ask())

    def compare():
        right = sum(peer.recv(100) == peer.recv(100) == b"%d" % peer.fileno() for peer in peers)
        print("right answers", right)
        for peer in peers:
            peer.close()
        done.callback(None)

    done = defer.Deferred()
    ask()
    return done


class Silent(protocol.DatagramProtocol):
    answered = 0

    def after(self, count):
        """A Deferred that fires when so many were answered."""
        self.count, self.waiting = count, defer.Deferred()
        return self.waiting

    def datagramReceived(self, data, addr):
        self.transport.write(data, addr)
        self.answered += 1
        if self.answered == self.count:
            reactor.callLater(0, self.waiting.callback, None)


STEPS = [
    *(ipv4, everywhere, ipv6, connected, multicast, adopted, odd_socket, replaced_methods),
    no_memory_of_peers,
]
ports = []


def proceed():
    while ports:
        port = ports.pop()
        port.stopListening().addCallback(lambda ignored: print("stopped", end=" "))
    if not STEPS:
        common.later(0.1, reactor.stop)
        return
    common.later(0.05, start, STEPS.pop(0))


def start(step):
    print("\n--", step.__name__)
    done = defer.maybeDeferred(step)
    wait = 0.3 if step is multicast else 0.15
    done.addCallback(lambda ignored: common.later(wait, proceed))
    done.addErrback(log.err)


before = common.descriptors()
reactor.callWhenRunning(proceed)
common.run()
print("descriptors left", len(common.descriptors() - before))
