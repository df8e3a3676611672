"""A program puts functions of its own into twisted.internet.defer, and takes them out."""

import contextlib
from unittest import mock

from twisted.internet import defer

calls = []


@contextlib.contextmanager
def watched(name):
    """Note the calls of one of the module's functions, or classes, and pass them on."""
    original = getattr(defer, name)

    def wrapper(*args, **kwargs):
        calls.append(name)
        return original(*args, **kwargs)

    with mock.patch.object(defer, name, wrapper):
        yield
    print(name, "was called" if calls else "was not called", len(calls))
    calls.clear()


@defer.inlineCallbacks
def generator(deferred):
    try:
        yield deferred
        result = yield nested(deferred)
    except defer.CancelledError:
        return "cancelled"
    return result


def nested(deferred):
    result = yield deferred
    return ("nested", result)


async def coroutine(deferred):
    await deferred
    return await defer.inlineCallbacks(nested)(defer.succeed(2))


def run():
    for start in (
        generator,
        lambda deferred: defer.ensureDeferred(coroutine(deferred)),
        lambda deferred: defer.Deferred.fromCoroutine(coroutine(deferred)),
        lambda deferred: defer.maybeDeferred(coroutine, deferred),
    ):
        for end in ("fire", "fail", "cancel", "fired before"):
            deferred = defer.Deferred()
            if end == "fired before":
                deferred.callback(1)
            results = []
            running = start(deferred)
            running.addErrback(lambda failure: failure.type.__name__).addCallback(results.append)
            if end == "fire":
                deferred.callback(1)
            elif end == "fail":
                deferred.errback(ValueError())
            elif end == "cancel":
                running.cancel()
            print("  ", results, isinstance(running, defer.Deferred))


run()
print("calls before", calls)
for name in (
    "_inlineCallbacks",
    "_gotResultInlineCallbacks",
    "_CancellationStatus",
    "_addCancelCallbackToDeferred",
    "_handleCancelInlineCallbacks",
    "_cancellableInlineCallbacks",
    "_copy_context",
):
    with watched(name):
        run()
run()
print("calls after", calls)
with watched("inlineCallbacks"):
    defer.inlineCallbacks(nested)(defer.succeed(1))
for name in ("maybeDeferred", "succeed", "ensureDeferred", "gatherResults"):
    with watched(name):
        argument = int if name == "maybeDeferred" else []
        argument = defer.Deferred() if name == "ensureDeferred" else argument
        getattr(defer, name)(argument)
for name in ("_runCallbacks", "_startRunCallbacks", "callback", "addBoth", "addCallbacks"):
    original = getattr(defer.Deferred, name)

    def method(self, *args, name=name, original=original, **kwargs):
        calls.append(name)
        return original(self, *args, **kwargs)

    with mock.patch.object(defer.Deferred, name, method):
        run()
    print(name, len(calls))
    calls.clear()
run()
print("calls at last", calls)
