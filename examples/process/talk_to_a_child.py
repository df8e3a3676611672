"""A child process with a conversation: written to, read from, and ended by a signal."""

import os
import sys

from twisted.internet import task
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.protocol import ProcessProtocol

CHILD = """
import sys
for line in sys.stdin:
    number = int(line)
    print(number * number, flush=True)
print("the child has read everything", file=sys.stderr)
"""


class Squares(ProcessProtocol):
    def __init__(self):
        self.output = self.errors = b""
        self.answers = DeferredQueue()
        self.ended = Deferred()

    def outReceived(self, data):
        # A pipe knows no lines: they may come in pieces.
        *lines, self.output = (self.output + data).split(b"\n")
        for line in lines:
            self.answers.put(int(line))

    def errReceived(self, data):
        self.errors += data

    def square(self, number):
        self.transport.write(b"%d\n" % number)
        return self.answers.get()

    def processEnded(self, reason):
        self.ended.callback(reason.value)


async def main(reactor):
    command = [sys.executable, "-c", CHILD]

    child = Squares()
    reactor.spawnProcess(child, command[0], command, env=os.environ)
    for number in (3, 12, 1000):
        print(f"{number} squared: {await child.square(number)}")
    child.transport.closeStdin()  # the child reads to the end
    end = await child.ended
    print("stderr:", child.errors.decode().strip())
    print(type(end).__name__, end.exitCode)

    child = Squares()
    reactor.spawnProcess(child, command[0], command, env=os.environ)
    print(f"7 squared: {await child.square(7)}")
    child.transport.signalProcess("KILL")
    end = await child.ended
    print(type(end).__name__, end.exitCode, "signal", end.signal)


if __name__ == "__main__":
    task.react(main)
