"""
What another thread does to a sleeping reactor takes effect at once.

An error by Twisted's rules that the stock reactor forgives: the kernel's queue is changed under
the sleeper's feet.  The argument says what the thread does.  Nothing else happens meanwhile, so
what goes unnoticed ends in the message of the alarm clock.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from twisted.internet import protocol, reactor

what = sys.argv[1]
UNIX = "./socket"
#: Sockets that are closed at the end.
keep: list[socket.socket] = []


def finish(*text: object) -> None:
    print(*text, flush=True)
    reactor.callFromThread(reactor.stop)


def in_thread(work: Callable[[], Any]) -> None:
    """Have `work` done by a thread, when the reactor sleeps."""

    def run() -> None:
        time.sleep(0.3)
        work()

    threading.Thread(target=run, daemon=True).start()


class Peer:
    """The other end of a connection: a thread with a blocking socket."""

    def __init__(self, address: Any) -> None:
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.connect(address)
        keep.append(self.socket)

    def expect(self, how: str, wanted: bytes) -> None:
        def run() -> None:
            got = b""
            try:
                while len(got) < max(1, len(wanted)):
                    data = self.socket.recv(1000)
                    got += data
                    if not data:
                        break
            except OSError as error:
                finish(how, type(error).__name__)
            else:
                finish(how, got)

        threading.Thread(target=run, daemon=True).start()


class Server(protocol.Protocol):
    def connectionMade(self) -> None:
        transport: Any = self.transport
        if what == "write":
            in_thread(lambda: transport.write(b"hello"))
        elif what == "writeSequence":
            in_thread(lambda: transport.writeSequence([b"hel", b"lo"]))
        elif what == "loseConnection":
            in_thread(transport.loseConnection)
        elif what == "abortConnection":
            in_thread(transport.abortConnection)
        elif what == "resumeProducing":
            transport.pauseProducing()
            in_thread(transport.resumeProducing)
        elif what == "pauseProducing":
            in_thread(self.pause)
        elif what == "registerProducer":
            in_thread(lambda: transport.registerProducer(Producer(transport), False))

    def pause(self) -> None:
        self.transport.pauseProducing()
        peer.socket.send(b"too late")
        time.sleep(0.3)
        # What is paused the reactor does not end as it stops.
        reactor.callFromThread(self.transport.abortConnection)
        finish("nothing was received")

    def dataReceived(self, data: bytes) -> None:
        finish("received", data)


class Producer:
    def __init__(self, transport: Any) -> None:
        self.transport = transport

    def resumeProducing(self) -> None:
        self.transport.unregisterProducer()
        self.transport.write(b"hello")

    def stopProducing(self) -> None:
        pass


class Datagrams(protocol.DatagramProtocol):
    def datagramReceived(self, datagram: bytes, address: Any) -> None:
        finish("datagram", datagram)


class Child(protocol.ProcessProtocol):
    def connectionMade(self) -> None:
        if what == "stdin":
            in_thread(lambda: self.transport.write(b"hello"))
        else:
            in_thread(self.transport.closeStdin)

    def outReceived(self, data: bytes) -> None:
        if data != b"\n":
            finish("child said", data)


class Pipe:
    """A selectable of a program's own."""

    def __init__(self, end: int) -> None:
        self.end = end

    def fileno(self) -> int:
        return self.end

    def logPrefix(self) -> str:
        return "pipe"

    def doRead(self) -> None:
        reactor.removeReader(self)
        finish("readable", os.read(self.end, 100))

    def doWrite(self) -> None:
        reactor.removeWriter(self)
        finish("writable")

    def connectionLost(self, reason: Any) -> None:
        pass


def factory() -> protocol.Factory:
    return protocol.Factory.forProtocol(Server)


def serve() -> Peer:
    if "unix" in sys.argv:
        reactor.listenUNIX(UNIX, factory())
        return Peer(UNIX)
    port = reactor.listenTCP(0, factory(), interface="127.0.0.1")
    return Peer(("127.0.0.1", port.getHost().port))


def listen_late() -> None:
    port = reactor.listenTCP(0, factory(), interface="127.0.0.1")
    Peer(("127.0.0.1", port.getHost().port)).socket.send(b"hello")


def listen_udp_late() -> None:
    port = reactor.listenUDP(0, Datagrams(), interface="127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"hello", ("127.0.0.1", port.getHost().port))


class Client(protocol.Protocol):
    def connectionMade(self) -> None:
        finish("connected")


def connect_late() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    keep.append(listener)
    clients = protocol.ClientFactory.forProtocol(Client)
    reactor.connectTCP("127.0.0.1", listener.getsockname()[1], clients)


closes = {"loseConnection": b"", "abortConnection": b""}
peer: Peer
if what in ("write", "writeSequence", "registerProducer", *closes):
    peer = serve()
    peer.expect(what, closes.get(what, b"hello"))
elif what in ("resumeProducing", "pauseProducing"):
    peer = serve()
    if what == "resumeProducing":
        peer.socket.send(b"hello")
elif what in ("stdin", "closeStdin"):
    code = "import sys; print(flush=True); print(repr(sys.stdin.read(5)), flush=True)"
    program = [sys.executable, "-S", "-c", code]
    reactor.callWhenRunning(lambda: reactor.spawnProcess(Child(), program[0], program))
elif what in ("addReader", "addWriter"):
    ends = os.pipe()
    os.write(ends[1], b"hello")
    if what == "addReader":
        in_thread(lambda: reactor.addReader(Pipe(ends[0])))
    else:
        in_thread(lambda: reactor.addWriter(Pipe(ends[1])))
elif what == "listenTCP":
    in_thread(listen_late)
elif what == "listenUDP":
    in_thread(listen_udp_late)
elif what == "connectTCP":
    in_thread(connect_late)
elif what == "callLater":
    in_thread(lambda: reactor.callLater(0, finish, "called"))
elif what == "reset":
    late = reactor.callLater(300, finish, "called early")
    in_thread(lambda: late.reset(0))
elif what == "stopListening":
    stopped = reactor.listenTCP(0, factory(), interface="127.0.0.1")

    def stop_listening() -> None:
        port = stopped.getHost().port
        done = stopped.stopListening()
        if done is not None:
            done.addCallback(lambda _: reactor.callLater(0, try_to_connect, port))

    def try_to_connect(port: int) -> None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            finish("refused")
        else:
            finish("still listening")

    in_thread(stop_listening)
elif what == "stop":
    in_thread(reactor.stop)


def give_up() -> None:
    print("went unnoticed", flush=True)
    os._exit(1)


alarm = threading.Timer(150, give_up)
alarm.daemon = True
alarm.start()
reactor.run()
for each in keep:
    each.close()
print("ended", flush=True)
