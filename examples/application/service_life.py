"""A service: something that can be started and stopped.

stopService may give back a Deferred: the service has not stopped before that has fired.
"""

from twisted.application import service
from twisted.internet import endpoints, task
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol


class Echo(Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class EchoService(service.Service):
    def __init__(self, reactor):
        self.reactor = reactor

    def privilegedStartService(self):
        """Before startService, and with root's rights if twistd has them: for ports below 1024."""
        print("privileged start")

    def startService(self):
        super().startService()
        self.port = self.reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
        print("started, running:", bool(self.running))

    def stopService(self):
        super().stopService()
        return self.port.stopListening().addCallback(lambda _: print("the port is closed"))


class Client(Protocol):
    def __init__(self):
        self.answer = Deferred()

    def connectionMade(self):
        self.transport.write(b"are you running?")

    def dataReceived(self, data):
        self.transport.loseConnection()
        self.answer.callback(data.decode())


async def ask(reactor, port):
    endpoint = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    client = await endpoints.connectProtocol(endpoint, Client())
    print("echo:", await client.answer)


async def main(reactor):
    # twistd does all this for the services of an application.
    echo = EchoService(reactor)
    print("made, running:", bool(echo.running))
    echo.privilegedStartService()
    for _ in range(2):
        echo.startService()
        await ask(reactor, echo.port.getHost().port)
        await echo.stopService()
        print("stopped, running:", bool(echo.running))


if __name__ == "__main__":
    task.react(main)
