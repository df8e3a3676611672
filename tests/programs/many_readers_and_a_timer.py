"""A timed call comes in time, also where telling the kernel of new readers takes longer."""

import os
import resource
import threading

from twisted.internet import reactor

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 20000), most))
READERS = min(most, 20000) - 200
ROUNDS = 5


class Reader:
    """One of many descriptors that never become readable."""

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def fileno(self):
        return self.descriptor

    def logPrefix(self):
        return "Reader"

    def doRead(self):
        raise AssertionError("nothing was written")

    def connectionLost(self, reason):
        raise AssertionError("nothing was lost")


def overslept():
    print("the reactor sleeps on", flush=True)
    os._exit(1)


def round_begins(left):
    for reader in readers:
        reactor.removeReader(reader)
    if left == 0:
        print("came every time")
        reactor.stop()
        return
    for reader in readers:
        reactor.addReader(reader)
    reactor.callLater(0.0025, round_begins, left - 1)


quiet, _ = os.pipe()
readers = [Reader(os.dup(quiet)) for _ in range(READERS)]
watchdog = threading.Timer(100, overslept)
watchdog.daemon = True
watchdog.start()
reactor.callWhenRunning(round_begins, ROUNDS)
reactor.run()
