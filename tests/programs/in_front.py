"""Servers behind HAProxy's headers, forwarding and SOCKS, and on sockets that others opened."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import tempfile
from typing import Any

from common import log_errors, run
from twisted.internet import defer, endpoints, protocol, reactor, task
from twisted.protocols import basic, portforward, socks


class Who(basic.LineReceiver):
    """Tells who it talks with."""

    def connectionMade(self) -> None:
        self.factory.made.append(self)

    def lineReceived(self, line: bytes) -> None:
        if line == b"close":
            self.transport.loseConnection()
            return
        peer, host = self.transport.getPeer(), self.transport.getHost()
        shown = [str(peer), str(host)]
        for real in self.factory.hidden:
            shown = [text.replace(str(real), "N") for text in shown]
        self.sendLine(line + b": " + " ".join(shown).encode())

    def connectionLost(self, reason: Any) -> None:
        print("server lost", reason.type.__name__)
        self.factory.lost.append(self)


def who(hidden: Any = ()) -> Any:
    factory = protocol.Factory.forProtocol(Who)
    factory.noisy = False
    factory.made, factory.lost, factory.hidden = [], [], list(hidden)
    return factory


class Raw(protocol.Protocol):
    def __init__(self) -> None:
        self.data = b""
        self.lost: Any = defer.Deferred()
        self.wanted: Any = None

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        self.look()

    def look(self) -> None:
        if self.wanted and self.wanted[0](self.data):
            wanted, self.wanted = self.wanted, None
            wanted[1].callback(self.data)

    def until(self, condition: Any) -> Any:
        waiting: Any = defer.Deferred()
        self.wanted = (condition, waiting)
        self.look()
        return waiting

    def connectionLost(self, reason: Any) -> None:
        self.lost.callback(reason.type.__name__)


async def dial(number: int) -> Any:
    end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", number)
    return await endpoints.connectProtocol(end, Raw())


SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
HEADS = {
    "v1": b"PROXY TCP4 1.2.3.4 5.6.7.8 90 80\r\n",
    "v1 of 6": b"PROXY TCP6 ::1 ::2 90 80\r\n",
    "v1 unknown": b"PROXY UNKNOWN\r\n",
    "v1 bad": b"PROXY TCP9 1.2.3.4 5.6.7.8 90 80\r\n",
    "v1 too long": b"PROXY TCP4 " + b"1" * 200 + b"\r\n",
    "none": b"hello, this is no header\r\n",
    "v2": SIGNATURE + bytes([0x21, 0x11, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 0, 90, 0, 80]),
    "v2 unspecified": SIGNATURE + bytes([0x21, 0x00, 0, 0]),
    "v2 local": SIGNATURE + bytes([0x20, 0x00, 0, 0]),
    "v2 bad": SIGNATURE + bytes([0x31, 0x11, 0, 12]) + b"\0" * 12,
}


async def haproxy() -> None:
    factory = who()
    server = endpoints.serverFromString(reactor, "haproxy:tcp:0:interface=127.0.0.1")
    port = await server.listen(factory)
    number = port.getHost().port
    factory.hidden.append(number)
    for name, head in HEADS.items():
        for step in (0, 1):  # at once, or byte by byte
            client = await dial(number)
            sent = head + b"first\r\nsecond\r\n"
            factory.hidden[1:] = [client.transport.getHost().port]
            client.transport.setTcpNoDelay(True)
            for start in range(0, len(head), 1) if step else ():
                client.transport.write(sent[start : start + 1])
                await task.deferLater(reactor, 0)
            client.transport.write(sent[len(head) if step else 0 :])
            first = await defer.DeferredList(
                [client.until(lambda data: data.count(b"\r\n") == 2), client.lost],
                fireOnOneCallback=True,
            )
            print(name, step, first[1], client.data.decode())
            client.transport.loseConnection()
            if not first[1]:
                await client.lost
    await port.stopListening()
    while len(factory.lost) < len(factory.made):
        await task.deferLater(reactor, 0.01)
    print(len(factory.made))


async def forward() -> None:
    factory = who()
    inner = reactor.listenTCP(0, factory, interface="127.0.0.1")
    proxy = portforward.ProxyFactory("127.0.0.1", inner.getHost().port)
    proxy.noisy = False
    outer = reactor.listenTCP(0, proxy, interface="127.0.0.1")
    client = await dial(outer.getHost().port)
    client.transport.write(b"early\r\n")
    await client.until(lambda data: data.count(b"\r\n") == 1)
    factory.hidden += [inner.getHost().port, factory.made[0].transport.getPeer().port]
    client.transport.write(b"late\r\n")
    await client.until(lambda data: data.count(b"\r\n") == 2)
    print(client.data.partition(b"\r\n")[2].decode())
    client.transport.write(b"close\r\n")
    print("client lost", await client.lost)
    client = await dial(outer.getHost().port)
    client.transport.write(b"x\r\n")
    await client.until(lambda data: data.count(b"\r\n") == 1)
    client.transport.abortConnection()
    print("client lost", await client.lost)
    while len(factory.lost) < len(factory.made):
        await task.deferLater(reactor, 0.01)
    await inner.stopListening()
    client = await dial(outer.getHost().port)  # nobody is behind it
    print("client lost", await client.lost)
    await outer.stopListening()


class Flood(protocol.Protocol):
    """Sends as much as it was asked for, then closes; and counts what it gets."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"f" * int(data))
        self.transport.loseConnection()


