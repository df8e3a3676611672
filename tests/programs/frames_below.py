"""
No Python code runs above a frame of libuv's: prints what C functions are below each callback.

A greenlet that is switched away takes its part of the C stack with it, so nothing may point there.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from typing import Any

from twisted.internet import protocol, reactor

libc = ctypes.CDLL(None)
libc.backtrace_symbols.restype = ctypes.POINTER(ctypes.c_char_p)


def look(where: str) -> None:
    frames = (ctypes.c_void_p * 200)()
    count = libc.backtrace(frames, len(frames))
    symbols = libc.backtrace_symbols(frames, count)
    libraries = {(symbols[i] or b"").split(b"(")[0].rsplit(b"/")[-1] for i in range(count)}
    seen[where] = any(name.startswith(b"libuv") for name in libraries) or count < 3


seen: dict[str, bool] = {}
wanted = {
    *("connectionMade", "dataReceived", "connectionLost", "datagramReceived", "doRead", "fileno"),
    *("callLater", "callFromThread", "signal", "nested", "outReceived", "processEnded"),
}


def ask_whether_done() -> None:
    if wanted <= set(seen):
        for name in sorted(seen):
            print(name, "above libuv" if seen[name] else "fine")
        reactor.stop()
    else:
        reactor.callLater(0.05, ask_whether_done)


class Server(protocol.Protocol):
    def connectionMade(self) -> None:
        look("connectionMade")

    def dataReceived(self, data: bytes) -> None:
        look("dataReceived")
        reactor.callLater(0, look, "nested")
        reactor.iterate(0)
        self.transport.loseConnection()

    def connectionLost(self, reason: Any) -> None:
        look("connectionLost")


class Client(protocol.Protocol):
    def connectionMade(self) -> None:
        self.transport.write(b"hello")


class Datagrams(protocol.DatagramProtocol):
    def datagramReceived(self, datagram: bytes, address: Any) -> None:
        look("datagramReceived")


class Child(protocol.ProcessProtocol):
    def outReceived(self, data: bytes) -> None:
        look("outReceived")

    def processEnded(self, reason: Any) -> None:
        look("processEnded")


class Pipe:
    read, write = os.pipe()

    def fileno(self) -> int:
        look("fileno")
        return self.read

    def logPrefix(self) -> str:
        return "pipe"

    def doRead(self) -> None:
        os.read(self.read, 10)
        look("doRead")

    def connectionLost(self, reason: Any) -> None:
        pass


def start() -> None:
    port = reactor.listenTCP(0, protocol.Factory.forProtocol(Server), interface="127.0.0.1")
    clients = protocol.ClientFactory.forProtocol(Client)
    reactor.connectTCP("127.0.0.1", port.getHost().port, clients)
    udp = reactor.listenUDP(0, Datagrams(), interface="127.0.0.1")
    udp.write(b"hello", ("127.0.0.1", udp.getHost().port))
    program = [sys.executable, "-S", "-c", "print('hello')"]
    reactor.spawnProcess(Child(), program[0], program)
    reactor.addReader(Pipe())
    os.write(Pipe.write, b"hello")
    signal.signal(signal.SIGUSR1, lambda *_: look("signal"))
    reactor.callLater(0.01, look, "callLater")
    threading.Thread(target=work, daemon=True).start()
    ask_whether_done()


def work() -> None:
    time.sleep(0.2)
    reactor.callFromThread(look, "callFromThread")
    while "signal" not in seen:
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.1)


reactor.callWhenRunning(start)
reactor.run()
