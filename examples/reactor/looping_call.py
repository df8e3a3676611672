"""A LoopingCall that counts, beside a timer that is moved and one that is cancelled."""

from twisted.internet import reactor
from twisted.internet.task import LoopingCall

counts = {"ticks": 0, "last": 0.0}


def tick():
    counts["ticks"] += 1
    now = reactor.seconds()
    print(f"tick {counts['ticks']}, later than the last: {now > counts['last']}")
    counts["last"] = now
    if counts["ticks"] == 5:
        loop.stop()


def stopped(loop):
    print(f"stopped after {counts['ticks']} ticks, running: {loop.running}")
    never.cancel()
    print(f"cancelled timer is active: {never.active()}")
    moved.reset(0.01)


def finish():
    print(f"timers left: {len(reactor.getDelayedCalls())}")
    reactor.stop()


def failed(failure):
    failure.printTraceback()
    reactor.stop()


loop = LoopingCall(tick)
loop.start(0.02).addCallback(stopped).addErrback(failed)
never = reactor.callLater(1000, print, "this must not happen")
moved = reactor.callLater(1000, finish)

reactor.run()
