"""Quote of the day (RFC 865): the server says its sentence and hangs up.

What lasts longer than a connection is kept in the factory. The factory makes one protocol for each
connection, which finds it as `self.factory`.

python quote_of_the_day.py                            two servers, and a client that asks both
python quote_of_the_day.py --port 8007 --quote "..."  serves until Ctrl-C: try `nc 127.0.0.1 8007`
"""

import argparse

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol


class Quote(Protocol):
    def connectionMade(self):
        self.transport.write(self.factory.quote.encode() + b"\r\n")
        # Everything that was written is sent before the connection is closed.
        self.transport.loseConnection()


class QuoteFactory(Factory):
    protocol = Quote

    def __init__(self, quote=None):
        self.quote = quote or "Early to bed and early to rise."


class Listener(Protocol):
    """The client: all that it is told until the server hangs up."""

    def __init__(self):
        self.heard = b""
        self.finished = Deferred()

    def dataReceived(self, data):
        self.heard += data

    def connectionLost(self, reason):
        self.finished.callback(self.heard.decode().strip())


async def main(reactor, options):
    server = TCP4ServerEndpoint(reactor, options.port, interface="127.0.0.1")
    port = await server.listen(QuoteFactory(options.quote))
    if options.port:
        print(f"serving on port {options.port}", flush=True)
        await Deferred()  # until Ctrl-C

    # The same protocol with another quote is another factory.
    other = await server.listen(QuoteFactory("The second server has its own."))
    for listening in (port, other, port):
        client = TCP4ClientEndpoint(reactor, "127.0.0.1", listening.getHost().port)
        listener = await connectProtocol(client, Listener())
        print(await listener.finished)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serves a quote of the day.")
    parser.add_argument("--port", type=int, default=0, help="where to serve (a demonstration)")
    parser.add_argument("--quote", help="what to say")
    task.react(main, [parser.parse_args()])
