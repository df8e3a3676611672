"""Timed calls: order, cancel, reset, delay, misuse."""

import common
from twisted.internet import reactor
from twisted.internet.interfaces import IDelayedCall

start = reactor.seconds()
calls = [
    reactor.callLater(delay, print, "due", delay, flush=True)
    for delay in (0.06, 0.02, 0.04, 0.0005, 0, 0.1)
]
print(IDelayedCall.providedBy(calls[0]), len(reactor.getDelayedCalls()) >= 6)
later, sooner, gone, put_off = (reactor.callLater(0.05, print, name) for name in "LSGP")
later.reset(0.07)
sooner.reset(0.01)
gone.cancel()
put_off.delay(0.04)
put_off.delay(-0.01)
print(later.active(), gone.active(), later < sooner, sooner <= later)
print(0.06 < later.getTime() - start < 0.09, 0.07 < put_off.getTime() - start < 0.1)
for what in (gone.cancel, lambda: gone.reset(1), lambda: gone.delay(1)):
    try:
        what()
    except Exception as error:
        print(type(error).__name__, error)
for wrong in (-1, "1", None, float("nan")):
    try:
        reactor.callLater(wrong, print)
    except Exception as error:
        print(type(error).__name__)
for arguments in ((), (1,)):
    try:
        reactor.callLater(*arguments)
    except Exception as error:
        print(type(error).__name__)


def called():
    try:
        call.cancel()
    except Exception as error:
        print(type(error).__name__, error)
    print(call.called, call.cancelled, call.active())


call = reactor.callLater(0.08, called)
reactor.callLater(delay=0.09, callable=print, sep="-")
reactor.callLater(0.091, print, "a", "b", sep="-")
order = []
for number in range(1000):
    reactor.callLater(0.011, order.append, number)


def chain(left):
    # A call made by a call runs in a later iteration, never in the same.
    if left:
        before.append(len(after))
        reactor.callLater(0, chain, left - 1)


before, after = [], []
reactor.callLater(0.095, chain, 3)
reactor.callLater(0.15, reactor.stop)
common.run()
print("chain", before, "complete", sorted(order) == list(range(1000)))
