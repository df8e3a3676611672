"""
A shorter way for names of modules that warn of some of their names, as ``twisted.web.http`` does.

How its code comes to run is told in `pyreactor._code`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: What Twisted's function was before it was given other code, by the name here.
stock: dict[str, Callable[..., Any]] = {}


def getattribute(self: Any, name: str) -> Any:
    """Mirrors twisted.python.deprecate._ModuleProxy.__getattribute__."""
    get = object.__getattribute__
    wasPath = get(self, "_lastWasPath")
    deprecated = None if wasPath else get(self, "_deprecatedAttributes").get(name)
    # Twisted's tells the warning's place by the number of frames.
    value = deprecated.get() if deprecated is not None else getattr(get(self, "_module"), name)
    isPath = name == "__path__"
    # What warns may have asked for a __path__ meanwhile.
    if isPath or wasPath is not False or deprecated is not None:
        object.__setattr__(self, "_lastWasPath", isPath)
    return value
