"""
Ctrl-C where Twisted's handlers are not installed: KeyboardInterrupt, wherever the program is.

Arguments: where SIGINT comes: `idle`, in a timed `call`, or while data is `received`.
"""

import os
import signal
import sys
import threading

import common
from twisted.internet import protocol, reactor
from twisted.python import log

where = sys.argv[1]
common.log_errors()


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


class Receiver(protocol.Protocol):
    def dataReceived(self, data):
        if where == "received":
            interrupt()
        print("received", data, flush=True)

    def connectionLost(self, reason):
        print("lost", reason.type.__name__, flush=True)


def call():
    interrupt()
    print("not reached", flush=True)


def stop_after_an_error(event):
    if event.get("isError"):
        common.later(0.2, reactor.stop)


if where == "idle":
    reactor.callWhenRunning(threading.Timer(0.3, interrupt).start)
elif where == "call":
    reactor.callLater(0.1, call)
else:
    client = common.raw(common.listen(Receiver))
    common.later(0.1, client.sendall, b"data")

log.addObserver(stop_after_an_error)
reactor.callLater(common.GIVE_UP_AFTER, print, "gave up")
reactor.callLater(common.GIVE_UP_AFTER, reactor.stop)
try:
    reactor.run(installSignalHandlers=False)
except KeyboardInterrupt:
    print("KeyboardInterrupt out of run()")
print("running:", reactor.running)
