"""How late timed calls of half a millisecond come, in microseconds: one line of numbers."""

import time

from twisted.internet import reactor

DELAY, COUNT = 0.0005, 400
late = []


def schedule():
    reactor.callLater(DELAY, fire, time.time() + DELAY)


def fire(due):
    late.append((time.time() - due) * 1e6)
    if len(late) < COUNT:
        schedule()
    else:
        reactor.stop()


schedule()
reactor.run()
print(*late)
