"""A reactor with nothing to do and no timed call, ended by a signal alone."""

import os
import signal
import subprocess
import sys

from twisted.internet import reactor

number = getattr(signal, sys.argv[1])
killer = f"import os, time; time.sleep(0.3); os.kill({os.getpid()}, {int(number)})"
children = []
reactor.callWhenRunning(lambda: children.append(subprocess.Popen([sys.executable, "-c", killer])))
print("calls", reactor.getDelayedCalls())
reactor.run()
print("stopped by", reactor._exitSignal)
children[0].wait()
