"""A process that is stopped and continued while it iterates: the wait goes on."""

import subprocess
import sys

import common
from twisted.internet import abstract, reactor

CODE = """
import os, signal, sys, time
sys.stdin.read(1)
for _ in range(20):
    time.sleep(0.005)
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(0.001)
    os.kill(os.getppid(), signal.SIGCONT)
print("done", flush=True)
sys.stdin.read()
"""


class Reader(abstract.FileDescriptor):
    def fileno(self):
        return child.stdout.fileno()

    def doRead(self):
        print("read", child.stdout.readline())
        reactor.removeReader(self)


reactor.iterate(0)
child = subprocess.Popen(
    [sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
)
reactor.addReader(Reader())
child.stdin.write(b"begin")
child.stdin.flush()
reactor.iterate(common.GIVE_UP_AFTER)
print("iterated")
child.communicate()
