"""
The log part: what logs, and what the log's lines are made of, of ``twisted.logger``,
``twisted.python.log`` and the access log of ``twisted.web``.

Methods in C take their places in Twisted's classes, and functions that make texts get other
code, so that whoever has imported them before has them, however late activation comes.
"""

from __future__ import annotations

import sys
from types import ModuleType

from pyreactor._log import setup

# twisted.logger is whole when twisted.python.log is, which imports it.
TARGETS = ("twisted.python.threadable", *setup.TEXTS)


def activate(module: ModuleType) -> None:
    """Change the functions of one of the modules."""
    if module.__name__ == "twisted.python.threadable":
        setup.install_lock(module)
        return
    setup.install_texts(module)
    if module.__name__ == "twisted.python.log":
        setup.install_methods(module)


def status() -> tuple[bool, str]:
    """Whether the log runs in C in this process, and why."""
    if "twisted.python.log" not in sys.modules:
        return False, "twisted.python.log is not imported"
    left = setup.stock_functions()
    if not left:
        return True, "events that nobody hears, times, and lines of access logs are made in C"
    reasons = "; ".join(setup.reasons.values()) or "replaced"
    return False, f"Twisted's own: {', '.join(left)} ({reasons})"
