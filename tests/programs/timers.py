"""Timed calls: order, cancel, reset, delay, misuse."""

from decimal import Decimal
from fractions import Fraction

import common
from twisted.internet import reactor
from twisted.internet.interfaces import IDelayedCall


def called():
    try:
        call.cancel()
    except Exception as error:
        print(type(error).__name__, error)
    print(call.called, call.cancelled, call.active())


# All calls that print are made one right after the other, and what is due less than 0.1 s earlier
# is made earlier: their order is the same where this program has to wait for a processor meanwhile.
start = reactor.seconds()
calls = [
    reactor.callLater(delay, print, "due", delay, flush=True)
    for delay in (0.6, 0.2, 0.4, 0, 0.0005, 1.0)
]
later, sooner, gone, put_off = (reactor.callLater(0.5, print, name) for name in "LSGP")
later.reset(0.7)
sooner.reset(0.1)
gone.cancel()
put_off.delay(0.4)
put_off.delay(-0.1)
reactor.callLater(Fraction(1, 4), print, "a fraction")
call = reactor.callLater(0.9, called)
reactor.callLater(delay=0.3, callable=print, sep="-")
reactor.callLater(0.5, print, "a", "b", sep="-")
print(IDelayedCall.providedBy(calls[0]), len(reactor.getDelayedCalls()) >= 6)
print(later.active(), gone.active(), later < sooner, sooner <= later)
print(later.getTime() - start > 0.6, 0.7 < put_off.getTime() - start < later.getTime() + 1)
for what in (gone.cancel, lambda: gone.reset(1), lambda: gone.delay(1)):
    try:
        what()
    except Exception as error:
        print(type(error).__name__, error)
for wrong in (-1, -0.5, "1", None, float("nan"), 10**400, Decimal(1), Fraction(-1, 2), [], 1j):
    try:
        reactor.callLater(wrong, print)
    except Exception as error:
        print(type(error).__name__, error)
reactor.callLater(True, print, "a bool").cancel()
for arguments in ((), (1,)):
    try:
        reactor.callLater(*arguments)
    except Exception as error:
        print(type(error).__name__)
order = []
for number in range(1000):
    reactor.callLater(0.15, order.append, number)


def chain(left):
    # A call made by a call runs in a later iteration, never in the same: calls from threads, which
    # begin an iteration, come before it.
    if left:
        before.append(len(after))
        reactor.callFromThread(after.append, left)
        reactor.callLater(0, chain, left - 1)
    else:
        reactor.stop()


before, after = [], []
reactor.callLater(1.1, chain, 3)
common.run()
print("chain", before, "complete", sorted(order) == list(range(1000)))
