"""
The web part: the server of ``twisted.web`` works in C.

Twisted's classes stay what and where they are; methods of theirs are replaced by such in C, so
that subclasses, instances and imported names all follow.  A method that somebody else has replaced
before stays theirs, and one that a release has otherwise stays Twisted's.
"""

from __future__ import annotations

import sys
from types import ModuleType

TARGETS = ("twisted.web.http", "twisted.web.server", "twisted.web.static")


def activate(module: ModuleType) -> None:
    """Put the methods in C into the classes of one of the modules."""
    from pyreactor._web import setup

    setup.put_in(module)


def status() -> tuple[bool, str]:
    """Whether the server works in C in this process, and why (not)."""
    setup = sys.modules.get("pyreactor._web.setup")
    imported = [name for name in TARGETS if name in sys.modules]
    if not imported:
        return False, f"{TARGETS[0]} is not imported"
    if setup is None:
        return False, "not activated"
    left: dict[str, str] = {}
    for target in imported:
        for name in setup.MODULES[target]:
            left.update(setup.stock(name))
    if left:
        return False, f"not in C: {'; '.join(left.values())}"
    return True, f"the server of {' and '.join(imported)} works in C"
