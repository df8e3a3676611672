"""A log of one's own for twistd, by an option on its command line.

PYTHONPATH=. twistd --logger=log_observer.terse -ny echo_services.tac

As a program it shows what such a line looks like.
"""

import sys

from twisted.logger import Logger, formatEvent, globalLogPublisher


def terse():
    """Called by twistd at the start: gives the observer, which gets every event."""

    def observe(event):
        text = formatEvent(event)
        if text:
            print(f"{event['log_level'].name[0].upper()} {text}", file=sys.__stdout__, flush=True)

    return observe


if __name__ == "__main__":
    globalLogPublisher.addObserver(terse())
    log = Logger()
    log.info("{count} clients", count=3)
    log.warn("that is {adjective} many", adjective="rather")
