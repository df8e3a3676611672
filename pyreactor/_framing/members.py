"""What makes a Twisted protocol class use the C framings: shared by activation and basic."""

from __future__ import annotations

from collections.abc import Callable
from inspect import getattr_static
from sys import intern
from typing import Any

from pyreactor._core import FramingMethod, StandIn, _send_line
from pyreactor._framing.attributes import FramingAttribute
from pyreactor._untouched import defined_by

#: Framing, then the attributes over its state with what the stock class has there.
_Attributes = dict[str, tuple[Any, ...]]

STATE: dict[str, tuple[str, _Attributes]] = {
    "LineReceiver": ("line", {"_buffer": (b"",), "_busyReceiving": (False,)}),
    "LineOnlyReceiver": ("line_only", {"_buffer": (b"",)}),
    "IntNStringReceiver": ("intn", {"_unprocessed": (b"",), "_compatibilityOffset": (0,)}),
    "NetstringReceiver": (
        "netstring",
        {
            "_remainingData": (),
            "_payload": (),
            "_state": (),
            "_expectedPayloadSize": (),
            "_currentPayloadSize": (),
        },
    ),
    "Banana": ("banana", {"buffer": (b"",)}),
}

#: Where these classes are.
MODULES: dict[str, tuple[str, ...]] = {
    "twisted.protocols.basic": (
        "LineReceiver",
        "LineOnlyReceiver",
        "IntNStringReceiver",
        "NetstringReceiver",
    ),
    "twisted.spread.banana": ("Banana",),
}

#: What C replaces, or leaves out, when it receives: so a class that has another one of these
#: receives in Python.  (`dataReceived` itself is another thing: what is called is what is found.)
REPLACED: dict[str, tuple[str, ...]] = {
    "NetstringReceiver": (
        "_LENGTH",
        "_LENGTH_PREFIX",
        "_PARSING_LENGTH",
        "_PARSING_PAYLOAD",
        "_maxLengthSize",
        "_consumeData",
        "_consumeLength",
        "_checkPartialLengthSpecification",
        "_processLength",
        "_extractLength",
        "_checkStringSize",
        "_prepareForPayloadConsumption",
        "_consumePayload",
        "_extractPayload",
        "_payloadComplete",
        "_processPayload",
        "_checkForTrailingComma",
    ),
    "Banana": ("gotItem",),
}

#: The further methods that C stands in for; if one is not Twisted's own, none is put there.
_REQUIRED = {"NetstringReceiver": ("dataReceived", "makeConnection")}

#: Methods that C does not need for receiving: it stands in for them, or for what calls them.
BESIDE: dict[str, tuple[str, ...]] = {
    "LineReceiver": ("sendLine",),
    "Banana": ("sendEncoded", "_encode"),
}

#: Attributes that C reads, which a class may have made properties: then it receives in Python.
PLAIN: dict[str, dict[str, object]] = {
    "Banana": dict.fromkeys(("prefixLimit", "listStack", "incomingVocabulary", "currentDialect"))
}

#: The same for sending, in Python then, too.
PLAIN_TO_SEND: dict[str, object] = dict.fromkeys(
    (
        *("_smallestLongInt", "_largestLongInt", "_smallestInt", "_largestInt"),
        *("currentDialect", "outgoingSymbols"),
    )
)

#: The expressions that NetstringReceiver parses with.
_PATTERNS = {"_LENGTH": rb"(0|[1-9]\d*)(:)", "_LENGTH_PREFIX": rb"(0|[1-9]\d*)$"}


def original(stock: type, name: str) -> Any:
    """The Python method `name` of a stock class, whether or not C stands in for it now."""
    found = stock.__dict__[name]
    return found.__wrapped__ if isinstance(found, StandIn) else found


def _stocks_own(stock: type, name: str) -> bool:
    """Whether the method `name` is the one that Twisted defined, or C in its place."""
    found = stock.__dict__.get(name)
    return isinstance(found, StandIn) or defined_by(found, stock.__module__, name)


def _shown(stock: type) -> dict[str, object]:
    """The descriptors that a class needs whose state C has."""
    return dict.fromkeys(STATE[stock.__name__][1], FramingAttribute)


def _framing_method(
    stock: type, name: str, *needed: dict[str, object], fixed: tuple[str, ...] = ()
) -> FramingMethod:
    """C for the method `name` of a class that has what is `needed`, and all of `fixed`."""
    own = {each: _found(stock, each) for each in fixed if hasattr(stock, each)}
    every = {intern(each): value for part in (*needed, own) for each, value in part.items()}
    return FramingMethod(STATE[stock.__name__][0], original(stock, name), every)


def _found(stock: type, name: str) -> object:
    """What the class has under the name, not bound, and without C in its place."""
    found = getattr_static(stock, name)
    return found.__wrapped__ if isinstance(found, StandIn) else found


def receiving(kind: str, stock: Callable[..., Any]) -> StandIn:
    """C for a dataReceived that no class of Twisted's has."""
    return StandIn(FramingMethod(kind, stock, {"_buffer": FramingAttribute}).receive, stock)


def members(stock: type) -> dict[str, object]:
    """What must be set on a stock class, or defined in a subclass of it, to run in C."""
    kind, attributes = STATE[stock.__name__]
    replaced = REPLACED.get(stock.__name__, ())
    plain = PLAIN.get(stock.__name__, {})
    method = _framing_method(stock, "dataReceived", _shown(stock), plain, fixed=replaced)
    methods = {"dataReceived": method.receive}
    if kind == "line" and _stocks_own(stock, "sendLine"):
        methods["sendLine"] = _send_line
    if kind == "netstring":
        methods["makeConnection"] = _framing_method(stock, "makeConnection", _shown(stock)).connect
    if kind == "banana" and _stocks_own(stock, "sendEncoded") and _stocks_own(stock, "_encode"):
        method = _framing_method(stock, "sendEncoded", PLAIN_TO_SEND, fixed=("_encode",))
        methods["sendEncoded"] = method.send
    return {
        **{name: FramingAttribute(name, *initial) for name, initial in attributes.items()},
        **{name: StandIn(method, original(stock, name)) for name, method in methods.items()},
    }


def _other_patterns(stock: type) -> list[str]:
    if stock.__name__ != "NetstringReceiver":
        return []
    return [
        name
        for name, pattern in _PATTERNS.items()
        if getattr(stock.__dict__.get(name), "pattern", None) != pattern
    ]


def replaced(stock: type) -> list[str]:
    """What is not as Twisted defined it, of that which C replaces or leaves out to receive."""
    name = stock.__name__
    functions = [each for each in REPLACED.get(name, ()) if callable(getattr(stock, each, None))]
    names = dict.fromkeys((*_REQUIRED.get(name, ("dataReceived",)), *functions))
    return [each for each in names if not _stocks_own(stock, each)] + _other_patterns(stock)


def replaced_beside(stock: type) -> list[str]:
    """The same of what receiving does not need."""
    return [each for each in BESIDE.get(stock.__name__, ()) if not _stocks_own(stock, each)]
