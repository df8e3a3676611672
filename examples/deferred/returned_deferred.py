"""A callback may give back a Deferred: the chain waits until that one has its result."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail

PRICES = {"apple": 3, "pear": 4}


def look_up(fruit):
    """The price of a fruit, from a slow shop."""
    price = Deferred()
    if fruit not in PRICES:
        return fail(LookupError(f"no {fruit} today"))
    reactor.callLater(0.01, price.callback, PRICES[fruit])
    return price


def order(fruit):
    print("ordering", fruit)
    chosen = Deferred()
    chosen.addCallback(look_up)  # gives back a Deferred ...
    chosen.addCallback(
        lambda price: print(f"the {fruit} costs {price}")
    )  # ... and here is its result
    chosen.addErrback(lambda failure: print("sorry,", failure.getErrorMessage()))
    chosen.callback(fruit)
    print("paused until the shop answers:", chosen.paused > 0)
    return chosen


order("apple").addCallback(lambda _: order("plum")).addCallback(lambda _: order("pear")).addBoth(
    lambda _: reactor.stop()
)
reactor.run()
