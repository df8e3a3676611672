"""An error that nobody handles is written to the log, when the last reference to it goes.

As long as somebody keeps the Deferred, nothing is written: an errback might still be added.
"""

import gc

from twisted.internet.defer import Deferred, fail
from twisted.logger import globalLogBeginner
from twisted.python import log


def show(event):
    """A log observer: it gets every event of the log as a dict."""
    print("  logged:", event.get("why") or event["log_format"] or "the error itself")
    failure = event.get("log_failure") or event.get("failure")
    if failure is not None:
        print(f"    {failure.type.__name__}: {failure.getErrorMessage()}")


globalLogBeginner.beginLoggingTo([show], redirectStandardIO=False)

print("forgotten:")
fail(KeyError("forgotten"))
gc.collect()

print("kept:")
kept = fail(KeyError("kept"))
gc.collect()
print("  nothing so far")
print("no longer kept:")
kept.addCallback(print)
del kept
gc.collect()

print("handled:")
fail(KeyError("handled")).addErrback(lambda failure: print("  handled", failure.value))
gc.collect()

print("logged at once, by an errback at the end of the chain:")
chain = Deferred().addCallback(int).addErrback(log.err, "the number is none:")
chain.callback("many")
chain.addCallback(lambda result: print("  goes on with", result))
