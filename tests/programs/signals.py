"""Signals, while the reactor is idle and with or without its handlers."""

import os
import signal
import sys

import common
from twisted.internet import reactor

how = sys.argv[1]
number = getattr(signal, sys.argv[2])
own = []


def handler(signum, frame):
    own.append(signum)
    reactor.callFromThread(reactor.stop)


if how == "own":
    signal.signal(number, handler)


def fork_a_killer():
    if os.fork() == 0:
        import time

        time.sleep(0.2)
        os.kill(os.getppid(), number)
        os._exit(0)


reactor.callWhenRunning(fork_a_killer)
reactor.callLater(common.GIVE_UP_AFTER, print, "gave up")
common.log_errors()
started = reactor.seconds()
reactor.run(installSignalHandlers=how != "own")
print("stopped", own, getattr(reactor, "_exitSignal", None))
print("soon:", reactor.seconds() - started < common.GIVE_UP_AFTER / 2)
