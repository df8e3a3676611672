"""An echo client: sends lines to an echo server and prints what comes back.

python echo_client.py           talks to a small server that it starts in a thread
python echo_client.py HOST PORT
"""

import socketserver
import sys
import threading

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.protocols.basic import LineReceiver

LINES = [b"first", b"second", "dritte Zeile: äöü".encode(), b"x" * 1000]


class Client(LineReceiver):
    def __init__(self):
        self.answers = []
        self.done = Deferred()

    def connectionMade(self):
        self.sendLine(LINES[0])

    def lineReceived(self, line):
        self.answers.append(line)
        if len(self.answers) < len(LINES):
            self.sendLine(LINES[len(self.answers)])
        else:
            self.transport.loseConnection()

    def connectionLost(self, reason):
        print("closed:", reason.getErrorMessage())
        self.done.callback(self.answers)


class EchoHandler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


def start_server():
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), EchoHandler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address


async def main(reactor, host=None, port=None):
    if host is None:
        host, port = start_server()
    endpoint = HostnameEndpoint(reactor, host, int(port))
    client = await connectProtocol(endpoint, Client())
    answers = await client.done
    for sent, got in zip(LINES, answers, strict=True):
        print(f"{got[:20].decode()!r}, {len(got)} bytes, same: {sent == got}")


if __name__ == "__main__":
    task.react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
