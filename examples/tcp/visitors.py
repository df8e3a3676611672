"""A server that knows how many visitors it has: connectionMade and connectionLost.

python visitors.py              a server, and three visitors who come and go
python visitors.py --port 8007  serves until Ctrl-C
"""

import argparse

from twisted.internet import task
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class Host(LineReceiver):
    def __init__(self, visitors):
        self.visitors = visitors

    def connectionMade(self):
        self.visitors.append(self)
        self.sendLine(b"Welcome! You are visitor number %d." % len(self.visitors))

    def lineReceived(self, line):
        self.sendLine(b"You said: " + line)

    def connectionLost(self, reason):
        """Called in any case, whoever closed the connection and why."""
        self.visitors.remove(self)
        for visitor in self.visitors:
            visitor.sendLine(b"Somebody left. Visitors: %d." % len(self.visitors))


class HostFactory(Factory):
    def __init__(self):
        self.visitors = []

    def buildProtocol(self, addr):
        """Called for each connection. For what `protocol = Host` is not enough for."""
        return Host(self.visitors)


class Visitor(LineReceiver):
    def __init__(self):
        self.lines = DeferredQueue()

    def lineReceived(self, line):
        self.lines.put(line.decode())


async def visit(reactor, port):
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    visitors = []
    for number in range(1, 4):
        visitor = await connectProtocol(endpoint, Visitor())
        print(await visitor.lines.get())
        visitor.sendLine(b"my name is %d" % number)
        print(await visitor.lines.get())
        visitors.append(visitor)
    while visitors:
        visitors.pop(0).transport.loseConnection()
        for visitor in visitors:
            print(await visitor.lines.get())


async def main(reactor, options):
    port = reactor.listenTCP(options.port, HostFactory(), interface="127.0.0.1")
    if options.port:
        print(f"serving on port {options.port}", flush=True)
        await Deferred()  # until Ctrl-C
    await visit(reactor, port.getHost().port)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Counts its visitors.")
    parser.add_argument("--port", type=int, default=0, help="where to serve (a demonstration)")
    task.react(main, [parser.parse_args()])
