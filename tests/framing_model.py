"""
Random programs over a framing, and their trace: for the differential tests and the fuzzers.

A scenario says what arrives in which chunks and what each callback does.  `trace` runs it
against one implementation and gives the list of everything observable, so two
implementations are the same as far as a scenario can tell if their traces are equal.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.protocols import basic as stock
from twisted.protocols.basic import IncompleteNetstring, NetstringParseError

from tests import framing_reference
from tests.chance import Chooser, pick


@dataclass
class Framing:
    """One stock class, and what programs do with it."""

    name: str
    callbacks: tuple[str, ...]
    #: attributes whose value is part of the trace
    observed: tuple[str, ...]
    #: class attributes of the program's subclass
    configure: Callable[[Chooser], dict[str, Any]]
    #: a chunk of input that is likely to mean something
    piece: Callable[[Chooser, dict[str, Any]], bytes]
    #: what a callback may do
    actions: tuple[str, ...]
    #: where the class is that says what is right
    reference: ModuleType = stock


@dataclass
class Scenario:
    framing: Framing
    attributes: dict[str, Any]
    steps: list[tuple[Any, ...]]
    #: one for each callback, as long as there are any
    actions: list[tuple[Any, ...]] = field(default_factory=list)
    #: attributes that instances of the class had before
    known: tuple[str, ...] | None = None


# ---- what arrives

DELIMITERS = (b"\r\n", b"\n", b"aa", b"aba", b"\r\n\r\n", b"", b"\0", b"--boundary--")
LIMITS: tuple[Any, ...] = (*(16384,) * 8, 5, 1, 0, 20, -1, 2**70, True, 7.5)
NETSTRING_LIMITS: tuple[Any, ...] = (*(99999,) * 6, 5, 1, 10, 9, 100, 2**70, True, 7.5)


#: Enough for a message to get the buffer's memory instead of a copy.
LARGE = b"0123456789abcdefghijklmnopqrstuvwxyz" * 250


def line_piece(choose: Chooser, attributes: dict[str, Any]) -> bytes:
    delimiter: bytes = attributes["delimiter"]
    kind = choose.integer(0, 7)
    if kind == 7:
        return LARGE[: choose.integer(3900, 9000)] + delimiter
    if kind == 0:
        return choose.data(40)
    if kind == 1:
        return delimiter * choose.integer(1, 4)
    if kind == 2:
        return delimiter[: choose.integer(0, len(delimiter))]
    if kind == 3:
        return b"a" * choose.integer(0, 30)
    return b"abxyz"[: choose.integer(0, 5)] + delimiter


def line_attributes(choose: Chooser) -> dict[str, Any]:
    return {"delimiter": pick(choose, DELIMITERS), "MAX_LENGTH": pick(choose, LIMITS)}


FORMATS = (("!I", 4), ("!H", 2), ("!B", 1), ("<H", 2), ("I", 4), ("=Q", 8), (">L", 4))
ODD_FORMATS = (("!h", 2), ("!I", 2), ("!HH", 4), ("xB", 2), ("!H", True))


def intn_attributes(choose: Chooser) -> dict[str, Any]:
    odd = choose.integer(0, 7) == 0
    form, size = pick(choose, ODD_FORMATS if odd else FORMATS)
    return {"structFormat": form, "prefixLength": size, "MAX_LENGTH": pick(choose, LIMITS)}


def intn_piece(choose: Chooser, attributes: dict[str, Any]) -> bytes:
    size = max(1, int(attributes["prefixLength"]))
    order = "little" if attributes["structFormat"][0] in "<I=" else "big"
    kind = choose.integer(0, 6)
    if kind == 0:
        return choose.data(12)
    if kind == 6 and size > 1:
        length = choose.integer(3900, 9000)
        return length.to_bytes(size, order) + LARGE[:length]  # type: ignore[arg-type]
    length = pick(choose, (0, 1, 2, 5, 6, 21, 2 ** (8 * size) - 1)) if kind == 1 else kind
    body = b"0123456789" * 3
    return length.to_bytes(size, order)[:size] + body[: min(length, 25)]  # type: ignore[arg-type]


def netstring_attributes(choose: Chooser) -> dict[str, Any]:
    return {"MAX_LENGTH": pick(choose, NETSTRING_LIMITS)}


NETSTRING_NONSENSE = (
    *(b"01:a,", b"-1:a,", b"+1:a,", b" 1:a,", b"1 :a,", b"1:ab", b"00:,", b":", b","),
    *(b"5\n", b"3\n:abc,", b"99999999999999999999:", b"4294967296:", b"1", b"", b"x"),
    *(b"9" * 5000, b"100001:", b"0:", b"0:,", b"7:"),
)


def netstring_piece(choose: Chooser, attributes: dict[str, Any]) -> bytes:
    kind = choose.integer(0, 10)
    if kind == 10:
        length = choose.integer(3900, 9000)
        return b"%d:%s," % (length, LARGE[:length])
    if kind == 0:
        return pick(choose, NETSTRING_NONSENSE)
    if kind == 1:
        return choose.data(6)
    body = b"0123456789"[: choose.integer(0, 10)]
    return b"%d:%s," % (len(body), body)


# The receivers that Twisted does not have take values of the usual kinds only.
USUAL_DELIMITERS = tuple(delimiter for delimiter in DELIMITERS if delimiter)
USUAL_LIMITS = (16384, 16384, 5, 1, 0, 20, -1, 2**60, True)


def usual_line_attributes(choose: Chooser) -> dict[str, Any]:
    return {
        "delimiter": pick(choose, USUAL_DELIMITERS),
        "MAX_LENGTH": pick(choose, USUAL_LIMITS),
    }


def usual_intn_attributes(choose: Chooser) -> dict[str, Any]:
    form, size = pick(choose, FORMATS)
    return {"structFormat": form, "prefixLength": size, "MAX_LENGTH": pick(choose, USUAL_LIMITS)}


def usual_netstring_attributes(choose: Chooser) -> dict[str, Any]:
    return {"MAX_LENGTH": pick(choose, (99999, 99999, 5, 1, 10, 9, 100, True))}


HEADERS = (("!HBI", 2), ("<hq", 1), ("!I", 0), ("=bB", 0), ("!Q2s?", 0), ("B", 0))


def header_attributes(choose: Chooser) -> dict[str, Any]:
    form, index = pick(choose, HEADERS)
    return {
        "headerFormat": form,
        "lengthField": index,
        "lengthIncludesHeader": choose.integer(0, 1) == 1,
        "MAX_LENGTH": pick(choose, USUAL_LIMITS),
    }


def header_piece(choose: Chooser, attributes: dict[str, Any]) -> bytes:
    if choose.integer(0, 5) == 0:
        return choose.data(12)
    layout = struct.Struct(attributes["headerFormat"])
    index = attributes["lengthField"]
    size = choose.integer(0, 30)
    if choose.integer(0, 7) == 0 and layout.size > 2:
        size = choose.integer(3900, 9000)
    fields = list(layout.unpack(bytes(layout.size)))
    fields[index] = size + (layout.size if attributes["lengthIncludesHeader"] else 0)
    header = bytearray(layout.pack(*fields))
    if choose.integer(0, 9) == 0:
        header[-1] ^= 0x80  # a huge length, a negative one, or another field
    return bytes(header) + LARGE[: max(size, 30)]


COMMON = (
    *("nothing",) * 6,
    *("count", "return", "raise", "close", "reenter", "limit", "observe", "no transport"),
    *("own callback", "class callback", "set buffer", "odd buffer", "new class", "odd attribute"),
)
BATCH = (
    *("nothing",) * 5,
    *("count", "return", "raise", "close", "reenter", "observe", "class callback"),
    *("pause", "resume"),
)
LINE = (*COMMON, "raw", "raw", "line", "line extra", "clear", "pause", "delimiter", "odd delimiter")

FRAMINGS = {
    "LineReceiver": Framing(
        "LineReceiver",
        ("lineReceived", "rawDataReceived", "lineLengthExceeded"),
        ("_buffer", "_busyReceiving", "line_mode", "paused"),
        line_attributes,
        line_piece,
        (*LINE, "resume", "class delimiter", "busy", "clear dict"),
    ),
    "LineOnlyReceiver": Framing(
        "LineOnlyReceiver",
        ("lineReceived", "lineLengthExceeded"),
        ("_buffer",),
        line_attributes,
        line_piece,
        (*COMMON, "delimiter", "odd delimiter", "class delimiter"),
    ),
    "IntNStringReceiver": Framing(
        "IntNStringReceiver",
        ("stringReceived", "lengthLimitExceeded"),
        ("_unprocessed", "_compatibilityOffset", "recvd", "paused"),
        intn_attributes,
        intn_piece,
        (*COMMON, "pause", "recvd", "recvd", "format", "resume"),
    ),
    "NetstringReceiver": Framing(
        "NetstringReceiver",
        ("stringReceived",),
        ("_remainingData", "brokenPeer", "_state", "_expectedPayloadSize"),
        netstring_attributes,
        netstring_piece,
        (*COMMON, "incomplete", "parse error", "payload", "override parser"),
    ),
    "BatchLineReceiver": Framing(
        "BatchLineReceiver",
        ("linesReceived", "lineLengthExceeded"),
        ("_buffer", "paused"),
        usual_line_attributes,
        line_piece,
        (*BATCH, "own callback", "set buffer", "usual delimiter", "usual limit", "no transport"),
        framing_reference,
    ),
    "BatchIntNStringReceiver": Framing(
        "BatchIntNStringReceiver",
        ("stringsReceived", "lengthLimitExceeded"),
        ("_buffer", "paused"),
        usual_intn_attributes,
        intn_piece,
        (*BATCH, "own callback", "set buffer", "format", "usual limit", "no transport"),
        framing_reference,
    ),
    "BatchNetstringReceiver": Framing(
        "BatchNetstringReceiver",
        ("stringsReceived",),
        ("brokenPeer", "paused"),
        usual_netstring_attributes,
        netstring_piece,
        (*BATCH, "own callback"),
        framing_reference,
    ),
    "HeaderReceiver": Framing(
        "HeaderReceiver",
        ("packetReceived", "lengthLimitExceeded", "headerInvalid"),
        ("paused",),
        header_attributes,
        header_piece,
        (*BATCH, "new class", "usual limit", "no transport"),
        framing_reference,
    ),
}


# ---- making a scenario


def action(choose: Chooser, framing: Framing, attributes: dict[str, Any]) -> tuple[Any, ...]:
    name = pick(choose, framing.actions)
    if name in ("reenter", "line extra", "recvd", "set buffer"):
        return (name, framing.piece(choose, attributes))
    if name == "limit":
        return (name, pick(choose, LIMITS))
    if name == "usual limit":
        return ("limit", pick(choose, USUAL_LIMITS))
    if name == "usual delimiter":
        return ("delimiter", pick(choose, USUAL_DELIMITERS))
    if name in ("delimiter", "class delimiter"):
        return (name, pick(choose, DELIMITERS))
    if name == "return":
        return (name, pick(choose, (1, 0, None, "", "stop", False)))
    return (name,)


def chunks(choose: Chooser, data: bytes) -> list[bytes]:
    """Cut the input: whole, byte by byte, or at random."""
    kind = choose.integer(0, 3)
    if kind == 0:
        return [data]
    if len(data) > 1000:
        size = choose.integer(400, 3000)
        return [data[i : i + size] for i in range(0, len(data), size)]
    if kind == 1:
        return [data[i : i + 1] for i in range(min(len(data), 300))]
    result = []
    while data:
        size = choose.integer(0, min(len(data), 30)) or 1
        result.append(data[:size])
        data = data[size:]
        if len(result) > 60:
            result.append(data)
            break
    return result


OWN_ATTRIBUTES = ("MAX_LENGTH", "delimiter", "paused", "line_mode", "recvd", "count")


def scenario(choose: Chooser, name: str) -> Scenario:
    framing = FRAMINGS[name]
    attributes = framing.configure(choose)
    steps: list[tuple[Any, ...]] = []
    for _ in range(choose.integer(1, 4)):
        pieces = [framing.piece(choose, attributes) for _ in range(choose.integer(0, 8))]
        steps += [("data", chunk) for chunk in chunks(choose, b"".join(pieces))]
        kind = choose.integer(0, 7)
        if kind == 0 and framing.reference is stock:
            steps.append(("odd data", pick(choose, (bytearray(b"a\n"), "text", None))))
        elif kind == 1:
            steps.append(("act", action(choose, framing, attributes)))
        elif kind == 2:
            steps.append(("data", b""))
    actions = [action(choose, framing, attributes) for _ in range(choose.integer(0, 8))]
    known = pick(choose, (None, (), OWN_ATTRIBUTES[:2], OWN_ATTRIBUTES))
    return Scenario(framing, attributes, steps, actions, known)


# ---- running it


class Transport(StringTransport):
    """A transport that tells the trace what is asked of it."""

    def __init__(self, events: list[Any]) -> None:
        super().__init__()
        self.events = events

    def loseConnection(self) -> None:
        self.events.append(("loseConnection",))
        super().loseConnection()

    def pauseProducing(self) -> None:
        self.events.append(("pause transport",))

    def resumeProducing(self) -> None:
        self.events.append(("resume transport",))


class OddFalse:
    """False, but nothing that C can tell to stay so."""

    def __bool__(self) -> bool:
        return False


def show(value: Any) -> Any:
    return (type(value).__name__, value)


class Steps:
    """The steps of a scenario, one after the other, and what is seen after each of them."""

    plan: Any
    protocol: Any
    events: list[Any]

    def act(self, action: tuple[Any, ...]) -> Any:
        """Do what a callback of the program does."""
        raise NotImplementedError

    def observe(self) -> None:
        """Add the protocol's state to the events."""
        raise NotImplementedError

    def step(self, kind: str, value: Any) -> None:
        if kind == "act":
            self.act(value)
            return
        self.events.append(("returned", show(self.protocol.dataReceived(value))))

    def run(self) -> list[Any]:
        for kind, value in self.plan.steps:
            try:
                self.step(kind, value)
            except Exception as error:  # noqa: BLE001 - any exception is part of the trace
                self.events.append(("raised", type(error).__name__, str(error)))
            self.observe()
            if len(self.events) > 6000:
                break
        return self.events


