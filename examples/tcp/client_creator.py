"""ClientCreator: one connection without a factory, as it was done before there were endpoints.

Still to be found in programs. For new ones see endpoints.py: there the caller decides how to
connect.
"""

import socket

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import ClientCreator, Factory
from twisted.protocols.basic import LineReceiver


class Upper(LineReceiver):
    """The server."""

    def lineReceived(self, line):
        self.sendLine(line.upper())


class Asker(LineReceiver):
    """The client. The creator hands its further arguments to the protocol."""

    def __init__(self, name):
        self.name = name

    def ask(self, line):
        self.answer = Deferred()
        self.sendLine(b"%s: %s" % (self.name, line))
        return self.answer

    def lineReceived(self, line):
        self.answer.callback(line.decode())


@inlineCallbacks
def main():
    port = reactor.listenTCP(0, Factory.forProtocol(Upper), interface="127.0.0.1")
    creator = ClientCreator(reactor, Asker, b"ann")

    # The Deferred fires with the protocol as soon as it is connected.
    asker = yield creator.connectTCP("127.0.0.1", port.getHost().port)
    print((yield asker.ask(b"how are you?")))
    print((yield asker.ask(b"and tomorrow?")))
    asker.transport.loseConnection()

    # A socket with a port, but not listening: connections to it are refused.
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        try:
            yield creator.connectTCP(*silent.getsockname())
        except ConnectionRefusedError as error:
            print("not connected:", type(error).__name__)
    reactor.stop()


if __name__ == "__main__":
    reactor.callWhenRunning(main)
    reactor.run()
