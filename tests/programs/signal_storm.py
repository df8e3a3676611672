"""Signals by the hundred, children that end, and a stop by a debugger: nothing is lost."""

import os
import signal
import sys
import time

import common
from twisted.internet import protocol, reactor

ROUNDS = 2000  # of an echo
CALLS = 60  # timed ones, 10 ms apart
CHILDREN = 20  # that end at once
SIGNALS = 600  # sent 1 ms apart, ...
HEARD = 150  # ... but for the first ones, each of which is sent when the one before was heard

twisted_handlers = sys.argv[1] == "twisted"
handled = []
called = []
ended = []
done = []
tormentor = []


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class Client(protocol.Protocol):
    def connectionMade(self):
        self.received = 0
        self.transport.write(b"x")

    def dataReceived(self, data):
        self.received += len(data)
        if self.received < ROUNDS:
            self.transport.write(b"x")
        else:
            finished("echo")


class Child(protocol.ProcessProtocol):
    def processEnded(self, reason):
        ended.append(reason.type.__name__)
        if len(ended) == CHILDREN:
            finished("children")


def call(number):
    called.append(number)
    if len(called) == CALLS:
        finished("calls")


def torment():
    """What the child does: signals, and in the middle of them a stop."""
    parent = os.getppid()
    for number in range(SIGNALS):
        os.kill(parent, signal.SIGUSR1)
        if number < HEARD:
            os.read(heard[0], 1)
        else:
            time.sleep(0.001)
        if number == SIGNALS // 3:
            os.kill(parent, signal.SIGSTOP)
            for _ in range(20):
                os.kill(parent, signal.SIGUSR2)
                os.kill(parent, signal.SIGCHLD)
                time.sleep(0.01)
            os.kill(parent, signal.SIGCONT)
    os._exit(0)


def begin():
    tormentor.append(os.fork())
    if tormentor == [0]:
        torment()
    for number in range(CALLS):
        reactor.callLater(number / 100, call, number)
    if twisted_handlers:
        for _ in range(CHILDREN):
            reactor.spawnProcess(Child(), "/bin/true", ["true"], {})
    else:
        finished("children")
    common.connect(port, Client)
    reactor.callLater(0.5, wait_for_tormentor)


def wait_for_tormentor():
    """Which Twisted does not reap, as it did not start it."""
    if os.waitpid(tormentor[0], os.WNOHANG)[0]:
        finished("torment")
    else:
        reactor.callLater(0.05, wait_for_tormentor)


def handle(number, frame):
    handled.append(number)
    if number == signal.SIGUSR1:
        os.write(heard[1], b"x")


def finished(what):
    done.append(what)
    if len(done) == 4:
        reactor.callLater(0.1, idle)


def idle():
    reactor.callLater(1, look, time.process_time())


def look(used):
    # Not how fast it is, but that it sleeps.
    print("sleeps when idle:", time.process_time() - used < 0.5)
    reactor.stop()


heard = os.pipe()
signal.signal(signal.SIGUSR1, handle)
signal.signal(signal.SIGUSR2, handle)
common.log_errors()
port = common.listen(Echo)
reactor.callWhenRunning(begin)
reactor.callLater(common.GIVE_UP_AFTER, print, "gave up")
reactor.run(installSignalHandlers=twisted_handlers)
print("done", sorted(done))
print("calls in order", called == list(range(CALLS)), "children", ended)
# Signals of one number that wait become one.
print("handled", HEARD < handled.count(signal.SIGUSR1) <= SIGNALS, signal.SIGUSR2 in handled)
