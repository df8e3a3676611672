"""A Deferred does not make slow code quick: three ways to do work that takes its time.

1. All at once, with a Deferred for the result: everybody else has to wait.
2. In small parts: between two of them the reactor gets a turn.
3. In a thread: the code stays as it was, and the reactor is free meanwhile.
"""

import threading
import time

from twisted.internet import defer, task, threads

PARTS = 5


def slow_part(number):
    """Stands for a computation; task.cooperate hands over the turn after 10 ms."""
    time.sleep(0.011)
    return number * number


def all_at_once(turn):
    return defer.succeed(sum(slow_part(number) for number in range(PARTS)))


def in_parts(turn):
    results = []

    def work():
        for number in range(PARTS):
            results.append(slow_part(number))
            yield  # the reactor may do other things here

    done = task.cooperate(work()).whenDone()
    return done.addCallback(lambda _: sum(results))


def in_a_thread(turn):
    def work():
        result = sum(slow_part(number) for number in range(PARTS))
        # Here only to make sure, however busy the machine is. It may block: it is in a thread.
        turn.wait(60)
        return result

    return threads.deferToThread(work)


async def main(reactor):
    for way in (all_at_once, in_parts, in_a_thread):
        turn = threading.Event()
        reactor.callLater(0, turn.set)
        result = await way(turn)
        print(f"{way.__name__}: {result}; the reactor had a turn meanwhile: {turn.is_set()}")
        if not turn.is_set():
            await task.deferLater(reactor, 0)


if __name__ == "__main__":
    task.react(main)
