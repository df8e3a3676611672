"""
A server that answers all lines of a chunk with one write, and a client that talks to it.

    python examples/native/batch_lines.py
"""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.protocol import ClientFactory, Factory

from pyreactor.basic import BatchLineReceiver


class Server(BatchLineReceiver):
    def linesReceived(self, lines: list[bytes]) -> None:
        self.sendLines([line[::-1] for line in lines])


class Client(BatchLineReceiver):
    missing = 1000

    def connectionMade(self) -> None:
        self.sendLines([b"line %d" % number for number in range(self.missing)])

    def linesReceived(self, lines: list[bytes]) -> None:
        self.missing -= len(lines)
        if self.missing == 0:
            print(f"1000 answers, the last is {lines[-1].decode()!r}")
            self.transport.loseConnection()
            reactor.stop()


port = reactor.listenTCP(0, Factory.forProtocol(Server), interface="127.0.0.1")
reactor.connectTCP("127.0.0.1", port.getHost().port, ClientFactory.forProtocol(Client))
reactor.run()
