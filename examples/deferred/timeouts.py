"""addTimeout: cancel by itself, if the result takes too long."""

from twisted.internet import task
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.task import deferLater


def say_so(result, seconds):
    """onTimeoutCancel: called only if time ran out; its result is the new one."""
    return f"{result} (after {seconds} s, which was too long)"


async def main(reactor):
    # In time. A timeout that is not needed leaves nothing behind in the reactor.
    quick = deferLater(reactor, 0.001, lambda: "quick").addTimeout(60, reactor)
    print(await quick, "calls left:", len(reactor.getDelayedCalls()))

    # Too late: TimeoutError, in place of the CancelledError that a cancel() gives.
    try:
        await deferLater(reactor, 60).addTimeout(0.01, reactor)
    except TimeoutError as error:
        print(type(error).__name__, error)
    cancelled = deferLater(reactor, 60).addTimeout(60, reactor)
    cancelled.cancel()
    try:
        await cancelled
    except CancelledError as error:
        print(type(error).__name__)

    # A canceller that has something to offer keeps it, and onTimeoutCancel may add to it.
    partial = Deferred(lambda deferred: deferred.callback("half of it"))
    partial.addTimeout(0.01, reactor, onTimeoutCancel=say_so)
    print(await partial)

    # Only what was added before addTimeout is under time: here the pause that comes after is not.
    late = deferLater(reactor, 0.001, lambda: "a")
    late.addTimeout(0.03, reactor)
    late.addCallback(lambda letter: deferLater(reactor, 0.04, lambda: letter + "b"))
    print(await late)


if __name__ == "__main__":
    task.react(main)
