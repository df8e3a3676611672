"""The Deferred part: puts the C Deferred in the place of Twisted's."""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType
from typing import Any

TARGETS = ("twisted.internet.defer",)

#: Names in twisted.internet.defer that are replaced.  Not inlineCallbacks: stock's own finds
#: the driver by its name in that module, where a program may put another one.
NAMES = (
    "Deferred",
    "DeferredList",
    "succeed",
    "fail",
    "maybeDeferred",
    "ensureDeferred",
    "_parseDeferredListResult",
    "_cancellableInlineCallbacks",
)


def activate(module: ModuleType) -> None:
    """Replace the names in ``module``, and wherever they have been imported to."""
    from pyreactor import defer
    from pyreactor._deferred import setup

    if module.Deferred is defer.Deferred:
        return
    replaced: dict[int, tuple[Any, Any]] = {}
    for name in NAMES:
        old, new = getattr(module, name), getattr(defer, name)
        replaced[id(old)] = (old, new)
        setattr(module, name, new)
    for cls in (defer.Deferred, defer.DeferredList):
        cls.__module__ = module.__name__
    _order_subclasses(module, defer)
    originals = {name: old for (old, _), name in zip(replaced.values(), NAMES, strict=False)}
    view = _stock_view(module, originals)
    _keep_list_init(setup.StockDeferredList, view)
    keepers = _modules_with_stock_subclasses(setup.StockDeferred)
    skip = {defer.__name__, setup.__name__, __name__, module.__name__, *keepers}
    _rebind_everywhere(replaced, skip)
    for name in keepers - {module.__name__}:
        _show_view(sys.modules.get(name), module, view)


def _order_subclasses(module: ModuleType, defer: ModuleType) -> None:
    """Ours first, then what else there is, so that both kinds are Deferreds to stock code."""
    subclasses = module._DEFERRED_SUBCLASSES
    ours = [defer.Deferred, defer.DeferredList]
    others = [cls for cls in subclasses if cls not in ours]
    subclasses[:] = ours + others


def _stock_view(module: ModuleType, originals: dict[str, Any]) -> ModuleType:
    """The module as it was before anything was replaced."""
    view = ModuleType(module.__name__, module.__doc__)
    vars(view).update(vars(module))
    vars(view).update(originals)
    return view


def _keep_list_init(cls: Any, view: ModuleType) -> None:
    """Stock's DeferredList calls ``Deferred.__init__``, and must not find ours there."""
    init = cls.__init__
    cls.__init__ = FunctionType(init.__code__, vars(view), init.__name__, init.__defaults__)
    cls.__init__.__doc__ = init.__doc__
    cls.__init__.__qualname__ = init.__qualname__


def _modules_with_stock_subclasses(cls: Any) -> set[str]:
    """
    Where subclasses of stock's class were defined.

    Their methods call ``Deferred.__init__(self)`` and the like by name, and what they give
    is a stock Deferred: such modules keep the names they have.
    """
    found = set()
    for subclass in cls.__subclasses__():
        found.add(subclass.__module__)
        found |= _modules_with_stock_subclasses(subclass)
    return found


def _show_view(user: ModuleType | None, module: ModuleType, view: ModuleType) -> None:
    """In such a module, ``defer.Deferred`` is stock's as well."""
    for name, value in list(vars(user).items()) if user is not None else ():
        if value is module:
            setattr(user, name, view)


def _rebind_everywhere(replaced: dict[int, tuple[Any, Any]], skip: set[str]) -> None:
    """Replace what ``from twisted.internet.defer import …`` has bound elsewhere."""
    for name, module in list(sys.modules.items()):
        if name not in skip and isinstance(module, ModuleType):
            _rebind_namespace(module, replaced, name, set())


def _rebind_namespace(
    owner: Any, replaced: dict[int, tuple[Any, Any]], module: str, seen: set[int]
) -> None:
    """In a module or class: names, defaults of functions, and classes defined in it."""
    seen.add(id(owner))
    for name, value in list(vars(owner).items()):
        found = replaced.get(id(value))
        if found is not None and found[0] is value:
            try:
                setattr(owner, name, found[1])
            except (AttributeError, TypeError):
                continue
        elif isinstance(value, FunctionType):
            _rebind_defaults(value, replaced)
        elif _is_own_class(value, module) and id(value) not in seen:
            _rebind_namespace(value, replaced, module, seen)


def _is_own_class(value: object, module: str) -> bool:
    return isinstance(value, type) and getattr(value, "__module__", None) == module


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
        for name in NAMES
        if getattr(module, name, None) is not getattr(_core, name, _core)  # once set up
    ]
    if missing:
        return False, f"twisted.internet.defer has its own {', '.join(missing)}"
    from pyreactor._deferred import setup

    if replaced := setup.replaced():
        return False, f"not in C, as replaced: {', '.join(replaced)}"
    return True, "twisted.internet.defer holds the C Deferred" + _not_obeyed(module)


def _not_obeyed(module: ModuleType) -> str:
    """Which of what C code keeps using somebody has replaced, in vain."""
    from pyreactor._deferred.setup import USED_AS_THEY_WERE

    replaced = [
        name for name, used in USED_AS_THEY_WERE.items() if getattr(module, name, None) is not used
    ]
    return f"; replaced, but not used by Deferreds: {', '.join(replaced)}" if replaced else ""
