"""
The framing part: ``twisted.protocols.basic`` and ``twisted.spread.banana`` receive in C.

The stock classes stay what and where they are.  Their ``dataReceived`` (and
``NetstringReceiver.makeConnection``, ``LineReceiver.sendLine``, ``Banana.sendEncoded``) and
the attributes over the parser's state are replaced on the class itself, so subclasses and
instances that exist already, and names that other modules have imported, all follow,
however late activation comes.  A method that somebody else has replaced before stays theirs.
Functions of ``twisted.protocols.amp`` are given other code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

from pyreactor._core import StandIn
from pyreactor._framing import amp
from pyreactor._framing.members import MODULES, members, replaced, replaced_beside

AMP = "twisted.protocols.amp"
TARGETS = (*MODULES, AMP)


def _active(module: ModuleType, name: str) -> bool:
    """Whether the class of that name receives in C."""
    stock = getattr(module, name, None)
    return isinstance(stock, type) and isinstance(stock.__dict__.get("dataReceived"), StandIn)


def activate(module: ModuleType) -> None:
    """Put the C framings into the classes of one of the modules."""
    if module.__name__ == AMP:
        amp.install()
    for name in MODULES.get(module.__name__, ()):
        stock = getattr(module, name, None)
        if not isinstance(stock, type) or _active(module, name) or replaced(stock):
            continue
        for member, value in members(stock).items():
            setattr(stock, member, value)


def _paths(names: list[tuple[ModuleType, str]], find: Callable[[type], list[str]]) -> str:
    """What is found to be replaced in the classes of these names."""
    found = [f"{name}.{each}" for module, name in names for each in find(getattr(module, name))]
    return ", ".join(found)


def status() -> tuple[bool, str]:
    """Whether the framings run in C in this process, and why."""
    imported = {name: module for name in MODULES if (module := sys.modules.get(name)) is not None}
    if TARGETS[0] not in imported:
        return False, f"{TARGETS[0]} is not imported"
    names = [(module, name) for target, module in imported.items() for name in MODULES[target]]
    stock = [name for module, name in names if not _active(module, name)]
    if not stock and (paths := _paths(names, replaced)):
        return False, f"not in C, as replaced: {paths}"
    if not stock and AMP in sys.modules and amp.stock_functions():
        return False, f"not by shorter ways: {', '.join(amp.stock_functions())}"
    if not stock:
        paths = _paths(names, replaced_beside)
        beside = f"; not in C, as replaced: {paths}" if paths else ""
        return True, f"all receivers of {' and '.join(imported)} parse in C{beside}"
    if len(stock) == len(names):
        return False, "not activated"
    return False, f"{', '.join(stock)}: dataReceived is not the C one"
