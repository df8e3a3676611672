"""
Python runs this at the start of every program that tests/serving.py starts.

It changes nothing of the program.  On SIGUSR2, and at the program's end, it writes down which
reactor the program has and which parts run in C, into a file named after the process.
"""

import atexit
import json
import os
import signal
import sys


def facts():
    reactor = sys.modules.get("twisted.internet.reactor")
    activation = sys.modules.get("pyreactor._activation.hook")
    kind = type(reactor)
    return {
        "reactor": f"{kind.__module__}.{kind.__qualname__}",
        "ran": reactor is not None and (reactor._startedBefore or not reactor._stopped),
        "parts": {} if activation is None else parts(activation),
    }


def parts(activation):
    """Whether each part runs in C; framings and web only if the program has use for them."""
    found = {name: in_c for name, (in_c, reason) in activation.statuses().items()}
    if "twisted.protocols.basic" not in sys.modules:
        del found["framing"]
    if not found["web"] and "twisted.web.http" not in sys.modules:
        del found["web"]
    return found


def write(*ignored):
    path = os.path.join(os.environ["PROBE"], str(os.getpid()))
    with open(path + ".new", "w") as file:
        json.dump(facts(), file)
    os.replace(path + ".new", path + ".json")


if "PROBE" in os.environ:
    atexit.register(write)
    signal.signal(signal.SIGUSR2, write)
