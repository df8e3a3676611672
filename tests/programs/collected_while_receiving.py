"""Finalizers that change a receiving protocol, wherever a garbage collection may run them."""

import gc
import itertools

from twisted.internet.testing import StringTransport
from twisted.protocols import basic
from twisted.spread import banana

DATA = {
    basic.LineReceiver: b"abc\r\nde",
    basic.LineOnlyReceiver: b"abc\r\nde",
    basic.Int32StringReceiver: b"\0\0\0\1x\0\0",
    basic.NetstringReceiver: b"3:abc,4:a",
    banana.Banana: banana.encode([[[1, b"x"]] * 3]) + b"\1",
}


def see(protocol):
    vars(protocol)


def derive(protocol):
    protocol.__class__ = type("Other", (type(protocol),), {})


def replace(protocol):
    protocol.__dict__ = dict(vars(protocol))


def delete(protocol):
    protocol.extra = 1
    del protocol.extra


def fill(protocol):
    for number in range(40):
        setattr(protocol, f"extra{number}", number)


class Trap:
    def __init__(self, change, protocol):
        self.change, self.protocol = change, protocol
        self.me = self

    def __del__(self):
        self.change(self.protocol)


def receive(kind, change, threshold):
    received = []
    methods = dict.fromkeys(
        ("lineReceived", "stringReceived", "expressionReceived"),
        lambda self, what: received.append(what),
    )
    # A class of its own each time: what is special is the first instance that receives.
    protocol = type("Receiver", (kind,), {"isClient": False, **methods})()
    for number in range(3):
        setattr(protocol, f"own{number}", [number])
    protocol.makeConnection(StringTransport())
    gc.collect()
    Trap(change, protocol)
    gc.set_threshold(threshold)
    try:
        protocol.dataReceived(DATA[kind])
    finally:
        gc.set_threshold(700, 10, 10)
    return received, sorted(vars(protocol).keys() & {"own0", "own1", "own2", "extra0"})


gc.freeze()  # what there is already need not be looked at each time
for kind, change in itertools.product(DATA, (see, derive, replace, delete, fill)):
    outcomes = [receive(kind, change, threshold) for threshold in range(1, 21)]
    print(
        kind.__name__,
        change.__name__,
        outcomes[0][0],
        all(o[0] == outcomes[0][0] for o in outcomes),
    )
