"""A calculator on the network: a line `add 2 3` is answered by the line `5`.

python server.py              serves one client of its own
python server.py --port 8100  serves until Ctrl-C: try `nc -C 127.0.0.1 8100`, or client.py
"""

import argparse

from calculation import OPERATIONS
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver
from twisted.protocols.policies import TimeoutMixin


class Calculator(LineReceiver, TimeoutMixin):
    """The protocol. A client that is silent for too long is hung up on."""

    idle = 60

    def connectionMade(self):
        self.setTimeout(self.idle)

    def lineReceived(self, line):
        self.resetTimeout()
        self.sendLine(self.answer(line.decode("utf-8", "replace")).encode())

    def answer(self, line):
        try:
            name, a, b = line.split()
            return str(OPERATIONS[name](int(a), int(b)))
        except KeyError as error:
            return f"error: no operation {error}"
        except (ValueError, ZeroDivisionError) as error:
            return f"error: {error}"

    def connectionLost(self, reason):
        self.setTimeout(None)


class Asker(LineReceiver):
    """The client of the demonstration, as plain as can be; client.py has the real one."""

    def __init__(self, lines):
        self.lines = list(lines)
        self.done = Deferred()

    def connectionMade(self):
        self.ask()

    def ask(self):
        if self.lines:
            self.sendLine(self.lines[0])
        else:
            self.transport.loseConnection()

    def lineReceived(self, line):
        print(f"{self.lines.pop(0).decode()} = {line.decode()}")
        self.ask()

    def connectionLost(self, reason):
        self.done.callback(None)


LINES = [b"add 2 3", b"subtract 2 3", b"multiply 12 12", b"divide 7 2"]
WRONG = [b"divide 7 0", b"power 2 3", b"add 2", b"add two three"]


async def main(reactor, options):
    port = reactor.listenTCP(options.port, Factory.forProtocol(Calculator), interface="127.0.0.1")
    if options.port:
        print(f"serving on port {options.port}", flush=True)
        await Deferred()  # until Ctrl-C
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    asker = await connectProtocol(endpoint, Asker(LINES + WRONG))
    await asker.done


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Calculates for others.")
    parser.add_argument("--port", type=int, default=0, help="where to serve (a demonstration)")
    task.react(main, [parser.parse_args()])
