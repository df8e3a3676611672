"""twisted.logger: events with fields, levels and namespaces, written as JSON and read again.

A text is made of an event only when somebody wants one. A program that reads the log finds the
fields themselves.
"""

import io
import json

from twisted.internet import task
from twisted.logger import (
    FilteringLogObserver,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    PredicateResult,
    eventsFromJSONLogFile,
    formatEvent,
    globalLogBeginner,
    jsonFileLogObserver,
)


class Kitchen:
    log = Logger()  # namespace and source come from the class

    def cook(self, what, minutes):
        self.log.info("{what} for {minutes} minutes", what=what, minutes=minutes)
        if minutes > 60:
            self.log.warn("{what} will be burnt", what=what)
        try:
            return 60 / minutes
        except ZeroDivisionError:
            # With the exception that is being handled.
            self.log.failure("no time for {what}", what=what)


def only(namespace):
    def predicate(event):
        mine = event["log_namespace"] == namespace
        return PredicateResult.maybe if mine else PredicateResult.no

    return predicate


async def main(reactor):
    everything, warnings = io.StringIO(), io.StringIO()
    levels = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)
    # An observer gets every event; a filter before it lets some of them through.
    observers = [
        FilteringLogObserver(jsonFileLogObserver(everything), [only("__main__.Kitchen")]),
        FilteringLogObserver(jsonFileLogObserver(warnings), [levels]),
    ]
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False)

    kitchen = Kitchen()
    kitchen.cook("rice", 20)
    kitchen.cook("stew", 90)
    await task.deferLater(reactor, 0, kitchen.cook, "soup", 0)

    print("as text:")
    for event in eventsFromJSONLogFile(io.StringIO(everything.getvalue())):
        failure = event.get("log_failure")
        ending = f" ({failure.type.__name__})" if failure else ""
        print(f"  {event['log_level'].name}: {formatEvent(event)}{ending}")

    print("as data:")
    for text in everything.getvalue().split("\x1e")[1:]:  # a record separator, before each event
        event = json.loads(text)
        print("  ", {key: event[key] for key in ("what", "minutes") if key in event})

    print("warnings and above:", warnings.getvalue().count("\x1e"))


if __name__ == "__main__":
    task.react(main)
