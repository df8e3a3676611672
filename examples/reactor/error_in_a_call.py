"""An error in one call does not stop the reactor: it is logged, and the rest goes on."""

from twisted.internet import reactor
from twisted.logger import globalLogBeginner


def show(event):
    """A log observer: it gets every event of the log as a dict."""
    failure = event.get("log_failure")
    if failure is not None:
        print(f"logged: {failure.type.__name__}: {failure.getErrorMessage()}")


def divide(number, by):
    print(f"{number} / {by} = {number / by}")


globalLogBeginner.beginLoggingTo([show], redirectStandardIO=False)

reactor.callLater(0.01, divide, 10, by=2)
reactor.callLater(0.02, divide, 10, by=0)
reactor.callLater(0.03, divide, 10, by=5)
reactor.callLater(0.04, reactor.stop)
reactor.run()
