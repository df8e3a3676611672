"""The calculator's client: a method for each operation, which gives the Deferred of the result.

python client.py                         asks a server that it starts, in this process
python client.py HOST PORT add 2 3       asks a server of yours
"""

import argparse

from calculation import OPERATIONS
from server import Calculator
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class CalculationError(Exception):
    """The server could not calculate it."""


class CalculatorClient(LineReceiver):
    """Answers come in the order of the questions, so several may be under way."""

    timeout = 60  # seconds for an answer
    clock = reactor

    def __init__(self):
        self.waiting = []

    def add(self, a, b):
        return self.ask("add", a, b)

    def subtract(self, a, b):
        return self.ask("subtract", a, b)

    def multiply(self, a, b):
        return self.ask("multiply", a, b)

    def divide(self, a, b):
        return self.ask("divide", a, b)

    def ask(self, name, a, b):
        result = Deferred(lambda _: self.transport.abortConnection())
        result.addTimeout(self.timeout, self.clock)
        self.waiting.append(result)
        self.sendLine(f"{name} {a} {b}".encode())
        return result

    def lineReceived(self, line):
        result = self.waiting.pop(0)
        answer = line.decode()
        if answer.startswith("error: "):
            result.errback(CalculationError(answer.removeprefix("error: ")))
        else:
            result.callback(int(answer))

    def connectionLost(self, reason):
        """Nobody shall wait for an answer that cannot come any more."""
        waiting, self.waiting = self.waiting, []
        for result in waiting:
            if not result.called:
                result.errback(reason)


async def main(reactor, options):
    if options.host:
        endpoint = HostnameEndpoint(reactor, options.host, options.port)
        client = await connectProtocol(endpoint, CalculatorClient())
        print(await client.ask(options.operation, options.a, options.b))
        return

    port = reactor.listenTCP(0, Factory.forProtocol(Calculator), interface="127.0.0.1")
    endpoint = HostnameEndpoint(reactor, "127.0.0.1", port.getHost().port)
    client = await connectProtocol(endpoint, CalculatorClient())
    print("one after the other:", await client.add(2, 3), await client.multiply(6, 7))
    print("at once:", await gatherResults([client.subtract(number, 1) for number in range(5)]))
    try:
        await client.divide(1, 0)
    except CalculationError as error:
        print("error:", error)
    client.transport.loseConnection()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Asks a calculator.")
    parser.add_argument("host", nargs="?", help="the server (one of its own)")
    parser.add_argument("port", nargs="?", type=int)
    parser.add_argument("operation", nargs="?", choices=sorted(OPERATIONS))
    parser.add_argument("a", nargs="?", type=int)
    parser.add_argument("b", nargs="?", type=int)
    task.react(main, [parser.parse_args()])
