"""Ctrl-C stops the reactor in good order: what was to be done at the shutdown is done.

python stop_by_ctrl_c.py           presses Ctrl-C by itself
python stop_by_ctrl_c.py --wait    waits for you
"""

import argparse
import os
import signal

from twisted.internet import reactor
from twisted.internet.task import deferLater


def clean_up():
    """A trigger may give back a Deferred: the reactor runs on until that has fired."""
    print("shutting down: saving ...")
    return deferLater(reactor, 0.02, print, "shutting down: saved")


def main():
    parser = argparse.ArgumentParser(description="Shows what Ctrl-C does.")
    parser.add_argument("--wait", action="store_true", help="wait for a Ctrl-C of yours")
    options = parser.parse_args()

    reactor.addSystemEventTrigger("before", "shutdown", clean_up)
    if options.wait:
        print("press Ctrl-C")
    else:
        reactor.callLater(0.01, os.kill, os.getpid(), signal.SIGINT)
    reactor.run()
    print("the reactor has stopped")


if __name__ == "__main__":
    main()
