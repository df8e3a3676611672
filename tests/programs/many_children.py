"""500 children, sixteen at a time: each ends once, and none stays behind as a zombie."""

import gc
import os
from collections import Counter

import common
from twisted.internet import process, protocol, reactor

COUNT, AT_ONCE = 500, 16
exited, ended, codes = Counter(), Counter(), Counter()
started = 0


class Child(protocol.ProcessProtocol):
    def __init__(self, number):
        self.number = number
        self.output = b""

    def outReceived(self, data):
        self.output += data

    def processExited(self, reason):
        exited[self.number] += 1

    def processEnded(self, reason):
        ended[self.number] += 1
        codes[reason.value.exitCode] += 1
        assert self.output == b"%d\n" % self.number, self.output
        if started < COUNT:
            start()
        elif len(ended) == COUNT:
            reactor.callLater(0.1, reactor.stop)


def start():
    global started
    script = f"echo {started}; exit {started % 3}"
    reactor.spawnProcess(Child(started), "/bin/sh", ["sh", "-c", script], {})
    started += 1


common.log_errors()
before = common.open_descriptors_before()
for _ in range(AT_ONCE):
    reactor.callWhenRunning(start)
common.run()
print("ended", len(ended), "each", set(exited.values()), set(ended.values()), sorted(codes.items()))
print("left open:", common.open_descriptors() - before)
gc.collect()
kept = process.ProcessReader, process.ProcessWriter, process.Process
print("left over:", sum(isinstance(each, kept) for each in gc.get_objects()))
try:
    print("a child is left", os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("no child is left")
