"""Nobody wants the result any more: what cancel() does, and what it does not."""

from twisted.internet.defer import CancelledError, Deferred


def show(result):
    if isinstance(result, str):
        print("  result:", result)
    else:
        print("  error:", result.type.__name__, str(result.value))
        return None


print("without a canceller: CancelledError, and the late result is dropped")
plain = Deferred().addBoth(show)
plain.cancel()
plain.callback("late")
print("  called:", plain.called)

print("with a canceller: it stops the work, here a print job")
queue = ["my job", "your job"]
printing = Deferred(lambda _: queue.remove("my job")).addBoth(show)
printing.cancel()
print("  still in the queue:", queue)

print("a canceller may settle the matter itself, by a result ...")
Deferred(lambda d: d.callback("the half that was there")).addBoth(show).cancel()
print("... or by another error")
Deferred(lambda d: d.errback(EOFError("stopped in the middle"))).addBoth(show).cancel()

print("too late: there is a result already, and cancel() is harmless, however often")
done = Deferred()
done.callback("done")
done.cancel()
done.cancel()
done.addBoth(show)

print("a chain that waits for another Deferred passes it on to that one")
inner = Deferred()
outer = Deferred().addCallback(lambda _: inner)
outer.callback(None)
outer.addErrback(lambda failure: failure.trap(CancelledError) and "the inner one was cancelled")
outer.addBoth(show)
outer.cancel()

print("callbacks go on after it, as after any error")
plain.addCallback(lambda _: print("  still called"))
