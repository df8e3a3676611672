"""ReconnectingClientFactory: tries again by itself, after longer and longer pauses.

python reconnecting_client.py            a server that is down twice, hangs up, and is left alone
python reconnecting_client.py HOST PORT  stays connected to a server of yours
"""

import argparse
import socket

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol, ReconnectingClientFactory


class Reader(Protocol):
    def dataReceived(self, data):
        print("got:", data.decode())


class ReaderFactory(ReconnectingClientFactory):
    protocol = Reader

    # Seconds, and how they grow. For the demonstration much shorter than one would want otherwise.
    initialDelay = delay = 0.01
    factor = 2
    maxDelay = 0.05
    jitter = 0  # usually there is a bit of chance, so that not all clients come at the same moment

    def buildProtocol(self, addr):
        print("connected, after failures:", self.retries)
        self.resetDelay()
        return super().buildProtocol(addr)

    def clientConnectionFailed(self, connector, reason):
        print("failed:", reason.type.__name__)
        super().clientConnectionFailed(connector, reason)
        print(f"next attempt in {self.delay} s")

    def clientConnectionLost(self, connector, reason):
        print("lost:", reason.type.__name__)
        super().clientConnectionLost(connector, reason)


class Welcome(Protocol):
    """For the demonstration: a server that does not talk for long."""

    def connectionMade(self):
        self.factory.served += 1
        self.transport.write(b"welcome, number %d" % self.factory.served)
        self.transport.loseConnection()


class WelcomeFactory(Factory):
    protocol = Welcome
    served = 0


class DemonstrationFactory(ReaderFactory):
    """The server begins to listen after the second failure; the second time it is left alone."""

    connections = 0

    def __init__(self, silent):
        self.silent = silent

    def clientConnectionFailed(self, connector, reason):
        super().clientConnectionFailed(connector, reason)
        if self.retries == 2:
            self.silent.listen()
            reactor.adoptStreamPort(self.silent.fileno(), socket.AF_INET, WelcomeFactory())

    def clientConnectionLost(self, connector, reason):
        self.connections += 1
        if self.connections == 2:
            self.stopTrying()
        super().clientConnectionLost(connector, reason)
        if self.connections == 2:
            print("attempts left over:", len(reactor.getDelayedCalls()))
            reactor.stop()


def main():
    parser = argparse.ArgumentParser(description="A client that comes back.")
    parser.add_argument("host", nargs="?")
    parser.add_argument("port", nargs="?", type=int)
    options = parser.parse_args()
    if options.host:
        reactor.connectTCP(options.host, options.port, ReaderFactory())
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
