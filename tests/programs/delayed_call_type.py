"""What reactor.callLater gives is Twisted's own DelayedCall: its type, attributes, copies."""

import copy
import re
from decimal import Decimal
from fractions import Fraction

from twisted.internet import base, reactor
from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IDelayedCall


def show(*words):
    print(*(re.sub(r"0x[0-9a-f]+|-?\d+\.\d+(e-\d+)?s", "…", str(word)) for word in words))


def attempt(what):
    try:
        show(what())
    except Exception as error:
        show(type(error).__name__, error)


call = reactor.callLater(60, print, "argument", end="")
show(
    isinstance(call, DelayedCall), isinstance(call, base.DelayedCall), IDelayedCall.providedBy(call)
)
show(issubclass(type(call), DelayedCall), type(call).__name__, type(call).__module__)
show(call.debug, call.creator, call._repr, call.called, call.cancelled, call.delayed_time)
show(call.func is print, call.args, call.kw, type(call.time), call.seconds() > 0)
show(call.resetter == reactor._moveCallLaterSooner, call.canceller == reactor._cancelCallLater)
show(sorted(name for name in dir(call) if not name.startswith("__")))
show(call)

later = reactor.callLater(120, print)
show(call < later, call <= later, later < call, later > call, later >= call, call > later)
show(call == call, call == later, call != later, hash(call) == hash(call), len({call, later}))
show(sorted([later, call]) == [call, later])
for what in (
    lambda: call < 1,
    lambda: call > 1,
    lambda: call >= None,
    lambda: call > 1,
    lambda: call == 1,
    lambda: call.nothing,
):
    attempt(what)

call.delay(10)
show(call.delayed_time, call.activate_delay(), call.delayed_time)
call.reset(90)
show(call.delayed_time > 0)

double = copy.copy(call)
show("a copy of it is a DelayedCall:", isinstance(double, DelayedCall))
show(double.func is print, double.args, double.kw, double.time == call.time, double)
show(double in reactor.getDelayedCalls(), call in reactor.getDelayedCalls())
show(double.cancel(), double.cancelled, call.active())
own = reactor.callLater(60, print)
own.mine = ["attribute"]
deep = copy.copy(own)
show(deep.mine is own.mine, deep.active())
own.cancel()
gone = copy.copy(own)
show(gone.cancelled, hasattr(gone, "func"), gone)
attempt(gone.cancel)

for method in (call.reset, call.delay):
    for seconds in (None, "10", Decimal(10), Fraction(10), 10**400, True):
        attempt(lambda method=method, seconds=seconds: method(seconds))
show(type(call.delayed_time), call.active())

told = []
watched = reactor.callLater(60, print)
watched.canceller = lambda c: told.append(("cancel", c is watched, c.cancelled))
watched.resetter = lambda c: told.append(("reset", c is watched))
watched.reset(30)
watched.delay(-10)
watched.seconds = lambda: 1000.0
watched.reset(5)
show(watched.getTime())
watched.cancel()
show(told)
attempt(lambda: delattr(watched, "resetter"))
show(watched in reactor.getDelayedCalls())

debugged = reactor.callLater(60, print)
debugged.debug = True
debugged.cancel()
show(debugged, debugged._repr == repr(debugged))
left = reactor.callLater(0, print, "not called")
left.cancelled = 1
reactor.callLater(0, reactor.stop)
reactor.run()
