"""In which order callbacks of asyncio and of Twisted run where both are due."""

import asyncio

import common
from twisted.internet import defer, reactor, task
from twisted.python import log

loop = reactor._asyncioEventloop
seen = []


def note(what):
    seen.append(what)


async def step(name, count):
    for i in range(count):
        note(f"{name}{i}")
        await asyncio.sleep(0)


async def a_task_begins_before_what_is_called_later():
    running = asyncio.ensure_future(step("task", 1))
    await task.deferLater(reactor, 0, note, "called later")
    await defer.Deferred.fromFuture(running)


async def from_a_callback_of_asyncio():
    done = defer.Deferred()

    def callback():
        loop.call_soon(note, "soon 1")
        reactor.callLater(0, note, "later 1")
        loop.call_soon(note, "soon 2")
        reactor.callLater(0, note, "later 2")
        reactor.callLater(0, done.callback, None)

    loop.call_soon(callback)
    await done


async def hops_and_steps():
    """Neither starves the other."""
    done = defer.Deferred()
    left = [200]

    def hop():
        left[0] -= 1
        if left[0]:
            reactor.callLater(0, hop)
        else:
            done.callback(None)

    steps = [0]

    def step():
        steps[0] += 1
        if left[0]:
            loop.call_soon(step)

    loop.call_soon(step)
    hop()
    await done
    note(f"at least as many steps as hops: {steps[0] >= 199}")


async def threads_in_order():
    done = defer.Deferred()

    def run():
        for i in range(5):
            reactor.callFromThread(note, f"from thread {i}")
        reactor.callFromThread(done.callback, None)

    reactor.callInThread(run)
    await done


async def threads_after_what_is_due():
    """A call from a thread is one that is timed for now."""
    done = defer.Deferred()

    def callback():
        for i in range(3):
            reactor.callFromThread(note, f"from thread {i}")
            reactor.callLater(0, note, f"later {i}")
        reactor.callFromThread(lambda: reactor.callFromThread(done.callback, None))

    loop.call_later(0, callback)
    await done


async def cancelled():
    future = loop.create_future()
    waiting = defer.Deferred.fromFuture(future)
    waiting.cancel()
    try:
        await waiting
    except BaseException as error:
        note(f"{type(error).__name__} {future.cancelled()}")
    other = defer.Deferred(lambda d: note("canceller")).asFuture(loop)
    other.cancel()
    await task.deferLater(reactor, 0.01, lambda: None)
    note(f"{other.cancelled()}")


async def main():
    for case in (
        a_task_begins_before_what_is_called_later,
        from_a_callback_of_asyncio,
        hops_and_steps,
        threads_in_order,
        threads_after_what_is_due,
        cancelled,
    ):
        await case()
        print(case.__name__, seen, flush=True)
        seen.clear()
    reactor.stop()


reactor.callLater(0, lambda: defer.ensureDeferred(main()).addErrback(log.err))
common.log_errors()
common.run()
