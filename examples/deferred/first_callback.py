"""A Deferred stands for a result that is not there yet.

Who waits for the result adds a callback to it. Who has the result fires it. It does not matter
which of the two comes first, and no reactor has to run for it.
"""

from twisted.internet import reactor
from twisted.internet.defer import Deferred


def ask_oracle(question):
    """Gives back a Deferred at once; the answer comes when the reactor says that it is time."""
    answer = Deferred()
    reactor.callLater(0.01, answer.callback, f"{question} Perhaps.")
    return answer


def show(result):
    print("got:", result)


# Callback first, result afterwards.
result = Deferred()
result.addCallback(show)
print("nothing yet")
result.callback("a result")

# Result first: the callback is called the moment it is added.
result = Deferred()
result.callback("a result that waited")
print("still nothing")
result.addCallback(show)

# How it is in real programs: the result comes out of the event loop.
answer = ask_oracle("Will it rain?")
answer.addCallback(show)
answer.addCallback(lambda _: reactor.stop())
print("asked")
reactor.run()
