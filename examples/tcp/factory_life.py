"""The life of a factory: startFactory and stopFactory.

A factory is made before it is used, and may be kept after that. What it needs only while it is
listening, here a file, is opened in startFactory and closed in stopFactory. The two are called
once, however many ports the factory is listening on.
"""

import os
import tempfile

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class GuestBook(LineReceiver):
    def lineReceived(self, line):
        self.factory.file.write(line.decode() + "\n")
        self.sendLine(b"thank you")


class GuestBookFactory(Factory):
    protocol = GuestBook
    noisy = False  # says nothing about its starts and stops in the log

    def __init__(self, path):
        self.path = path

    def startFactory(self):
        print("start: the book is opened")
        self.file = open(self.path, "a")  # noqa: SIM115

    def stopFactory(self):
        print("stop: the book is closed")
        self.file.close()


class Guest(LineReceiver):
    def __init__(self, name):
        self.name = name
        self.answer = Deferred()

    def connectionMade(self):
        self.sendLine(self.name)

    def lineReceived(self, line):
        self.transport.loseConnection()
        self.answer.callback(line.decode())


async def main(reactor):
    with tempfile.TemporaryDirectory() as folder:
        factory = GuestBookFactory(os.path.join(folder, "book"))
        print("made, but not in use")
        ports = [reactor.listenTCP(0, factory, interface="127.0.0.1") for _ in range(2)]
        for port, name in zip(ports, (b"Ann", b"Bob"), strict=True):
            endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
            guest = await connectProtocol(endpoint, Guest(name))
            print(f"{await guest.answer}, {name.decode()}")
        for port in ports:
            print("one port less")
            await port.stopListening()
        with open(factory.path) as file:
            print("in the book:", file.read().split())


if __name__ == "__main__":
    task.react(main)
