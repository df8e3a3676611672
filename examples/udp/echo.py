"""UDP echo. There are no connections, so there is one protocol for all who send something.

python echo.py              a server and two clients
python echo.py --port 9999  serves until Ctrl-C: try `nc -u 127.0.0.1 9999`
"""

import argparse

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol


class Echo(DatagramProtocol):
    """The server. It does not know its clients; each datagram brings its sender's address along."""

    def datagramReceived(self, datagram, address):
        self.transport.write(datagram, address)


class Client(DatagramProtocol):
    def ask(self, datagram, address):
        self.answer = Deferred()
        self.transport.write(datagram, address)
        return self.answer

    def datagramReceived(self, datagram, address):
        self.answer.callback((datagram, address))


async def main(reactor, options):
    server = reactor.listenUDP(options.port, Echo(), interface="127.0.0.1")
    if options.port:
        print(f"serving on port {options.port}", flush=True)
        await Deferred()  # until Ctrl-C

    address = ("127.0.0.1", server.getHost().port)
    clients = [Client(), Client()]
    for client in clients:
        # A client listens, too: it wants the answers.
        reactor.listenUDP(0, client, interface="127.0.0.1")
    for text in (b"hello", b"", b"x" * 8192):
        for number, client in enumerate(clients):
            answer, sender = await client.ask(text, address)
            same = answer == text and sender == address
            print(f"client {number}: {len(answer)} bytes, the same from the same: {same}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Echoes datagrams.")
    parser.add_argument("--port", type=int, default=0, help="where to serve (a demonstration)")
    task.react(main, [parser.parse_args()])
