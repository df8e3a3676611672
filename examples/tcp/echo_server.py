"""An echo server: whatever a client sends comes back to it.

python echo_server.py           serves three clients of its own, then stops
python echo_server.py PORT      serves everybody on that port, until Ctrl-C
"""

import socket
import sys

from twisted.internet import reactor, threads
from twisted.internet.defer import inlineCallbacks
from twisted.internet.protocol import Factory, Protocol


class Echo(Protocol):
    def connectionMade(self):
        self.factory.connected += 1

    def dataReceived(self, data):
        self.transport.write(data)

    def connectionLost(self, reason):
        self.factory.connected -= 1


class EchoFactory(Factory):
    protocol = Echo
    connected = 0


def talk(port, message):
    """A client as simple as can be, blocking, in a thread."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(message)
        answer = b""
        while len(answer) < len(message):
            answer += client.recv(65536)
    return answer


@inlineCallbacks
def serve_own_clients(port):
    for message in (b"hello", b"x" * 10, b"y" * 1_000_000):
        answer = yield threads.deferToThread(talk, port, message)
        print(f"sent {len(message)} bytes, got back {len(answer)}: {answer == message}")
    reactor.stop()


def main():
    factory = EchoFactory()
    if len(sys.argv) > 1:
        reactor.listenTCP(int(sys.argv[1]), factory)
        print(f"serving on port {sys.argv[1]}", flush=True)
    else:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        reactor.callWhenRunning(serve_own_clients, port.getHost().port)
    reactor.run()
    print(f"still connected: {factory.connected}")


if __name__ == "__main__":
    main()
