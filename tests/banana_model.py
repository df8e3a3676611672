"""
Random programs over Banana, and their trace: for the differential test and the fuzzer.

Like `tests.framing_model`, which says more, for a protocol that also sends.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.spread import banana

from pyreactor._framing.members import members
from tests.chance import Chooser, pick
from tests.framing_model import Steps, chunks

#: What Twisted has, which must not be activated in this process.
Stock = banana.Banana
#: The same in C.
Fast: Any = type("Banana", (banana.Banana,), members(banana.Banana))


@dataclass
class Scenario:
    client: bool
    connect: bool
    dialect: bytes | None
    attributes: dict[str, Any]
    steps: list[tuple[Any, ...]]
    #: one for each callback, as long as there are any
    actions: list[tuple[Any, ...]] = field(default_factory=list)


# ---- what arrives


def digits(number: int) -> bytes:
    """A prefix: seven bits in each byte, the last ones first."""
    found = bytearray([number & 0x7F])
    while number := number >> 7:
        found.append(number & 0x7F)
    return bytes(found)


def padded(choose: Chooser, number: int) -> bytes:
    """The same with digits that add nothing, now and then."""
    return digits(number) + b"\0" * pick(choose, (0, 0, 0, 0, 0, 1, 9, 60, 63))


NUMBERS = (0, 1, 5, 127, 128, 2**31 - 1, 2**31, 2**56 - 1, 2**63 - 1, 2**63, 2**64, 2**200)
TYPES = {"int": b"\x81", "neg": b"\x83", "longint": b"\x85", "longneg": b"\x86"}
STRINGS = (b"", b"x", b"None", b"pb", b"none", b"message", b"\x80\xff", b"0123456789" * 30)
LIMIT = banana.SIZE_LIMIT


def received_item(choose: Chooser, depth: int) -> bytes:
    """One item as a peer sends it, with all that is in it."""
    kind = choose.integer(0, 9 if depth else 6)
    if kind <= 1:
        return padded(choose, pick(choose, NUMBERS)) + pick(choose, list(TYPES.values()))
    if kind == 2:
        number = pick(choose, (0.0, -1.5, 1e300, float("inf"), float("nan")))
        return b"\x84" + struct.pack("!d", number)
    if kind == 3:
        return digits(choose.integer(0, 33)) + b"\x87"
    if kind <= 6:
        text = pick(choose, STRINGS)
        return padded(choose, len(text)) + b"\x82" + text
    count = choose.integer(0, 4)
    parts = [received_item(choose, depth - 1) for _ in range(count)]
    return padded(choose, count) + b"\x80" + b"".join(parts)


NONSENSE = (
    b"\x88",
    b"\xff",
    b"\x05\x99",
    digits(LIMIT) + b"\x80",
    digits(LIMIT + 1) + b"\x80",
    digits(LIMIT) + b"\x82",
    digits(LIMIT + 1) + b"\x82",
    digits(2**70) + b"\x82",
    digits(2**70) + b"\x80",
    digits(2**70) + b"\x87",
    b"\1" * 63,
    b"\1" * 64,
    b"\1" * 65,
    b"\1" * 64 + b"\x81",
    b"\1" * 65 + b"\x81",
    b"\x80",
    b"\x82",
    b"\x87",
    b"\x84\0\0",
)


def piece(choose: Chooser) -> bytes:
    """Bytes that are likely to mean something."""
    kind = choose.integer(0, 15)
    if kind == 0:
        return choose.data(12)
    if kind == 1:
        return pick(choose, NONSENSE)
    item = received_item(choose, 4)
    return item[: choose.integer(0, len(item))] if kind == 2 else item


# ---- what is sent


class Kind(enum.IntEnum):
    ONE = 1


class OwnList(list[Any]):
    pass


class OwnIteration(list[Any]):
    def __iter__(self) -> Any:
        return iter((1, b"two"))


class OwnTuple(tuple[Any, ...]):
    pass


class OwnBytes(bytes):
    pass


class OwnFloat(float):
    pass


SENT_NUMBERS = (*NUMBERS, *(-number for number in NUMBERS), 2**448 - 1, 2**448, -(2**448), 130)
SENT_ODD: tuple[Any, ...] = (
    True,
    False,
    Kind.ONE,
    OwnList([1]),
    OwnIteration([1]),
    OwnTuple((1, b"x")),
    OwnBytes(b"None"),
    OwnBytes(b"other"),
    OwnFloat(2.5),
    bytearray(b"None"),
    "text",
    None,
    {},
    2j,
)


def expression(choose: Chooser, depth: int) -> Any:
    """What a program gives to sendEncoded."""
    kind = choose.integer(0, 9 if depth else 6)
    if kind <= 1:
        return pick(choose, SENT_NUMBERS)
    if kind == 2:
        return pick(choose, (0.0, -1.5, 1e300, float("inf"), float("nan")))
    if kind == 3:
        return pick(choose, (b"None", b"message", b"uncache"))
    if kind == 4 and choose.integer(0, 3) == 0:
        return pick(choose, SENT_ODD)
    if kind <= 6:
        return pick(choose, STRINGS)
    parts = [expression(choose, depth - 1) for _ in range(choose.integer(0, 4))]
    return tuple(parts) if kind == 7 else parts


# ---- what callbacks do

ACTIONS = (
    *("nothing",) * 6,
    *("count", "raise", "close", "reenter", "send", "send", "observe"),
    *("set buffer", "cut buffer", "cut buffer", "odd buffer", "delete buffer"),
    *("prefix limit", "set prefix limit", "size limit", "dialect", "odd dialect", "vocabulary"),
    *("new stack", "push", "odd push", "pop", "odd stack", "extend item"),
    *("own gotItem", "class gotItem", "own callback", "class callback", "class negotiation"),
    *("new class", "new dict", "clear dict", "odd attribute", "no transport"),
    *("own encode", "class encode", "symbols", "odd symbols", "int limits", "odd int limits"),
)
PREFIX_LIMITS: tuple[Any, ...] = (64, 64, 2, 1, 0, 7.5, True, -1, 2**70, None, "x")
SIZE_LIMITS: tuple[Any, ...] = (LIMIT, 1000, 3, 1, 0, -1, 2.5, True, 2**70, None)
PUSHES: tuple[Any, ...] = (
    lambda: (1, []),
    lambda: (2, []),
    lambda: (2**70, []),
    lambda: [2, []],
    lambda: (1.0, []),
    lambda: (True, []),
    lambda: (3, OwnList()),
    lambda: (1, [], "more"),
    lambda: (1, ()),
    lambda: (1,),
    lambda: None,
)


class OwnStack(list[Any]):
    pass


def action(choose: Chooser) -> tuple[Any, ...]:
    name = pick(choose, ACTIONS)
    if name in ("reenter", "set buffer"):
        return (name, piece(choose))
    if name == "send":
        return (name, expression(choose, 3))
    if name == "cut buffer":
        return (name, choose.integer(1, 8))
    if name in ("prefix limit", "set prefix limit"):
        return (name, pick(choose, PREFIX_LIMITS[: 4 if name.startswith("set") else None]))
    if name == "size limit":
        return (name, pick(choose, SIZE_LIMITS))
    if name == "push":
        return (name, choose.integer(0, 1))
    if name == "odd push":
        return (name, choose.integer(0, len(PUSHES) - 1))
    if name == "dialect":
        return (name, pick(choose, (b"pb", b"none", None, b"")))
    return (name,)


def scenario(choose: Chooser) -> Scenario:
    """A random program."""
    steps: list[tuple[Any, ...]] = []
    for _ in range(choose.integer(1, 4)):
        data = b"".join(piece(choose) for _ in range(choose.integer(0, 6)))
        steps += [("data", chunk) for chunk in chunks(choose, data)]
        kind = choose.integer(0, 7)
        if kind == 0:
            steps.append(("data", pick(choose, (bytearray(b"\1\x81"), "text", None))))
        elif kind == 1:
            steps.append(("act", action(choose)))
        elif kind == 2:
            steps.append(("data", b""))
        elif kind <= 5:
            steps.append(("act", ("send", expression(choose, 4))))
    return Scenario(
        client=choose.integer(0, 1) == 1,
        connect=choose.integer(0, 15) != 0,
        dialect=pick(choose, (b"pb", b"pb", b"pb", b"none", None)),
        attributes={"prefixLimit": 3} if choose.integer(0, 15) == 0 else {},
        steps=steps,
        actions=[action(choose) for _ in range(choose.integer(0, 8))],
    )


# ---- running it


def show(value: Any) -> tuple[str, str]:
    """What can be compared: also not-a-number, and 1 is not True."""
    return (type(value).__name__, repr(value))


class Transport(StringTransport):
    """A transport that tells the trace what is asked of it."""

    def __init__(self, events: list[Any]) -> None:
        super().__init__()
        self.events = events

    def write(self, data: bytes) -> None:
        self.events.append(("write", show(data)))

    def loseConnection(self) -> None:
        self.events.append(("loseConnection",))


class Run(Steps):
    """A scenario on its way: the subclass of Banana, its instance and the trace."""

    def __init__(self, base: type, plan: Scenario) -> None:
        self.plan = plan
        self.events: list[Any] = []
        self.actions = list(plan.actions)
        namespace = dict(plan.attributes)
        for name in ("expressionReceived", "connectionReady"):
            namespace[name] = self.callback(name)
        self.type = type("Program", (base,), namespace)
        self.protocol: Any = self.type(isClient=plan.client)
        self.transport = Transport(self.events)
        if plan.connect:
            self.protocol.makeConnection(self.transport)
        if plan.dialect is not None:
            self.protocol.currentDialect = plan.dialect

    def callback(self, name: str) -> Callable[..., Any]:
        def receive(protocol: Any, *arguments: Any) -> Any:
            self.events.append((name, *map(show, arguments)))
            self.observe()
            if len(self.events) > 3000:
                raise RuntimeError("enough")
            if self.actions:
                self.act(self.actions.pop(0), *arguments)

        return receive

    def observe(self) -> None:
        for name in ("buffer", "listStack", "currentDialect"):
            try:
                value = show(getattr(self.protocol, name))
            except Exception as error:  # noqa: BLE001 - any exception is part of the trace
                value = ("raised", type(error).__name__)
            self.events.append((name, value))

    def act(self, action: tuple[Any, ...], item: Any = None) -> None:
        """Do what a callback of the program does."""
        self.events.append(("act", action[0]))
        if action[0] == "extend item":
            if isinstance(item, list):
                item.append("extended")
            return
        name = action[0].replace(" ", "_")
        getattr(self, f"act_{name}", lambda *_: None)(*action[1:])

    def act_count(self) -> None:
        self.protocol.count = getattr(self.protocol, "count", 0) + 1

    def act_raise(self) -> None:
        raise KeyError("from a callback")

    def act_close(self) -> None:
        self.protocol.transport.loseConnection()

    def act_no_transport(self) -> None:
        self.protocol.transport = None

    def act_reenter(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def act_send(self, value: Any) -> None:
        self.events.append(("sent", self.protocol.sendEncoded(value)))

    def act_observe(self) -> None:
        self.observe()

    def act_set_buffer(self, data: bytes) -> None:
        self.protocol.buffer = data

    def act_cut_buffer(self, size: int) -> None:
        """May leave what the parser goes on with, which stock takes for an error."""
        self.protocol.buffer = self.protocol.buffer[size:]

    def act_odd_buffer(self) -> None:
        self.protocol.buffer = bytearray(self.protocol.buffer[2:])

    def act_delete_buffer(self) -> None:
        if "buffer" in self.protocol.__dict__:  # stock has not set it before it receives
            del self.protocol.buffer

    def act_prefix_limit(self, value: Any) -> None:
        self.protocol.prefixLimit = value

    def act_set_prefix_limit(self, value: int) -> None:
        self.protocol.setPrefixLimit(value)

    def act_size_limit(self, value: Any) -> None:
        banana.SIZE_LIMIT = value

    def act_dialect(self, value: Any) -> None:
        self.protocol.currentDialect = value

    def act_odd_dialect(self) -> None:
        self.protocol.currentDialect = bytearray(b"pb")

    def act_vocabulary(self) -> None:
        self.protocol.incomingVocabulary = [b"zero", b"one", b"two"]

    def act_new_stack(self) -> None:
        self.protocol.listStack = []

    def act_odd_stack(self) -> None:
        self.protocol.listStack = OwnStack(self.protocol.listStack)

    def act_push(self, kind: int) -> None:
        self.protocol.listStack.append(PUSHES[kind]())

    act_odd_push = act_push

    def act_pop(self) -> None:
        self.protocol.listStack.pop()

    def own(self, name: str) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            self.events.append(("own", name, *map(show, arguments[-1:])))
            self.observe()
            if self.actions:
                self.act(self.actions.pop(0))

        return called

    def act_own_gotItem(self) -> None:
        self.protocol.gotItem = self.own("gotItem")

    def act_class_gotItem(self) -> None:
        setattr(self.type, "gotItem", self.own("gotItem of the class"))  # noqa: B010

    def act_own_callback(self) -> None:
        self.protocol.expressionReceived = self.own("expressionReceived")

    def act_class_callback(self) -> None:
        name = "expressionReceived"
        setattr(self.type, name, self.callback(name + " of the changed class"))

    def act_class_negotiation(self) -> None:
        name = "callExpressionReceived"
        setattr(self.type, name, self.own(name))

    def act_new_class(self) -> None:
        self.protocol.__class__ = type("Other", (type(self.protocol),), {"prefixLimit": 6})

    def act_new_dict(self) -> None:
        self.protocol.__dict__ = dict(vars(self.protocol), buffer=self.protocol.buffer)

    def act_clear_dict(self) -> None:
        transport = self.protocol.transport
        self.protocol.__dict__.clear()
        self.protocol.transport = transport

    def act_odd_attribute(self) -> None:
        setattr(self.type, "prefixLimit", property(lambda protocol: 4))  # noqa: B010

    def own_encode(self, *arguments: Any) -> None:
        self.events.append(("encode", show(arguments[-2])))
        arguments[-1](b"own")

    def act_own_encode(self) -> None:
        self.protocol._encode = self.own_encode

    def act_class_encode(self) -> None:
        setattr(self.type, "_encode", lambda *arguments: self.own_encode(*arguments))  # noqa: B010

    def act_symbols(self) -> None:
        self.protocol.outgoingSymbols = {b"x": 0, b"pb": 2**40, b"None": 200}

    def act_odd_symbols(self) -> None:
        self.protocol.outgoingSymbols = {b"x": -1, b"pb": 2**70, b"None": True, b"none": 1.5}

    def act_int_limits(self) -> None:
        self.protocol.setPrefixLimit(1)

    def act_odd_int_limits(self) -> None:
        self.protocol._smallestInt = 3
        self.protocol._largestInt = 4.5


def trace(base: type, plan: Scenario) -> list[Any]:
    """Everything observable of a scenario, run against this class."""
    try:
        return Run(base, plan).run()
    finally:
        banana.SIZE_LIMIT = LIMIT
