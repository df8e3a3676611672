"""inlineCallbacks: waiting for Deferreds in the middle of a function.

The function is a generator. Where it yields a Deferred it stands still, and goes on with the
result, or with the exception, when that is there. Calling it gives a Deferred for what it returns.
"""

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks


def later(result):
    """A Deferred that fires soon, with a result or an exception."""
    deferred = Deferred()
    fire = deferred.errback if isinstance(result, Exception) else deferred.callback
    reactor.callLater(0.005, fire, result)
    return deferred


@inlineCallbacks
def add(first, second):
    """Another one that waits; to its callers it is a function that gives a Deferred."""
    return (yield later(first)) + (yield later(second))


@inlineCallbacks
def main():
    print("what is not a Deferred comes back at once:", (yield 1))
    print("a Deferred comes back as its result:", (yield later(2)))
    try:
        yield later(LookupError("three"))
    except LookupError as error:
        print("a Failure is raised as its exception:", error)
    print("the sum:", (yield add(4, 5)))
    for number in range(2):
        yield later(None)
        print("loops wait as well:", number)
    return "returned"


def run():
    main().addCallback(print).addErrback(lambda failure: failure.printTraceback()).addBoth(
        lambda _: reactor.stop()
    )
    print("main is waiting")


reactor.callWhenRunning(run)
reactor.run()