class Slow(Raw):
    """Reads in little steps."""

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        self.transport.pauseProducing()
        reactor.callLater(0.001, self.transport.resumeProducing)


async def flood() -> None:
    factory = protocol.Factory.forProtocol(Flood)
    factory.noisy = False
    inner = reactor.listenTCP(0, factory, interface="127.0.0.1")
    proxy = portforward.ProxyFactory("127.0.0.1", inner.getHost().port)
    proxy.noisy = False
    outer = reactor.listenTCP(0, proxy, interface="127.0.0.1")
    end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", outer.getHost().port)
    client = await endpoints.connectProtocol(end, Slow())
    client.transport.write(b"20000000")
    print("client lost", await client.lost, len(client.data), set(client.data))
    await outer.stopListening()
    await inner.stopListening()


async def socks4() -> None:
    factory = who()
    inner = reactor.listenTCP(0, factory, interface="127.0.0.1")
    number = inner.getHost().port
    proxy = socks.SOCKSv4Factory(None)
    outer = reactor.listenTCP(0, proxy, interface="127.0.0.1")
    client = await dial(outer.getHost().port)
    ask = b"\x04\x01" + number.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + b"me\0"
    client.transport.write(ask)
    answer = await client.until(lambda data: len(data) >= 8)
    print(answer[:2], answer[4:])
    client.data = b""
    client.transport.write(b"one\r\n")
    await client.until(lambda data: b"\r\n" in data)
    print(len(client.data) > 20)
    client.transport.write(b"close\r\n")
    print("client lost", await client.lost)
    client = await dial(outer.getHost().port)  # with a name, byte by byte
    for byte in b"\x04\x01" + number.to_bytes(2, "big") + bytes([0, 0, 0, 1]) + b"me\0localhost\0":
        client.transport.write(bytes([byte]))
        await task.deferLater(reactor, 0)
    answer = await client.until(lambda data: len(data) >= 8)
    print(answer[:2])
    client.transport.loseConnection()
    print("client lost", await client.lost)
    client = await dial(outer.getHost().port)
    client.transport.write(b"\x05\x01\0\0\0\0\0\0\0")
    print("client lost", await client.lost, client.data)
    while len(factory.lost) < len(factory.made):
        await task.deferLater(reactor, 0.01)
    await outer.stopListening()
    await inner.stopListening()


