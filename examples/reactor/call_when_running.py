"""The shortest program with a reactor: something to do at the start, and an end.

The reactor is the event loop, and there is one in a program. `run` does not return before somebody
calls `stop`; what is to happen meanwhile has to be arranged before, or by what happens.
"""

from twisted.internet import reactor


def greet(name):
    print(f"Hello, {name}! The reactor runs: {reactor.running}")
    reactor.stop()


# The remaining arguments are handed to the function.
reactor.callWhenRunning(greet, "world")
reactor.addSystemEventTrigger("before", "shutdown", print, "about to stop")
reactor.addSystemEventTrigger("after", "shutdown", print, "stopped")

print("nothing has happened yet")
reactor.run()
print("run() has returned")
