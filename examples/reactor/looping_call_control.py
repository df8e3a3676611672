"""LoopingCall: arguments, when to begin, another interval, and how it ends."""

from twisted.internet import task
from twisted.internet.defer import inlineCallbacks


class Counter:
    """A loop that counts to three."""

    def __init__(self):
        self.count = 0
        self.loop = task.LoopingCall(self.step, "number", to=3)

    def step(self, word, to):
        self.count += 1
        print(word, self.count)
        if self.count == 2:
            # Takes effect with the next call that is arranged.
            self.loop.interval = 0.02
        elif self.count == to:
            self.loop.stop()


def fail_at(end, numbers):
    number = next(numbers)
    print("step", number)
    if number == end:
        raise ValueError(f"{number} is too much")


@inlineCallbacks
def main(reactor):
    # now=False: the first call is one interval away instead of at once.
    loop = Counter().loop
    ended = loop.start(0.01, now=False)
    print("running:", loop.running, "interval:", loop.interval)
    # stop() fires the Deferred that start() gave, with the loop itself.
    print("ended well:", (yield ended) is loop, "interval:", loop.interval)

    # A loop ends by itself when its function raises. The Deferred gets the error.
    loop = task.LoopingCall(fail_at, 2, iter(range(1, 100)))
    try:
        yield loop.start(0.01)
    except ValueError as error:
        print("ended badly:", error, "running:", loop.running)


if __name__ == "__main__":
    task.react(main)
