"""What a signal's handler takes of the reactor's sleep, where no descriptor tells of the signal."""

import signal
import subprocess
import sys
import time

import common
from twisted.internet import abstract, reactor

# A signal soon; and a second and a half after that is handled, a line.
CODE = """
import os, signal, sys, time
sys.stdin.read(1)
time.sleep(0.3)
os.kill(os.getppid(), signal.SIGUSR1)
sys.stdin.read(1)
time.sleep(1.5)
print("line", flush=True)
"""


class Reader(abstract.FileDescriptor):
    def fileno(self):
        return child.stdout.fileno()

    def doRead(self):
        reactor.removeReader(self)
        note(f"read {child.stdout.readline()}")


def note(what):
    print(what)
    events.append(what)
    if len(events) == 2:
        reactor.stop()


def go_on():
    child.stdin.write(b"x")
    child.stdin.flush()


def handle(number, frame):
    print("handled")
    time.sleep(2.7)
    go_on()


def begin():
    reactor.callLater(2.5, note, "timed call")
    go_on()


events = []
child = subprocess.Popen(
    [sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
)
signal.signal(signal.SIGUSR1, handle)
reactor.addReader(Reader())
reactor.callWhenRunning(begin)
reactor.callLater(common.GIVE_UP_AFTER, reactor.stop)
reactor.run(installSignalHandlers=False)
child.communicate()
