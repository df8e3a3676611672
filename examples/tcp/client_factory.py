"""ClientFactory: told about each attempt to connect, and able to try again.

python client_factory.py            misses a server of its own, tries again, and talks to it
python client_factory.py HOST PORT  one attempt with an echo server
"""

import argparse
import socket

from twisted.internet import reactor
from twisted.internet.protocol import ClientFactory, Factory, Protocol


class Greeter(Protocol):
    def connectionMade(self):
        self.transport.write(b"Good evening!")

    def dataReceived(self, data):
        print("got:", data.decode())
        self.transport.loseConnection()


class GreeterFactory(ClientFactory):
    attempts = 1

    def startedConnecting(self, connector):
        print("connecting ...")

    def buildProtocol(self, addr):
        print("... connected")
        return Greeter()

    def clientConnectionFailed(self, connector, reason):
        """There never was a connection."""
        print("... failed:", reason.type.__name__)
        self.again(connector)

    def clientConnectionLost(self, connector, reason):
        """There was one, and now there is none."""
        print("lost:", reason.getErrorMessage())
        self.again(connector)

    def again(self, connector):
        self.attempts -= 1
        if self.attempts > 0:
            # The connector is what lies between the reactor and the factory.
            connector.connect()
        else:
            reactor.stop()


class Echo(Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class DemonstrationFactory(GreeterFactory):
    """Three attempts; the server begins to listen after the first."""

    attempts = 3

    def __init__(self, silent):
        self.silent = silent

    def clientConnectionFailed(self, connector, reason):
        self.silent.listen()
        reactor.adoptStreamPort(self.silent.fileno(), socket.AF_INET, Factory.forProtocol(Echo))
        super().clientConnectionFailed(connector, reason)


def main():
    parser = argparse.ArgumentParser(description="A client that says good evening.")
    parser.add_argument("host", nargs="?")
    parser.add_argument("port", nargs="?", type=int)
    options = parser.parse_args()
    if options.host:
        reactor.connectTCP(options.host, options.port, GreeterFactory())
        reactor.run()
    else:
        # A socket with a port, but not listening: connections to it are refused.
        with socket.socket() as silent:
            silent.setblocking(False)
            silent.bind(("127.0.0.1", 0))
            reactor.connectTCP(*silent.getsockname(), DemonstrationFactory(silent))
            reactor.run()


if __name__ == "__main__":
    main()
