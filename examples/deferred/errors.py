"""Errors travel the same way as results, past the callbacks to the next errback.

An errback gets a Failure: the exception together with where it came from. What it gives back is a
result again, unless it gives back the Failure or raises.
"""

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults


def measure(kilometres, hours):
    """The speed, after a while; or an error, after a while."""
    speed = Deferred()
    if hours > 0:
        reactor.callLater(0.01, speed.callback, kilometres / hours)
    else:
        reactor.callLater(0.02, speed.errback, ValueError(f"{hours} hours are too few"))
    return speed


def round_it(speed):
    return round(speed)


def show(result):
    print("result:", result)


def describe(failure):
    """The errback: called only if something before it in the chain went wrong."""
    print("type:", failure.type.__name__)
    print("value:", failure.value)
    print("message:", failure.getErrorMessage())
    print("traceback:", failure.getBriefTraceback().strip().replace("\n", " / "))
    print("is an ArithmeticError:", failure.check(ArithmeticError))
    return 0


def only_key_errors(failure):
    """trap is the `except` of errbacks: what is of another type goes on to the next errback."""
    failure.trap(KeyError)
    return "never seen here"


good = measure(100, 2).addCallback(round_it).addErrback(describe).addCallback(show)
bad = measure(100, 0).addCallback(round_it).addErrback(describe).addCallback(show)

# An exception in a callback is an error for what comes after it.
typo = measure(100, 3).addCallback(lambda speed: speed + " km/h")
typo.addErrback(only_key_errors)
typo.addErrback(lambda failure: failure.trap(TypeError, ValueError).__name__)
typo.addCallback(show)

gatherResults([good, bad, typo]).addBoth(lambda _: reactor.stop())
reactor.run()
