"""async and await: what inlineCallbacks does, in the words that Python has for it today."""

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.task import deferLater, react


async def fetch(reactor, name, seconds):
    await deferLater(reactor, seconds)
    if name == "lost":
        raise FileNotFoundError("lost is lost")
    return name.upper()


async def main(reactor):
    # One after the other.
    print(await fetch(reactor, "first", 0.002))
    print(await fetch(reactor, "second", 0.001))

    # Side by side. A coroutine does nothing before somebody waits for it; fromCoroutine starts it
    # and makes a Deferred of it.
    both = [Deferred.fromCoroutine(fetch(reactor, name, 0.001)) for name in ("left", "right")]
    print(await gatherResults(both))

    try:
        await fetch(reactor, "lost", 0.001)
    except FileNotFoundError as error:
        print("caught:", error)

    # ensureDeferred takes either, and callbacks may be added as to any other.
    length = ensureDeferred(fetch(reactor, "callbacks", 0.001)).addCallback(len)
    print("length:", await length)


if __name__ == "__main__":
    react(main)
