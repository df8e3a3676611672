"""
The reactor part: programs that ask for Twisted's default reactor, or by name for epoll,
poll or select, get ``pyreactor.reactor.PyReactor``.

A program that asks for another one (asyncio, glib, …) integrates with a foreign event
loop and gets what it asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from types import ModuleType

from pyreactor import _activate

TARGETS = (
    "twisted.internet.default",
    "twisted.internet.epollreactor",
    "twisted.internet.pollreactor",
    "twisted.internet.selectreactor",
)

# Marks our install functions, whichever module they were copied to.
_MARK = "_pyreactor_install"


def _install_function(stock: Callable[[], None]) -> Callable[[], None]:
    """An install function with the name, module and docstring of the stock one."""

    @wraps(stock)
    def install() -> None:
        try:
            from pyreactor.reactor import install as install_ours
        except Exception as error:
            _activate.current.parts["reactor"].fail(error)
            install_ours = stock
        install_ours()

    setattr(install, _MARK, True)
    return install


def activate(module: ModuleType) -> None:
    """Replace ``module.install``."""
    # Where the C code cannot be loaded, this raises and the stock reactor stays.
    import_module("pyreactor._core")

    stock = module.install
    if not hasattr(stock, _MARK):
        module.install = _install_function(stock)  # type: ignore[attr-defined]


def status() -> tuple[bool, str]:
    """Whether the reactor that this process uses, or would install, is ours."""
    installed = sys.modules.get("twisted.internet.reactor")
    if installed is None:
        default = sys.modules.get("twisted.internet.default")
        if default is not None and hasattr(default.install, _MARK):
            return True, "twisted.internet.default installs pyreactor.reactor.PyReactor"
        return False, "twisted.internet.default installs a stock reactor"
    kind = type(installed)
    name = f"{kind.__module__}.{kind.__qualname__}"
    loop = type(getattr(installed, "_loop", None))
    if loop.__module__ == "pyreactor._core":
        return True, f"twisted.internet.reactor is a {name}"
    return False, f"twisted.internet.reactor is a {name}"
