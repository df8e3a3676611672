"""LineReceiver between lines and raw data: a server that stores files.

The client sends a line `put NAME LENGTH`, and that many bytes of any kind after it. For these the
server leaves the line mode.
"""

import hashlib

from twisted.internet import task
from twisted.internet.defer import DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class Store(LineReceiver):
    def lineReceived(self, line):
        command, _, rest = line.partition(b" ")
        if command == b"put":
            self.name, length = rest.rsplit(b" ", 1)
            self.missing = int(length)
            self.digest = hashlib.sha256()
            self.setRawMode()
        else:
            self.sendLine(b"what is " + command + b"?")

    def rawDataReceived(self, data):
        """Gets whatever comes, in pieces of any length, and perhaps a part of what is behind it."""
        ours, rest = data[: self.missing], data[self.missing :]
        self.digest.update(ours)
        self.missing -= len(ours)
        if self.missing == 0:
            self.sendLine(b"%s %s" % (self.name, self.digest.hexdigest()[:16].encode()))
            # What is behind the raw data are lines again.
            self.setLineMode(rest)


class Client(LineReceiver):
    def __init__(self):
        self.answers = DeferredQueue()

    def put(self, name, content):
        self.sendLine(b"put %s %d" % (name, len(content)))
        self.transport.write(content)

    def lineReceived(self, line):
        self.answers.put(line.decode())


async def main(reactor):
    port = reactor.listenTCP(0, Factory.forProtocol(Store), interface="127.0.0.1")
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    client = await connectProtocol(endpoint, Client())
    files = {
        b"short": b"a few bytes",
        b"lines": b"line ends\r\nin the middle\r\n",
        b"binary": bytes(range(256)),
        b"long": b"0123456789" * 100_000,
    }
    client.sendLine(b"hello")
    for name, content in files.items():
        client.put(name, content)
    client.sendLine(b"bye")

    print(await client.answers.get())
    for name, content in files.items():
        answer = await client.answers.get()
        expected = f"{name.decode()} {hashlib.sha256(content).hexdigest()[:16]}"
        print(f"{len(content):8} bytes: {answer}, as sent: {answer == expected}")
    print(await client.answers.get())


if __name__ == "__main__":
    task.react(main)
