"""A transparent proxy: what comes in on a port goes on to another server, and back.

Neither the client nor the server notices, and the proxy does not know what they are talking about.

python port_forward.py                         a server, a proxy and a client
python port_forward.py --port 8000 HOST PORT   forwards until Ctrl-C
"""

import argparse

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver
from twisted.protocols.portforward import ProxyFactory, ProxyServer


class Answers(LineReceiver):
    """The server at the far end."""

    def lineReceived(self, line):
        if line == b"bye":
            self.transport.loseConnection()
        else:
            self.sendLine(b"%d bytes" % len(line))

    MAX_LENGTH = 1 << 20


class Counting(ProxyServer):
    """Here one can look at what passes. Without that, ProxyFactory is enough."""

    def dataReceived(self, data):
        self.factory.bytes_in += len(data)
        super().dataReceived(data)


class CountingFactory(ProxyFactory):
    protocol = Counting
    bytes_in = 0


class Client(LineReceiver):
    def __init__(self):
        self.ended = Deferred()

    def ask(self, line):
        self.answer = Deferred()
        self.sendLine(line)
        return self.answer

    def lineReceived(self, line):
        self.answer.callback(line.decode())

    def connectionLost(self, reason):
        self.ended.callback(reason.getErrorMessage())


async def main(reactor, options):
    if options.host:
        reactor.listenTCP(options.port, ProxyFactory(options.host, options.to))
        print(f"forwarding port {options.port}", flush=True)
        await Deferred()  # until Ctrl-C

    server = reactor.listenTCP(0, Factory.forProtocol(Answers), interface="127.0.0.1")
    factory = CountingFactory("127.0.0.1", server.getHost().port)
    proxy = reactor.listenTCP(0, factory, interface="127.0.0.1")

    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", proxy.getHost().port)
    client = await connectProtocol(endpoint, Client())
    print("connected to the proxy:", client.transport.getPeer() == proxy.getHost())
    for line in (b"hello", b"x" * 500_000):
        print("answer:", await client.ask(line))
    print("bytes that went to the server:", factory.bytes_in)
    # The end is passed on as well.
    client.sendLine(b"bye")
    print(await client.ended)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Forwards connections.")
    parser.add_argument("--port", type=int, default=8000, help="where to listen (8000)")
    parser.add_argument("host", nargs="?", help="the server (a demonstration)")
    parser.add_argument("to", nargs="?", type=int, metavar="port", help="its port")
    task.react(main, [parser.parse_args()])