class Run(Steps):
    """A scenario on its way: the subclass of the receiver, its instance and the trace."""

    def __init__(self, module: ModuleType, plan: Scenario) -> None:
        self.plan = plan
        self.framing = plan.framing
        self.events: list[Any] = []
        self.actions = list(plan.actions)
        namespace: dict[str, Any] = dict(plan.attributes)
        for name in self.framing.callbacks:
            namespace[name] = self.callback(name)
        self.type = type("Program", (getattr(module, self.framing.name),), namespace)
        if plan.known is not None:
            self.precede(plan.known)
        self.protocol: Any = self.type()
        self.transport = Transport(self.events)
        self.protocol.makeConnection(self.transport)

    def precede(self, attributes: tuple[str, ...]) -> None:
        """An instance from before: CPython keeps the attributes of the next ones otherwise."""
        earlier: Any = self.type()
        earlier.makeConnection(StringTransport())
        with contextlib.suppress(Exception):
            earlier.dataReceived(b"")
        for name in attributes:
            setattr(earlier, name, None)

    def callback(self, name: str) -> Callable[..., Any]:
        def receive(protocol: Any, *arguments: Any) -> Any:
            self.events.append((name, *map(show, arguments)))
            if len(self.events) > 3000:
                raise RuntimeError("enough")
            if self.actions:
                return self.act(self.actions.pop(0))
            if name in ("lineLengthExceeded", "lengthLimitExceeded", "headerInvalid"):
                return protocol.transport.loseConnection()
            return None

        return receive

    def observe(self) -> None:
        for name in self.framing.observed:
            try:
                self.events.append((name, show(getattr(self.protocol, name))))
            except Exception as error:  # noqa: BLE001 - any exception is part of the trace
                self.events.append((name, type(error).__name__))

    def act(self, action: tuple[Any, ...]) -> Any:
        """Do what a callback of the program does."""
        self.events.append(("act", action[0]))
        name = action[0].replace(" ", "_")
        return getattr(self, f"act_{name}", lambda *_: None)(*action[1:])

    def act_count(self) -> None:
        self.protocol.count = getattr(self.protocol, "count", 0) + 1

    def act_return(self, value: Any) -> Any:
        return value

    def act_raise(self) -> None:
        raise KeyError("from a callback")

    def act_incomplete(self) -> None:
        raise IncompleteNetstring

    def act_parse_error(self) -> None:
        raise NetstringParseError

    def act_close(self) -> None:
        self.protocol.transport.loseConnection()

    def act_no_transport(self) -> None:
        self.protocol.transport = None

    def act_reenter(self, data: bytes) -> Any:
        return self.protocol.dataReceived(data)

    def act_limit(self, value: Any) -> None:
        self.protocol.MAX_LENGTH = value

    def act_observe(self) -> None:
        self.observe()

    def act_own_callback(self) -> None:
        name = self.framing.callbacks[0]

        def own(message: Any) -> None:
            self.events.append(("own", name, show(message)))
            self.protocol.__dict__.pop(name, None)

        setattr(self.protocol, name, own)

    def act_class_callback(self) -> None:
        name = self.framing.callbacks[0]
        setattr(self.type, name, self.callback(name + " of the changed class"))

    def act_new_class(self) -> None:
        self.protocol.__class__ = type("Other", (type(self.protocol),), {"MAX_LENGTH": 6})

    def act_odd_attribute(self) -> None:
        type(self.protocol).MAX_LENGTH = property(lambda protocol: 4)

    def act_set_buffer(self, data: bytes) -> None:
        setattr(self.protocol, self.framing.observed[0], data)

    def act_odd_buffer(self) -> None:
        setattr(self.protocol, self.framing.observed[0], bytearray(b"odd"))

    def act_raw(self) -> None:
        self.protocol.setRawMode()

    def act_line(self) -> None:
        self.protocol.setLineMode()

    def act_line_extra(self, data: bytes) -> Any:
        return self.protocol.setLineMode(data)

    def act_clear(self) -> None:
        self.events.append(show(self.protocol.clearLineBuffer()))

    def act_pause(self) -> None:
        self.protocol.pauseProducing()

    def act_resume(self) -> None:
        self.protocol.resumeProducing()

    def act_busy(self) -> None:
        self.protocol._busyReceiving = False

    def act_clear_dict(self) -> None:
        transport = self.protocol.transport
        self.protocol.__dict__.clear()
        self.protocol.transport = transport

    def act_delimiter(self, value: bytes) -> None:
        self.protocol.delimiter = value

    def act_class_delimiter(self, value: bytes) -> None:
        type(self.protocol).delimiter = value

    def act_odd_delimiter(self) -> None:
        self.protocol.delimiter = bytearray(b"\n")

    def act_recvd(self, data: bytes) -> None:
        self.protocol.recvd = data

    def act_format(self) -> None:
        self.protocol.structFormat = "!B"
        self.protocol.prefixLength = 1

    def act_payload(self) -> None:
        self.events.append(show(self.protocol._payload.getvalue()[:0]))

    def act_override_parser(self) -> None:
        stock = type(self.protocol)._payloadComplete
        type(self.protocol)._payloadComplete = lambda protocol: stock(protocol)


def trace(module: ModuleType, plan: Scenario) -> list[Any]:
    """Everything observable of a scenario, run against the classes of `module`."""
    return Run(module, plan).run()
