"""Blocking work in threads: results, exceptions, and calls back into the reactor's thread."""

import threading

from twisted.internet import reactor
from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.internet.threads import blockingCallFromThread, deferToThread

progress = []


def work(number):
    """Runs in a thread of the pool."""
    reactor.callFromThread(progress.append, number)
    return number * number


def fail():
    raise ValueError("this went wrong in the thread")


def ask_the_reactor():
    """Waits, in a thread, for what a function in the reactor's thread gives back."""
    return blockingCallFromThread(reactor, threading.current_thread)


@inlineCallbacks
def main():
    squares = yield gatherResults([deferToThread(work, number) for number in range(10)])
    print("squares:", squares)
    print("progress:", sorted(progress))
    try:
        yield deferToThread(fail)
    except ValueError as error:
        print("error:", error)
    thread = yield deferToThread(ask_the_reactor)
    print("called in the main thread:", thread is threading.main_thread())


def run():
    main().addErrback(lambda failure: failure.printTraceback()).addBoth(lambda _: reactor.stop())


reactor.suggestThreadPoolSize(4)
reactor.callWhenRunning(run)
reactor.run()
