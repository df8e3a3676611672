"""Cancelling what the network does: an attempt to connect, and a question that is not answered."""

from twisted.internet import task
from twisted.internet.defer import CancelledError, Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.protocol import Factory, Protocol


class Silent(Protocol):
    """A server that never answers."""

    def connectionLost(self, reason):
        self.factory.ends.put(reason.type.__name__)


class Asker(Protocol):
    def ask(self, question):
        """The Deferred of the answer. To cancel it is to hang up."""
        self.answer = Deferred(lambda _: self.transport.abortConnection())
        self.transport.write(question)
        return self.answer

    def connectionLost(self, reason):
        print("client:", reason.type.__name__)


async def main(reactor):
    factory = Factory.forProtocol(Silent)
    factory.ends = DeferredQueue()
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)

    # Somebody pressed the button before the connection was there.
    attempt = connectProtocol(endpoint, Asker())
    attempt.cancel()
    try:
        await attempt
    except ConnectingCancelledError as error:
        print("not connected:", type(error).__name__, error.address == port.getHost())

    asker = await connectProtocol(endpoint, Asker())
    answer = asker.ask(b"Is anybody there?")
    reactor.callLater(0.02, answer.cancel)
    try:
        await answer
    except CancelledError:
        print("no answer")


if __name__ == "__main__":
    task.react(main)
