"""A call at a later time whose result, or error, somebody waits for."""

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, gatherResults
from twisted.internet.task import deferLater


def bake(what, minutes):
    if minutes > 60:
        raise ValueError(f"the {what} is burnt")
    return f"{what} after {minutes} minutes"


def wrong(failure):
    return f"{failure.type.__name__}: {failure.getErrorMessage()}"


def cancelled(failure):
    failure.trap(CancelledError)
    return "nobody wants it any more"


bread = deferLater(reactor, 0.02, bake, "bread", 40)
cake = deferLater(reactor, 0.01, bake, "cake", minutes=90).addErrback(wrong)

# A cancelled one is not called, and takes no time.
pie = deferLater(reactor, 3600, bake, "pie", 30).addErrback(cancelled)
pie.cancel()

# Without a function it is a pause.
pause = deferLater(reactor, 0.03)

everything = gatherResults([bread, cake, pie, pause])
everything.addCallback(lambda results: print(*results, sep="\n"))
everything.addBoth(lambda _: reactor.stop())
reactor.run()
