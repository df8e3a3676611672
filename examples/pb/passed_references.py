"""Perspective Broker: objects handed over as references, in both directions.

The other side gets a RemoteReference. A method that it calls runs where the object lives.
"""

from twisted.internet import task
from twisted.internet.defer import inlineCallbacks
from twisted.spread import pb


class Account(pb.Referenceable):
    """Lives on the server. A client gets one from the bank and calls it from afar."""

    def __init__(self, owner):
        self.owner = owner
        self.balance = 0
        self.watchers = []

    def remote_watch(self, watcher):
        """`watcher` is an object of the client's, so the server can call back."""
        self.watchers.append(watcher)

    @inlineCallbacks
    def remote_pay_in(self, amount):
        """May give back a Deferred: the caller waits for its result."""
        self.balance += amount
        for watcher in self.watchers:
            answer = yield watcher.callRemote("changed", self.owner, self.balance)
            print("server: the watcher said", answer)
        return self.balance


class Bank(pb.Root):
    def __init__(self):
        self.accounts = {}

    def remote_open(self, owner):
        return self.accounts.setdefault(owner, Account(owner))

    def remote_merge(self, first, second):
        """References that come back to their home are the objects themselves."""
        first.balance, second.balance = first.balance + second.balance, 0
        return type(first).__name__, first is self.accounts["Ann"]


class Watcher(pb.Referenceable):
    """Lives on the client."""

    def remote_changed(self, owner, balance):
        print(f"client: {owner} has {balance}")
        return "thank you"


async def main(reactor):
    port = reactor.listenTCP(0, pb.PBServerFactory(Bank()), interface="127.0.0.1")
    factory = pb.PBClientFactory()
    reactor.connectTCP("127.0.0.1", port.getHost().port, factory)

    bank = await factory.getRootObject()
    ann = await bank.callRemote("open", "Ann")
    bob = await bank.callRemote("open", "Bob")
    print("client: got a", type(ann).__name__)
    print("client: the same account again:", await bank.callRemote("open", "Ann") == ann)

    await ann.callRemote("watch", Watcher())
    print("client: pay in gave", await ann.callRemote("pay_in", 70))
    await bob.callRemote("pay_in", 30)
    print("client:", await bank.callRemote("merge", ann, bob))
    print("client: pay in gave", await ann.callRemote("pay_in", 0))
    factory.disconnect()


if __name__ == "__main__":
    task.react(main)
