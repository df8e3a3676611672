"""A program that puts something around the reactor's poller learns when it sleeps, as in stock."""

from __future__ import annotations

import pytest

from tests.support import PYREACTOR, python

#: As Synapse measures the time of a tick: what passes from one poll to the next.
SYNAPSE = """
import json, sys, time
from twisted.internet import protocol, reactor
from twisted.internet.epollreactor import EPollReactor

assert isinstance(reactor, EPollReactor)

class Timed:
    def __init__(self, inner):
        self.inner, self.asked, self.ticks, self.last = inner, [], [], time.monotonic()

    def poll(self, timeout, *more):
        self.asked.append(timeout)
        self.ticks.append(time.monotonic() - self.last)
        found = self.inner.poll(timeout, *more)
        self.last = time.monotonic()
        return found

    def __getattr__(self, name):
        return getattr(self.inner, name)

class Slow(protocol.Protocol):
    def dataReceived(self, data):
        time.sleep(0.3)
        self.transport.loseConnection()

class Client(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(b"x")
    def connectionLost(self, reason):
        reactor.callInThread(reactor.callFromThread, reactor.stop)

reactor._poller = timed = Timed(reactor._poller)
port = reactor.listenTCP(0, protocol.Factory.forProtocol(Slow), interface="127.0.0.1")
factory = protocol.ClientFactory.forProtocol(Client)
reactor.callLater(0.01, reactor.connectTCP, "127.0.0.1", port.getHost().port, factory)
reactor.run()
print(sum(tick >= 0.3 for tick in timed.ticks), any(asked < 0 for asked in timed.asked))
"""


@pytest.mark.parametrize("side", ["0", ""])
def test_work_and_sleep_are_told_apart(side: str) -> None:
    """A callback that blocks is in a tick; waiting for the network is not."""
    ran = python("-c", SYNAPSE, runner=PYREACTOR, env={"PYREACTOR": side})
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("1 ")


RAISES = """
from twisted.internet import reactor
from twisted.python import log

class Broken:
    def __init__(self, inner):
        self.inner, self.count = inner, 0
    def poll(self, *arguments):
        self.count += 1
        if self.count == 2:
            reactor._poller = self.inner
            raise RuntimeError("no poll")
        return self.inner.poll(*arguments)
    def __getattr__(self, name):
        return getattr(self.inner, name)

def observe(event):
    if event["isError"]:
        print(event["failure"].getErrorMessage())

log.addObserver(observe)
reactor._poller = Broken(reactor._poller)
reactor.callLater(0, lambda: reactor.callLater(0, lambda: reactor.callLater(0.01, reactor.stop)))
reactor.run()
print("ended")
"""


@pytest.mark.parametrize("side", ["0", ""])
def test_what_a_poller_raises_is_logged(side: str) -> None:
    """And the loop goes on; by itself, once its own poller is put back."""
    ran = python("-c", RAISES, runner=PYREACTOR, env={"PYREACTOR": side})
    assert (ran.returncode, ran.stdout) == (0, "no poll\nended\n"), ran.stderr


GIVES_WORK = """
import sys, threading, time
from twisted.internet import reactor

def call():
    reactor.callFromThread(reactor.stop)

def call_from_thread():
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()

def be_interrupted():
    call()
    raise InterruptedError(4, "a signal came")

class Busy:
    def __init__(self, inner, work):
        self.inner, self.work = inner, work
    def poll(self, timeout, maxevents):
        assert isinstance(timeout, (float, int)) and maxevents > 0
        if self.work is not None and timeout > 1:
            work, self.work = self.work, None
            work()
        return self.inner.poll(timeout, maxevents)
    def __getattr__(self, name):
        return getattr(self.inner, name)

reactor._poller = Busy(reactor._poller, vars()[sys.argv[1]])
reactor.callLater(500, print, "only now")
reactor.run()
print("ended")
"""


@pytest.mark.parametrize("work", ["call", "call_from_thread", "be_interrupted"])
@pytest.mark.parametrize("side", ["0", ""])
def test_what_comes_before_the_sleep_ends_it(side: str, work: str) -> None:
    """What is around the poller, or a thread meanwhile, gives the reactor something to do."""
    ran = python("-c", GIVES_WORK, work, runner=PYREACTOR, env={"PYREACTOR": side})
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ended\n", "")
