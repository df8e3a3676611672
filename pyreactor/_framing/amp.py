"""
Shorter ways for functions of ``twisted.protocols.amp``, and for one that it stands on.

How their code comes to run is told in `pyreactor._code`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from struct import pack as _pack
from types import FunctionType
from typing import TYPE_CHECKING, Any

from pyreactor import _code, _versions

if TYPE_CHECKING:
    # What the functions below find in Twisted's modules.
    PYTHON_KEYWORDS: list[str] = []
    MAX_KEY_LENGTH = MAX_VALUE_LENGTH = 0
    nativeString: Any = None
    pack: Any = None
    log: Any = None
    _pyreactor: Any = None

#: The functions, what they are called here, and the digests of those that they stand for.
FUNCTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "twisted.protocols.basic": {
        "StatefulStringProtocol.stringReceived": ("stringReceived", "b5e411236295"),
    },
    "twisted.protocols.amp": {
        "_wireNameToPythonIdentifier": ("_wireNameToPythonIdentifier", "8edc4676f5ce"),
        "AmpBox.serialize": ("serialize", "bd4b925134eb"),
    },
}

#: What the second one leaves out.
_NATIVE_STRING = {"nativeString": "2641ad46c07d"}

#: So many names are noted at most.
MOST = 1000
#: The longest of a handler that is noted: a state may be what a peer sent.
LONGEST = 255

#: What a function of Twisted's was before it was given other code, by the name here.
stock: dict[str, Callable[..., Any]] = {}
#: Twisted's objects, as they were.
known: dict[str, Any] = {"pack": _pack}
#: By states of protocols: the names of what handles them.
handlers: dict[str, str] = {}
#: By names on the wire: what they are in Python, with these keywords.
identifiers: dict[bytes, str] = {}
#: The lengths up to 255, as they are sent.
prefixes = [_pack("!H", length) for length in range(256)]


def handler(name: str) -> str:
    """
    Note the name of what handles a state, as one object: then CPython has noted, too, where a
    class has it.  A state that is no plain str may have made any name.
    """
    if (
        type(name) is str
        and name.startswith("proto_")
        and len(name) <= LONGEST
        and len(handlers) < MOST
    ):
        name = handlers[name[len("proto_") :]] = sys.intern(name)
    return name


def stringReceived(self: Any, string: bytes) -> None:
    """Mirrors twisted.protocols.basic.StatefulStringProtocol.stringReceived."""
    try:
        state = self.state
        pto = _pyreactor.handlers.get(state) if type(state) is str else None
        if pto is None:
            pto = _pyreactor.handler("proto_" + state)
        statehandler = getattr(self, pto)
    except AttributeError:
        log.msg("callback", self.state, "not found")
    else:
        self.state = statehandler(string)
        if self.state == "done":
            self.transport.loseConnection()


def _wireNameToPythonIdentifier(key: bytes) -> str:
    """Mirrors twisted.protocols.amp._wireNameToPythonIdentifier."""
    known, identifiers = _pyreactor.known, _pyreactor.identifiers
    if (
        type(key) is not bytes
        or known["keywords"] != PYTHON_KEYWORDS
        or nativeString is not known["nativeString"]
    ):
        return str(_pyreactor.stock["_wireNameToPythonIdentifier"](key))
    found: str | None = identifiers.get(key)
    if found is None:
        found = _pyreactor.stock["_wireNameToPythonIdentifier"](key)
        if len(identifiers) < _pyreactor.MOST:
            identifiers[key] = found
    return found


def serialize(self: Any) -> bytes:
    """Mirrors twisted.protocols.amp.AmpBox.serialize."""
    prefixes: list[bytes] = _pyreactor.prefixes
    pieces: list[bytes] = []
    if pack is not _pyreactor.known["pack"] or (MAX_KEY_LENGTH, MAX_VALUE_LENGTH) != (255, 65535):
        return _pyreactor.stock["serialize"](self)  # type: ignore[no-any-return]
    for key, value in sorted(self.items()):
        if not type(key) is type(value) is bytes or len(key) > 255 or len(value) > 65535:
            return _pyreactor.stock["serialize"](self)  # type: ignore[no-any-return]
        length = len(value)
        prefix = prefixes[length] if length < 256 else pack("!H", length)
        pieces += (prefixes[len(key)], key, prefix, value)
    pieces.append(prefixes[0])
    return b"".join(pieces)


def install() -> None:
    """Give their code to those that are Twisted's as they are known here."""
    amp: Any = sys.modules["twisted.protocols.amp"]
    compat = import_module("twisted.python.compat")
    known["keywords"] = list(amp.PYTHON_KEYWORDS)
    known.update(_versions.examine(compat, _NATIVE_STRING)[0])
    for name, paths in FUNCTIONS.items():
        module = import_module(name)
        digests = {
            path: each for path, (_, each) in paths.items() if not _versions.is_given(module, path)
        }
        for path, function in _versions.examine(module, digests)[0].items():
            own: FunctionType = globals()[paths[path][0]]
            if own is not _wireNameToPythonIdentifier or "nativeString" in known:
                stock[own.__name__] = _code.give(function, own, sys.modules[__name__])


def stock_functions() -> list[str]:
    """Those of the functions that run Twisted's own code."""
    return [
        path
        for name, paths in FUNCTIONS.items()
        for path in paths
        if not _versions.is_given(sys.modules[name], path)
    ]
