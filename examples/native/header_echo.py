"""
A server for packets of version, command and length, and a client that talks to it.

    python examples/native/header_echo.py
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import ClientFactory, Factory

from pyreactor.basic import HeaderReceiver


class Messages(HeaderReceiver):
    headerFormat = "!HHI"  # version, command, length
    lengthField = 2
    MAX_LENGTH = 1 << 20


class Server(Messages):
    def packetReceived(self, header: tuple[Any, ...], payload: bytes) -> None:
        version, command, _ = header
        self.sendPacket((version, command + 1, 0), payload.upper())


class Client(Messages):
    def connectionMade(self) -> None:
        self.sendPacket((1, 100, 0), b"hello")

    def packetReceived(self, header: tuple[Any, ...], payload: bytes) -> None:
        print(f"version {header[0]}, command {header[1]}: {payload.decode()}")
        self.transport.loseConnection()
        reactor.stop()


port = reactor.listenTCP(0, Factory.forProtocol(Server), interface="127.0.0.1")
reactor.connectTCP("127.0.0.1", port.getHost().port, ClientFactory.forProtocol(Client))
reactor.run()
