"""chainDeferred: the result of one Deferred, or its error, fires another."""

from twisted.internet.defer import Deferred


def follow(first, second, name):
    first.addBoth(show, f"{name}: first")
    first.chainDeferred(second)
    second.addCallbacks(show, show, callbackArgs=(f"{name}: second",), errbackArgs=("error",))
    # The first has handed on its result and is at None now.
    first.addBoth(show, f"{name}: first, afterwards")


def show(result, who):
    print(who, "has", result if result is None or isinstance(result, str) else result.value)
    return result


first, second = Deferred(), Deferred()
follow(first, second, "by chainDeferred")
first.callback("news")

first, second = Deferred(), Deferred()
follow(first, second, "an error by chainDeferred")
second.addErrback(lambda _: None)
first.errback(RuntimeError("bad news"))

# A chain the other way round: the outer waits for the inner, because a callback gave it back.
outer, inner = Deferred(), Deferred()
outer.addCallback(lambda result: print("outer has", result) or inner)
outer.addCallback(show, "outer, which waited,")
inner.addCallback(show, "inner")
outer.callback("a question")
inner.callback("an answer")
