"""Calls at a later time: made, moved and cancelled.

`callLater` takes seconds, a function, and the function's arguments. It gives back an object by
which the call can be looked at, moved and cancelled, until it has happened.
"""

from twisted.internet import reactor
from twisted.internet.error import AlreadyCalled, AlreadyCancelled


def remind(who, what="tea"):
    print(f"{who}: {what} is ready")


def finish():
    for call, deed in ((early, early.cancel), (dropped, dropped.cancel)):
        try:
            deed()
        except (AlreadyCalled, AlreadyCancelled) as error:
            print(f"active: {call.active()}, {type(error).__name__}: {error}")
    print("calls left:", len(reactor.getDelayedCalls()))
    reactor.stop()


# They happen in the order of their times, not in the order in which they were made.
late = reactor.callLater(0.03, remind, "Ann", what="coffee")
early = reactor.callLater(0.01, remind, "Bob")

# Cancelled: it never happens.
dropped = reactor.callLater(0.02, remind, "nobody")
dropped.cancel()

# Moved to another time, counted from now; `delay` would count from the old time.
last = reactor.callLater(3600, finish)
last.reset(0.05)

print("active:", early.active(), late.active(), dropped.active(), last.active())
reactor.run()
