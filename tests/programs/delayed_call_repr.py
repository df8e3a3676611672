"""repr of timed calls, plain and in debug mode."""

import re

from twisted.internet import base, reactor


def show(call):
    text = re.sub(r"0x[0-9a-f]+", "ADDRESS", repr(call))
    text = re.sub(r"\[-?[0-9.e-]+s\]", "[TIME]", text)
    text = re.sub(r'File "[^"]*", line \d+', "FILE", text)
    # Who started this program is on the stack, too: keep only this file's own frames.
    head, mark, stack = text.partition("traceback at creation: \n\n")
    print(head + mark + stack[stack.rfind("FILE, in <module>") :])


class Callee:
    def method(self):
        pass

    def __call__(self):
        pass

    def __repr__(self):
        return "<callee>"


show(reactor.callLater(1, Callee().method))
show(reactor.callLater(1, Callee()))
call = reactor.callLater(1, print, 1, "two", sep=[3])
show(call)
call.cancel()
show(call)
base.DelayedCall.debug = True


def make():
    return reactor.callLater(1, print, "debugged")


call = make()
show(call)
call.cancel()
show(call)

for debug in (False, True, 0, True, False, None, 1, False):
    base.DelayedCall.debug = debug
    for _ in range(2):
        made = reactor.callLater(1, print)
        print(debug, made.creator is not None)
        made.cancel()
