"""A protocol of one's own: a header made by struct, then a body of the length that it tells.

    version  2 bytes
    command  2 bytes
    length   4 bytes, of the body
    body     JSON

python private_protocol.py              a server and a client, in one process
python private_protocol.py --port 8000  serves until Ctrl-C
"""

import argparse
import json
import struct

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol

HELLO, SQUARE, ANSWER, ERROR = range(100, 104)


class Packets(Protocol):
    """What both sides share: bytes to packets, and packets to bytes."""

    header = struct.Struct("!HHI")
    version = 1
    longest = 1 << 20

    def __init__(self):
        self.buffer = bytearray()

    def sendPacket(self, command, content):
        body = json.dumps(content).encode()
        self.transport.write(self.header.pack(self.version, command, len(body)) + body)

    def dataReceived(self, data):
        # A packet may come in pieces, and a piece may hold several packets.
        self.buffer += data
        while len(self.buffer) >= self.header.size:
            version, command, length = self.header.unpack_from(self.buffer)
            if version != self.version or length > self.longest:
                # There is no telling where the next packet would begin.
                self.transport.abortConnection()
                return
            end = self.header.size + length
            if len(self.buffer) < end:
                return
            body = bytes(self.buffer[self.header.size : end])
            del self.buffer[:end]
            self.packetReceived(command, json.loads(body))


class Server(Packets):
    def packetReceived(self, command, content):
        if command == HELLO:
            self.sendPacket(ANSWER, f"Hello, {content['name']}!")
        elif command == SQUARE:
            self.sendPacket(ANSWER, [number * number for number in content])
        else:
            self.sendPacket(ERROR, f"no command {command}")


class Client(Packets):
    def __init__(self):
        super().__init__()
        self.waiting = []
        self.ended = Deferred()

    def ask(self, command, content):
        """Answers come in the order of the questions, so several may be under way."""
        self.waiting.append(Deferred())
        self.sendPacket(command, content)
        return self.waiting[-1]

    def packetReceived(self, command, content):
        self.waiting.pop(0).callback((command, content))

    def connectionLost(self, reason):
        self.ended.callback(reason.type.__name__)


async def main(reactor, options):
    port = reactor.listenTCP(options.port, Factory.forProtocol(Server), interface="127.0.0.1")
    if options.port:
        print(f"serving on port {options.port}", flush=True)
        await Deferred()  # until Ctrl-C

    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    client = await connectProtocol(endpoint, Client())
    answers = [
        client.ask(HELLO, {"name": "Jörg"}),
        client.ask(SQUARE, [1, 2, 3]),
        client.ask(SQUARE, list(range(50_000))),
        client.ask(999, None),
    ]
    for answer in answers:
        command, content = await answer
        shown = content if len(content) < 100 else f"{len(content)} of them, up to {content[-1]}"
        print(command, shown)

    # Nonsense is met by the end of the connection.
    client.transport.write(b"GET / HTTP/1.1\r\n")
    print(await client.ended)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serves a protocol of its own.")
    parser.add_argument("--port", type=int, default=0, help="where to serve (a demonstration)")
    task.react(main, [parser.parse_args()])
