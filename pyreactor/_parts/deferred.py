"""The Deferred part: puts the C Deferred in the place of Twisted's."""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType
from typing import Any

TARGETS = ("twisted.internet.defer",)

#: Names in twisted.internet.defer that are replaced.
NAMES = (
    "Deferred",
    "DeferredList",
    "succeed",
    "fail",
    "maybeDeferred",
    "ensureDeferred",
    "gatherResults",
    "inlineCallbacks",
    "_cancellableInlineCallbacks",
)


def activate(module: ModuleType) -> None:
    """Replace the names in ``module``, and wherever they have been imported to."""
    from pyreactor import _defer_setup, defer

    if module.Deferred is defer.Deferred:
        return
    replaced: dict[int, tuple[Any, Any]] = {}
    for name in NAMES:
        old, new = getattr(module, name), getattr(defer, name)
        replaced[id(old)] = (old, new)
        setattr(module, name, new)
    for cls in (defer.Deferred, defer.DeferredList):
        cls.__module__ = module.__name__
    _order_subclasses(module, defer, _defer_setup.STOCK_SUBCLASSES)
    _rebind_everywhere(replaced, skip={defer.__name__, _defer_setup.__name__, __name__})


def _order_subclasses(module: ModuleType, defer: ModuleType, stock: list[type]) -> None:
    """Ours first, then what else there is, so that both kinds are Deferreds to stock code."""
    subclasses = module._DEFERRED_SUBCLASSES
    ours = [defer.Deferred, defer.DeferredList]
    others = [cls for cls in subclasses if cls not in ours]
    subclasses[:] = ours + others


def _rebind_everywhere(replaced: dict[int, tuple[Any, Any]], skip: set[str]) -> None:
    """Replace what ``from twisted.internet.defer import …`` has bound elsewhere."""
    for name, module in list(sys.modules.items()):
        if name not in skip and isinstance(module, ModuleType):
            _rebind_namespace(module, vars(module), replaced, name)


def _rebind_namespace(
    owner: Any, namespace: Any, replaced: dict[int, tuple[Any, Any]], module: str
) -> None:
    for name, value in list(namespace.items()):
        found = replaced.get(id(value))
        if found is not None and found[0] is value:
            try:
                setattr(owner, name, found[1])
            except (AttributeError, TypeError):
                continue
        elif isinstance(value, FunctionType):
            _rebind_defaults(value, replaced)
        elif isinstance(value, type) and getattr(value, "__module__", None) == module:
            if owner is not value:
                _rebind_namespace(value, vars(value), replaced, module)


def _rebind_defaults(function: FunctionType, replaced: dict[int, tuple[Any, Any]]) -> None:
    """Default values of parameters, such as ``def f(factory=Deferred)``."""
    defaults = function.__defaults__ or ()
    if any(id(value) in replaced for value in defaults):
        function.__defaults__ = tuple(
            replaced[id(value)][1] if id(value) in replaced else value for value in defaults
        )
    for name, value in (function.__kwdefaults__ or {}).items():
        if id(value) in replaced and function.__kwdefaults__ is not None:
            function.__kwdefaults__[name] = replaced[id(value)][1]


def status() -> tuple[bool, str]:
    """Whether twisted.internet.defer holds the C classes now, and why (not)."""
    module = sys.modules.get("twisted.internet.defer")
    if module is None:
        return False, "twisted.internet.defer has not been imported"
    try:
        from pyreactor import _core
    except ImportError as error:
        return False, f"the C extension cannot be imported: {error}"
    missing = [
        name
        for name in ("Deferred", "DeferredList", "succeed", "_cancellableInlineCallbacks")
        if getattr(module, name, None) is not getattr(_core, name)
    ]
    if missing:
        return False, f"twisted.internet.defer has its own {', '.join(missing)}"
    return True, "twisted.internet.defer holds the C Deferred"
