"""gatherResults: all results, or the first error."""

from twisted.internet.defer import Deferred, FirstError, gatherResults


def show(names):
    print("everybody is here:", ", ".join(names))


def missing(failure):
    failure.trap(FirstError)
    print(f"number {failure.value.index} is missing:", failure.value.subFailure.getErrorMessage())


def arrive(name):
    print(name, "arrives")
    return name


def guests(number):
    return [Deferred().addCallback(arrive) for _ in range(number)]


ann, bob, cid = expected = guests(3)
gatherResults(expected).addCallbacks(show, missing)
cid.callback("Cid")
ann.callback("Ann")
bob.callback("Bob")

# consumeErrors: an error is told by the list alone, and does not turn up in the log as well.
ann, bob, cid = expected = guests(3)
gatherResults(expected, consumeErrors=True).addCallbacks(show, missing)
ann.callback("Ann")
bob.errback(ConnectionError("Bob's train has not left"))
# The others go on, though nobody listens any more.
cid.callback("Cid")
