"""``FileSender`` of a file whose descriptor has other bytes than reading gives."""

import gzip
import hashlib
import io
import os
import random
import tempfile

from twisted.internet import protocol, reactor
from twisted.protocols.basic import FileSender

PLAIN = random.Random(2).randbytes(1000) * 500


class Server(protocol.Protocol):
    """Sends the file behind the compressed one."""

    def connectionMade(self):
        file = io.BufferedReader(gzip.open(path))  # noqa: SIM115
        sent = FileSender().beginFileTransfer(file, self.transport)
        sent.addBoth(lambda last: (print(last), file.close(), self.transport.loseConnection()))


class Client(protocol.Protocol):
    """Takes all of it."""

    received = b""

    def dataReceived(self, data):
        self.received += data

    def connectionLost(self, reason):
        print(len(self.received), hashlib.sha256(self.received).hexdigest()[:16], "read through")
        reactor.stop()


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "file.gz")
    with gzip.open(path, "wb") as packed:
        packed.write(PLAIN)
    port = reactor.listenTCP(0, protocol.Factory.forProtocol(Server), interface="127.0.0.1")
    creator = protocol.ClientCreator(reactor, Client)
    creator.connectTCP("127.0.0.1", port.getHost().port)
    reactor.run()
