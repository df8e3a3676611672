"""repr of timed calls, plain and in debug mode."""

import re

from twisted.internet import base, reactor


def show(call):
    text = re.sub(r"0x[0-9a-f]+", "ADDRESS", repr(call))
    text = re.sub(r"\[-?[0-9.e-]+s\]", "[TIME]", text)
    print(re.sub(r'File "[^"]*", line \d+', "FILE", text))


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
