"""
Calls nested as deep as asked for: deep.py KIND LEVELS STACK LIMIT

LEVELS is how many; STACK is the size in bytes of the thread that does it, or 0 for the
main thread; LIMIT is for sys.setrecursionlimit.  Prints the level that was reached.
"""

import sys
import threading
import warnings

from twisted.internet.defer import (
    Deferred,
    DeferredList,
    gatherResults,
    inlineCallbacks,
)
from twisted.internet.testing import StringTransport
from twisted.protocols.basic import (
    Int32StringReceiver,
    LineOnlyReceiver,
    LineReceiver,
    NetstringReceiver,
)
from twisted.python.failure import Failure

kind, levels, stack, limit = sys.argv[1], *map(int, sys.argv[2:5])
reached = 0


def reach(level):
    global reached
    reached = max(reached, level)


def ignore(*_):
    return None


def callback():
    chain = [Deferred() for _ in range(levels)]

    def nested(_, level):
        reach(level + 1)
        if level + 1 < levels:
            chain[level + 1].callback(None)

    for level, deferred in enumerate(chain):
        deferred.addCallback(nested, level)
        deferred.addErrback(ignore)
    chain[0].callback(None)


def errback():
    chain = [Deferred() for _ in range(levels)]
    failure = Failure(ValueError())

    def nested(_, level):
        reach(level + 1)
        if level + 1 < levels:
            chain[level + 1].errback(failure)

    for level, deferred in enumerate(chain):
        deferred.addErrback(nested, level)
        deferred.addErrback(ignore)
    chain[0].errback(failure)


def callback_of_the_next():
    chain = [Deferred() for _ in range(levels)]
    for deferred, after in zip(chain, chain[1:], strict=False):
        deferred.addCallback(after.callback)
    for level, deferred in enumerate(chain):
        deferred.addCallback(lambda _, level=level: reach(level + 1))
        deferred.addErrback(ignore)
    chain[0].callback(None)


def cancel():
    def canceller(_, level):
        reach(level + 1)
        if level + 1 < levels:
            chain[level + 1].cancel()

    chain = [Deferred(lambda d, level=level: canceller(d, level)) for level in range(levels)]
    for deferred in chain:
        deferred.addErrback(ignore)
    chain[0].cancel()


def collect(make):
    first = Deferred()
    made = [first]
    for level in range(levels):
        made.append(make([made[-1]]))
        made[-1].addBoth(lambda result, level=level: reach(level + 1) or result)
    first.callback(None)
    for deferred in made:
        deferred.addErrback(ignore)


def deferred_list():
    collect(DeferredList)


def gather_results():
    collect(lambda deferreds: gatherResults(deferreds, consumeErrors=True))


@inlineCallbacks
def calls_itself(level):
    reach(level)
    if level < levels:
        yield calls_itself(level + 1)


def inline_callbacks():
    calls_itself(1).addErrback(ignore)


def yields_itself(level):
    reach(level)
    if level < levels:
        yield yields_itself(level + 1)


def generators():
    inlineCallbacks(yields_itself)(1).addErrback(ignore)


async def awaits_itself(level):
    reach(level)
    if level < levels:
        await Deferred.fromCoroutine(awaits_itself(level + 1))


def coroutines():
    Deferred.fromCoroutine(awaits_itself(1)).addErrback(ignore)


def representation():
    chain = [Deferred() for _ in range(levels)]
    for deferred, after in zip(chain, chain[1:], strict=False):
        deferred.result = after
    try:
        reach(repr(chain[0]).count("current result"))
    finally:
        for deferred in chain[:-1]:
            del deferred.result


def framing(base, data):
    class Receiver(base):
        received = 0

        def lineReceived(self, line):
            self.received += 1
            reach(self.received)
            if self.received < levels:
                self.dataReceived(data)

        stringReceived = lineReceived  # noqa: N815

    receiver = Receiver()
    receiver.makeConnection(StringTransport())
    receiver.dataReceived(data)


def lines():
    framing(LineReceiver, b"x\r\n")


def lines_only():
    framing(LineOnlyReceiver, b"x\r\n")


def prefixed_strings():
    framing(Int32StringReceiver, b"\0\0\0\1x")


def netstrings():
    framing(NetstringReceiver, b"1:x,")


def link(connect):
    """A chain of Deferreds, each of which keeps the one before alive, and its end."""
    last = None
    for _ in range(levels):
        deferred = Deferred()
        if last is not None:
            connect(deferred, last)
        last = deferred
    reach(levels)


def dropped_results():
    link(lambda deferred, last: setattr(deferred, "result", last))


def dropped_callbacks():
    link(lambda deferred, last: deferred.addCallback(last.callback))


def dropped_cancellers():
    link(lambda deferred, last: setattr(deferred, "_canceller", last.callback))


def dropped_attributes():
    link(lambda deferred, last: setattr(deferred, "before", last))


def dropped_chain(wait):
    first = last = Deferred()
    for _ in range(levels):
        last = wait(last)
    reach(levels)
    del first, last


def dropped_lists():
    dropped_chain(lambda deferred: DeferredList([deferred]))


def dropped_generators():
    @inlineCallbacks
    def wait(deferred):
        yield deferred

    dropped_chain(wait)


def dropped_coroutines():
    async def wait(deferred):
        await deferred

    dropped_chain(lambda deferred: Deferred.fromCoroutine(wait(deferred)))


def dropped_timed_calls():
    from twisted.internet import reactor

    call = reactor.callLater(60, ignore)
    for _ in range(levels):
        call = reactor.callLater(60, call.cancel)
    reach(levels)
    for pending in reactor.getDelayedCalls():
        if pending is not call:
            pending.cancelled = 1  # and its function stays
    pending = None
    reactor.runUntilCurrent()
    call.cancel()


def work():
    warnings.simplefilter("ignore")  # of coroutines that were never awaited
    try:
        globals()[kind]()
    except RecursionError as error:
        print("RecursionError", str(error).startswith("maximum recursion depth exceeded"))
    print("reached", reached)


sys.setrecursionlimit(limit)
if stack:
    threading.stack_size(stack)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
else:
    work()
