"""Work in a thread that nobody waits for, and how it reaches the reactor.

Almost nothing of Twisted may be called from another thread. `reactor.callFromThread` may: it makes
the reactor call a function in its own thread, soon.
"""

import threading

from twisted.internet import reactor

IN_ORDER = []


def in_main_thread():
    return threading.current_thread() is threading.main_thread()


def work(steps):
    """Blocks, so it is run in a thread."""
    print("working in the main thread:", in_main_thread())
    for step in range(1, steps + 1):
        reactor.callFromThread(report, step)
    reactor.callFromThread(reactor.stop)


def report(step):
    IN_ORDER.append((step, in_main_thread()))


reactor.callInThread(work, 4)
reactor.run()
for step, main in IN_ORDER:
    print(f"step {step}, reported in the main thread: {main}")