async def adopted() -> None:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(5)
    listening.setblocking(False)
    number = listening.getsockname()[1]
    factory = who([number])
    port = reactor.adoptStreamPort(listening.fileno(), socket.AF_INET, factory)
    listening.close()
    print(port.getHost().port == number)
    client = await dial(number)
    factory.hidden.append(client.transport.getHost().port)
    client.transport.write(b"one\r\n")
    await client.until(lambda data: b"\r\n" in data)
    print(client.data.decode())
    client.transport.loseConnection()
    await client.lost
    await port.stopListening()
    here, there = socket.socketpair(socket.AF_UNIX)
    here.setblocking(False)
    try:
        reactor.adoptStreamConnection(here.fileno(), socket.AF_UNIX, factory)
        here.close()
        there.sendall(b"two\r\n")
        answer = b""
        while not answer:
            await task.deferLater(reactor, 0.01)
            with contextlib.suppress(BlockingIOError):
                answer = there.recv(1000, socket.MSG_DONTWAIT)
        print(answer)
        there.close()
        while len(factory.lost) < 2:
            await task.deferLater(reactor, 0.01)
    except Exception as problem:
        print(type(problem).__name__, problem)


class Datagrams(protocol.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: Any = defer.Deferred()

    def datagramReceived(self, data: bytes, address: Any) -> None:
        self.transport.write(data.upper(), address)
        self.heard.callback(data)


async def datagrams() -> None:
    skt = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    skt.bind(("127.0.0.1", 0))
    skt.setblocking(False)
    where = skt.getsockname()
    handler = Datagrams()
    port = reactor.adoptDatagramPort(skt.fileno(), socket.AF_INET, handler)
    skt.close()
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.settimeout(30)
    asking.sendto(b"hello", where)
    print(await handler.heard, asking.recv(100), port.getHost().port == where[1])
    await port.stopListening()


async def systemd() -> None:
    """As systemd starts it: the sockets are 3 and 4, of a program that it executes."""
    if len(sys.argv) == 2:
        first, second = socket.socket(), socket.socket(socket.AF_UNIX)
        first.bind(("127.0.0.1", 0))
        path = os.path.join(tempfile.mkdtemp(), "socket")  # goes at the end
        second.bind(path)
        first.listen(5)
        second.listen(5)
        for number, skt in ((13, first), (14, second)):
            os.dup2(skt.fileno(), number)
        os.dup2(13, 3)
        os.dup2(14, 4)
        os.set_inheritable(3, True)
        os.set_inheritable(4, True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="web:unix")
        os.execv(sys.executable, [*sys.orig_argv, path])
    factory = who()
    port = await endpoints.serverFromString(reactor, "systemd:domain=INET:name=web").listen(factory)
    other = await endpoints.serverFromString(reactor, "systemd:domain=UNIX:index=1").listen(factory)
    client = await dial(port.getHost().port)
    factory.hidden += [port.getHost().port, client.transport.getHost().port]
    client.transport.write(b"one\r\n")
    await client.until(lambda data: b"\r\n" in data)
    print(client.data.decode())
    client.transport.loseConnection()
    await client.lost
    end = endpoints.UNIXClientEndpoint(reactor, sys.argv[2])
    client = await endpoints.connectProtocol(end, Raw())
    client.transport.write(b"two\r\n")
    await client.until(lambda data: b"\r\n" in data)
    print(client.data.decode().replace(sys.argv[2], "PATH"))
    client.transport.loseConnection()
    await client.lost
    while len(factory.lost) < len(factory.made):
        await task.deferLater(reactor, 0.01)
    await port.stopListening()
    await other.stopListening()
    print(os.path.exists(sys.argv[2]))
    shutil.rmtree(os.path.dirname(sys.argv[2]))


if __name__ == "__main__":
    log_errors()
    defer.ensureDeferred(globals()[sys.argv[1]]()).addErrback(
        lambda failure: print("failed", failure.getTraceback())
    ).addCallback(lambda _: reactor.callWhenRunning(reactor.stop))
    run()
    print("done")
