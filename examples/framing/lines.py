"""LineReceiver: a server that knows a few answers, and a client that asks.

python lines.py              both, in one process
python lines.py --port 8000  serves until Ctrl-C: try `nc -C 127.0.0.1 8000`
"""

import argparse

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class Answers(LineReceiver):
    # The delimiter is not part of the line. It is b"\r\n" unless set otherwise.
    delimiter = b"\r\n"
    MAX_LENGTH = 200

    known = {b"What is your name?": b"Polly", b"Do you want a cracker?": b"Yes!"}

    def lineReceived(self, line):
        self.sendLine(self.known.get(line, b"Squawk"))

    def lineLengthExceeded(self, line):
        """Somebody sends without an end. Unless overridden, the connection is closed as well."""
        self.sendLine(b"Too long for a parrot.")
        self.transport.loseConnection()


class Asker(LineReceiver):
    def __init__(self):
        self.ended = Deferred()

    def ask(self, question):
        self.answer = Deferred()
        self.sendLine(question)
        return self.answer

    def lineReceived(self, line):
        self.answer.callback(line.decode())

    def connectionLost(self, reason):
        self.ended.callback(reason.getErrorMessage())


async def main(reactor, options):
    port = reactor.listenTCP(options.port, Factory.forProtocol(Answers), interface="127.0.0.1")
    if options.port:
        print(f"serving on port {options.port}", flush=True)
        await Deferred()  # until Ctrl-C

    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    asker = await connectProtocol(endpoint, Asker())
    for question in (*Answers.known, b"What is the time?", b"", b"Why? " * 100):
        print(f"{question.decode()[:30]!r}: {await asker.ask(question)}")
    print(await asker.ended)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Answers questions.")
    parser.add_argument("--port", type=int, default=0, help="where to serve (a demonstration)")
    task.react(main, [parser.parse_args()])
