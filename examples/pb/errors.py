"""Perspective Broker: how errors travel, expected and unexpected ones, and a lost connection."""

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner
from twisted.spread import pb


class OutOfStock(pb.Error):
    """Expected. What is derived from pb.Error is part of the conversation, and is not logged."""


class Shop(pb.Root):
    stock = {"tea": 2}

    def remote_buy(self, what, how_many=1):
        if self.stock[what] < how_many:  # KeyError: unexpected
            raise OutOfStock(f"only {self.stock[what]} left")
        self.stock[what] -= how_many
        return f"{how_many} x {what}"

    def close(self):
        """Cannot be called from afar: it has no remote_ in front."""


def show(event):
    """A log observer: it gets every event of the log as a dict."""
    failure = event.get("log_failure")
    if failure is not None:
        print("  in the server's log:", failure.type.__name__, failure.getErrorMessage())


def describe(failure):
    """The errback gets the type's name and the text; the exception itself stays where it was."""
    if failure.check(OutOfStock):
        return f"expected: {failure.getErrorMessage()}"
    failure.trap(KeyError, pb.NoSuchMethod)
    return f"unexpected: {failure.type.decode()}, {failure.getErrorMessage()}"


async def main(reactor):
    globalLogBeginner.beginLoggingTo([show], redirectStandardIO=False)
    port = reactor.listenTCP(0, pb.PBServerFactory(Shop()), interface="127.0.0.1")
    factory = pb.PBClientFactory()
    reactor.connectTCP("127.0.0.1", port.getHost().port, factory)
    shop = await factory.getRootObject()

    print(await shop.callRemote("buy", "tea").addErrback(describe))
    print(await shop.callRemote("buy", "tea", 5).addErrback(describe))
    print(await shop.callRemote("buy", "coffee").addErrback(describe))
    print(await shop.callRemote("close").addErrback(describe))

    # With await it is always a RemoteError, which tells the rest.
    try:
        await shop.callRemote("buy", "tea", 5)
    except pb.RemoteError as error:
        print(f"{type(error).__name__} of {error.remoteType.decode()}: {error}")

    gone = Deferred()
    shop.notifyOnDisconnect(gone.callback)
    factory.disconnect()
    await gone
    try:
        await shop.callRemote("buy", "tea")
    except pb.DeadReferenceError as error:
        print("no connection:", type(error).__name__)


if __name__ == "__main__":
    task.react(main)
