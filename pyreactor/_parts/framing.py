"""
The framing part: ``twisted.protocols.basic`` receives in C.

The stock classes stay what and where they are.  Their ``dataReceived`` (and
``NetstringReceiver.makeConnection``, ``LineReceiver.sendLine``) and the attributes over
the parser's state are replaced on the class itself, so subclasses and instances that
exist already, and names that other modules have imported, all follow, however late
activation comes.  A method that somebody else has replaced before stays theirs.
"""

from __future__ import annotations

import sys
from types import ModuleType

from pyreactor._core import FramingMethod
from pyreactor._framing import STATE, members, untouched

TARGETS = ("twisted.protocols.basic",)


def _active(module: ModuleType, name: str) -> bool:
    """Whether the class of that name receives in C."""
    stock = getattr(module, name, None)
    return isinstance(stock, type) and isinstance(stock.__dict__.get("dataReceived"), FramingMethod)


def activate(module: ModuleType) -> None:
    """Put the C framings into the classes of ``twisted.protocols.basic``."""
    for name in STATE:
        stock = getattr(module, name, None)
        if not isinstance(stock, type) or _active(module, name) or not untouched(stock):
            continue
        for member, value in members(stock).items():
            setattr(stock, member, value)


def status() -> tuple[bool, str]:
    """Whether the framings run in C in this process, and why."""
    module = sys.modules.get(TARGETS[0])
    if module is None:
        return False, f"{TARGETS[0]} is not imported"
    stock = [name for name in STATE if not _active(module, name)]
    if not stock:
        return True, "all receivers of twisted.protocols.basic parse in C"
    if len(stock) == len(STATE):
        return False, "not activated"
    return False, f"{', '.join(stock)}: dataReceived is not the C one"
