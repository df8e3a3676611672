"""A fork in a thread of a running reactor's pool: the child runs on its own, both go on."""

import os
import warnings

import common
from twisted.internet import defer, reactor, task, threads

# Python 3.12 and later warn of a fork where there are threads: that is what this is about.
warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork")


def fork():
    """In the pool's thread."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.write(write, b"hello from the child")
        os._exit(4)
    os.close(write)
    with open(read, "rb") as pipe:
        said = pipe.read()
    return said, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def main():
    beats = []
    heart = task.LoopingCall(lambda: beats.append(1))
    heart.start(0.001)
    for _ in range(5):
        print(await threads.deferToThread(fork))
    print(await defer.gatherResults([threads.deferToThread(fork) for _ in range(5)]))
    before = len(beats)
    await task.deferLater(reactor, 0.05)
    print("goes on", len(beats) > before)
    heart.stop()
    reactor.stop()


common.log_errors()
reactor.callWhenRunning(lambda: defer.ensureDeferred(main()))
common.run()
