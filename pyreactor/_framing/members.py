"""What makes a Twisted protocol class use the C framings: shared by activation and basic."""

from __future__ import annotations

from typing import Any

from pyreactor._core import FramingAttribute, FramingMethod
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

#: The methods that must be Twisted's own for C to receive: those that C replaces, and calls
#: that it leaves out (in C: the `fixed` of each framing).
_RECEIVING = {
    "NetstringReceiver": (
        "dataReceived",
        "makeConnection",
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
    "Banana": ("dataReceived", "gotItem"),
}

#: The expressions that NetstringReceiver parses with.
_PATTERNS = {"_LENGTH": rb"(0|[1-9]\d*)(:)", "_LENGTH_PREFIX": rb"(0|[1-9]\d*)$"}


def original(stock: type, name: str) -> Any:
    """The Python method `name` of a stock class, whether or not C stands in for it now."""
    found = stock.__dict__[name]
    return found.__wrapped__ if isinstance(found, FramingMethod) else found


def _stocks_own(stock: type, name: str) -> bool:
    """Whether the method `name` is the one that Twisted defined, or C in its place."""
    found = stock.__dict__.get(name)
    return isinstance(found, FramingMethod) or defined_by(found, stock.__module__, name)


def members(stock: type) -> dict[str, object]:
    """What must be set on a stock class, or defined in a subclass of it, to run in C."""
    kind, attributes = STATE[stock.__name__]
    result: dict[str, object] = {
        "dataReceived": FramingMethod(kind, original(stock, "dataReceived"), stock)
    }
    for name, initial in attributes.items():
        result[name] = FramingAttribute(name, *initial)
    if kind == "line" and _stocks_own(stock, "sendLine"):
        result["sendLine"] = FramingMethod("send_line", original(stock, "sendLine"))
    if kind == "netstring":
        result["makeConnection"] = FramingMethod(
            "netstring_connect", original(stock, "makeConnection"), stock
        )
    if kind == "banana" and _stocks_own(stock, "sendEncoded") and _stocks_own(stock, "_encode"):
        result["sendEncoded"] = FramingMethod("banana_send", original(stock, "sendEncoded"), stock)
    return result


def _parses_with_stocks_patterns(stock: type) -> bool:
    if stock.__name__ != "NetstringReceiver":
        return True
    return all(
        getattr(stock.__dict__.get(name), "pattern", None) == pattern
        for name, pattern in _PATTERNS.items()
    )


def untouched(stock: type) -> bool:
    """Whether all that C replaces or leaves out is still what Twisted defined."""
    names = _RECEIVING.get(stock.__name__, ("dataReceived",))
    return all(_stocks_own(stock, name) for name in names) and _parses_with_stocks_patterns(stock)
