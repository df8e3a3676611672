"""Services that connect: TCPClient, UNIXClient, and ClientService, which stays connected."""

import os
import tempfile

from twisted.application import internet, service
from twisted.internet import endpoints, task
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.protocol import ClientFactory, Factory
from twisted.protocols.basic import LineReceiver


class Upper(LineReceiver):
    """The server: answers in capitals, or hangs up."""

    def lineReceived(self, line):
        if line == b"bye":
            self.transport.loseConnection()
        else:
            self.sendLine(line.upper())


class Asker(LineReceiver):
    def connectionMade(self):
        self.factory.connected.put(self)

    def ask(self, line):
        self.answer = Deferred()
        self.sendLine(line)
        return self.answer

    def lineReceived(self, line):
        self.answer.callback(line.decode())


class AskerFactory(ClientFactory):
    protocol = Asker
    noisy = False

    def __init__(self):
        self.connected = DeferredQueue()


async def main(reactor):
    upper = Factory.forProtocol(Upper)
    upper.noisy = False
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        services = service.MultiService()
        internet.UNIXServer(path, upper).setServiceParent(services)
        port = reactor.listenTCP(0, upper, interface="127.0.0.1")
        number = port.getHost().port
        services.startService()

        tcp = AskerFactory()
        internet.TCPClient("127.0.0.1", number, tcp).setServiceParent(services)
        asker = await tcp.connected.get()
        print("TCP:", await asker.ask(b"hello"))

        unix = AskerFactory()
        internet.UNIXClient(path, unix).setServiceParent(services)
        asker = await unix.connected.get()
        print("UNIX:", await asker.ask(b"hello"))

        # For an endpoint of any kind. If the connection is lost, there is soon another one.
        endpoint = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", number)
        factory = AskerFactory()
        staying = internet.ClientService(endpoint, factory, retryPolicy=lambda failures: 0.01)
        staying.setServiceParent(services)
        first = await factory.connected.get()
        print("staying:", await first.ask(b"hello"))
        first.sendLine(b"bye")
        second = await factory.connected.get()
        print("another connection:", second is not first)
        print("staying:", await second.ask(b"still here"))
        print("the present one:", (await staying.whenConnected()) is second)
        await services.stopService()


if __name__ == "__main__":
    task.react(main)
