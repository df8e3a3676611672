"""
What the reactor makes: of which of Twisted's classes it is, what it provides, what it has.

For each object: the classes, public and private, of a number of Twisted's modules that it
is an instance of (and its class a subclass of), interfaces, public attributes.
"""

import os
import pty
import tty

import certificates
import common
from twisted.internet import (
    _posixstdio,
    _signals,
    abstract,
    base,
    defer,
    epollreactor,
    error,
    interfaces,
    main,
    posixbase,
    process,
    protocol,
    reactor,
    serialport,
    stdio,
    tcp,
    threads,
    udp,
    unix,
)
from twisted.protocols import basic, policies, tls
from twisted.python import failure, threadpool
from twisted.spread import banana
from zope.interface import providedBy

MODULES = (
    *(_posixstdio, _signals, abstract, base, defer, epollreactor, error, interfaces, main),
    *(posixbase, process, protocol, serialport, stdio, tcp, threads, udp, unix),
    *(basic, policies, tls, failure, threadpool, banana),
)
CLASSES = {
    f"{module.__name__}.{name}": kind
    for module in MODULES
    for name, kind in sorted(vars(module).items())
    if isinstance(kind, type)
    and kind.__module__.startswith("twisted.")
    and not getattr(kind, "_is_protocol", False)
    and not hasattr(kind, "__total__")
}

# What wakes the loop needs no descriptor of Twisted's here.
NO_DESCRIPTOR = {"waker": {"i", "o", "fileno"}}


def show(name, thing):
    kind = type(thing)
    print(f"[{name}]")
    print("  is", *(name for name, cls in CLASSES.items() if isinstance(thing, cls)))
    print("  its class is", *(name for name, cls in CLASSES.items() if issubclass(kind, cls)))
    print("  provides", *sorted({f"{i.__module__}.{i.__name__}" for i in providedBy(thing)}))
    # These are on more transports than in stock, which is a known difference.
    hidden = {"TLS", "logstr", "sessionno"} if isinstance(thing, abstract.FileDescriptor) else set()
    if isinstance(thing, tcp.Connection):
        hidden = set() if isinstance(thing, tcp.Server) else {"sessionno"}
    names = [name for name in dir(thing) if not name.startswith("_") and hasattr(thing, name)]
    print("  has", *sorted({*names} - hidden - NO_DESCRIPTOR.get(name, set())))


class Speaker(protocol.Protocol):
    def connectionMade(self):
        ends.append(self)


def until(condition):
    common.until(condition)
    assert condition()


def show_streams(name, port, connector):
    until(lambda: len(ends) == 2)
    for end in sorted(ends, key=lambda end: isinstance(end.factory, protocol.ClientFactory)):
        side = "client" if isinstance(end.factory, protocol.ClientFactory) else "server"
        show(f"{name} {side}", end.transport)
    show(f"{name} port", port)
    show(f"{name} connector", connector)
    until_closed(port)


def until_closed(port):
    for end in ends:
        end.transport.abortConnection()
    ends.clear()
    port.stopListening()
    for _ in range(5):
        reactor.iterate(0.01)


def server_factory():
    return protocol.Factory.forProtocol(Speaker)


def client_factory():
    return protocol.ClientFactory.forProtocol(Speaker)


def tcp_streams():
    port = reactor.listenTCP(0, server_factory(), interface="127.0.0.1")
    show_streams(
        "tcp", port, reactor.connectTCP("127.0.0.1", port.getHost().port, client_factory())
    )


def unix_streams():
    path = os.path.join(common.folder(), "socket")
    port = reactor.listenUNIX(path, server_factory())
    show_streams("unix", port, reactor.connectUNIX(path, client_factory()))


def tls_streams():
    issued = certificates.issue("localhost")
    port = reactor.listenSSL(0, server_factory(), issued.private().options(), interface="127.0.0.1")
    trusted = certificates.ssl.optionsForClientTLS("localhost", issued.authority())
    connector = reactor.connectSSL("127.0.0.1", port.getHost().port, client_factory(), trusted)
    until(lambda: len(ends) == 2)
    for end in ends:
        show("tls below", end.transport.transport)
    show_streams("tls", port, connector)


def datagram_ports():
    folder = common.folder()
    for name, port in (
        ("udp", reactor.listenUDP(0, protocol.DatagramProtocol())),
        ("multicast", reactor.listenMulticast(0, protocol.DatagramProtocol())),
        ("unix", reactor.listenUNIXDatagram(f"{folder}/a", protocol.DatagramProtocol())),
        (
            "connected unix",
            reactor.connectUNIXDatagram(
                f"{folder}/a", protocol.ConnectedDatagramProtocol(), bindAddress=f"{folder}/b"
            ),
        ),
    ):
        show(f"{name} datagrams", port)


class Child(protocol.ProcessProtocol):
    ended = False

    def processEnded(self, reason):
        self.ended = True


def processes():
    child = Child()
    transport = reactor.spawnProcess(child, "/bin/cat", ["cat"], {})
    show("process", transport)
    for number, pipe in sorted(transport.pipes.items()):
        show(f"pipe {number}", pipe)
    transport.closeStdin()
    until(lambda: child.ended)
    child = Child()
    transport = reactor.spawnProcess(child, "/bin/cat", ["cat"], {}, usePTY=True)
    show("terminal process", transport)
    transport.signalProcess("KILL")
    until(lambda: child.ended)


def standard_io():
    reading, writing = os.pipe(), os.pipe()
    transport = stdio.StandardIO(protocol.Protocol(), stdin=reading[0], stdout=writing[1])
    show("standard io", transport)
    show("standard io reader", transport._reader)
    show("standard io writer", transport._writer)
    os.close(reading[1])
    until(lambda: transport._reader is None)


def serial_ports():
    ours, other = pty.openpty()
    tty.setraw(ours)
    port = serialport.SerialPort(protocol.Protocol(), os.ttyname(other), reactor)
    show("serial port", port)
    port.loseConnection()
    reactor.iterate(0.01)
    os.close(ours)


def deferreds():
    @defer.inlineCallbacks
    def generator():
        yield defer.Deferred()

    async def coroutine():
        await defer.Deferred()

    waiting = defer.Deferred()
    show("Deferred", waiting)
    show("DeferredList", defer.DeferredList([waiting]))
    show("gathered", defer.gatherResults([waiting]))
    show("succeeded", defer.succeed(1))
    failed = defer.fail(ValueError())
    show("failed", failed)
    failed.addErrback(lambda failure: show("failure", failure))
    show("maybe", defer.maybeDeferred(int))
    show("of a generator", generator())
    show("of a coroutine", defer.ensureDeferred(coroutine()))
    show("lock", defer.DeferredLock().acquire())
    show("queue", defer.DeferredQueue().get())


def framings():
    for kind in (
        basic.LineReceiver,
        basic.LineOnlyReceiver,
        basic.Int8StringReceiver,
        basic.Int16StringReceiver,
        basic.Int32StringReceiver,
        basic.NetstringReceiver,
        banana.Banana,
    ):
        show(kind.__name__, kind())


ends = []
show("timed call", reactor.callLater(60, print))
for work in (
    tcp_streams,
    unix_streams,
    tls_streams,
    datagram_ports,
    serial_ports,
    standard_io,
    deferreds,
    framings,
):
    work()
reactor.callWhenRunning(processes)
reactor.callWhenRunning(lambda: show("thread pool", reactor.getThreadPool()))
reactor.callWhenRunning(lambda: show("waker", reactor.waker))
reactor.callWhenRunning(lambda: show("reactor", reactor))
reactor.callWhenRunning(reactor.stop)
reactor.run()
