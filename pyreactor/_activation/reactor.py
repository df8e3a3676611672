"""
The reactor part: programs that ask for Twisted's default reactor, or by name for epoll,
poll or select, get ``pyreactor.reactor.PyReactor``, and those that ask for asyncio's get
``pyreactor.asyncioreactor.AsyncioReactor``.  On both, ``StandardIO`` reads and writes in C;
``SerialPort`` does on any reactor.

A program that asks for another one (glib, gtk, …) runs on another event loop, and gets what it
asked for.  So does one in which gevent or eventlet has replaced the functions
of the module :mod:`select`: the stock reactor, which waits by these, lets other greenlets run.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any

from pyreactor._activation import hook

# Modules that install a reactor, and its class; the default one is another module's.
_CLASSES = {
    "twisted.internet.epollreactor": "EPollReactor",
    "twisted.internet.pollreactor": "PollReactor",
    "twisted.internet.selectreactor": "SelectReactor",
}
TARGETS = (
    "twisted.internet.default",
    "twisted.internet.asyncioreactor",
    *_CLASSES,
    "twisted.internet._posixstdio",
    "twisted.internet._posixserialport",
    "twisted.internet.serialport",
)

# The class in the module asyncioreactor.
_ASYNCIO = "AsyncioSelectorReactor"
# Where Twisted's own SerialPort is.
_SERIAL = "twisted.internet._posixserialport"
# Marks our install functions, whichever module they were copied to.
_MARK = "_pyreactor_install"
_BY_WHOM = "and only Twisted's own reactors wait by that module"


def _install_function(stock: Callable[[], None]) -> Callable[[], None]:
    """An install function with the name, module and docstring of the stock one."""

    @wraps(stock)
    def install() -> None:
        part = hook.current.parts["reactor"]
        if _is_cooperative():
            stock()
            return
        try:
            from pyreactor.reactor import install as install_ours
        except Exception as error:
            part.fail(error)
            stock()
        else:
            install_ours(_class_of(stock))

    setattr(install, _MARK, True)
    return install


def _is_cooperative() -> bool:
    """Whether the stock reactor is to be used for the reason that `why_cooperative` gives."""
    part = hook.current.parts["reactor"]
    replaced = why_cooperative()
    if replaced is not None and part.why_stock is None:
        part.stay_stock(replaced)
    return replaced is not None


def why_cooperative() -> str | None:
    """Why waiting by the module select is not what CPython's does, or None if it is."""
    for name in ("select", "poll", "epoll"):
        found = getattr(select, name, None)
        module = getattr(found, "__module__", None)
        if found is None and name == "epoll" and sys.platform == "linux":
            return f"select.epoll was taken away, {_BY_WHOM}"
        if found is not None and module != "select":
            return f"select.{name} is {module}'s, {_BY_WHOM}"
    return None


def _class_of(install: Callable[[], None]) -> type | None:
    """The class of the reactor that a stock install function installs."""
    name = install.__module__
    found: type | None = getattr(sys.modules.get(name), _CLASSES.get(name, ""), None)
    return found


def activate(module: ModuleType) -> None:
    """
    Replace ``module.install``, the pipes of ``StandardIO``, or ``SerialPort``; or what is made by
    calling ``AsyncioSelectorReactor``.
    """
    # Where the C code cannot be loaded, this raises and the stock reactor stays.
    import_module("pyreactor._core")

    if hasattr(module, "SerialPort"):
        _replace_serial_port(module)
    elif hasattr(module, "StandardIO"):
        _replace_pipes(module)
    elif hasattr(module, _ASYNCIO):
        _replace_new(getattr(module, _ASYNCIO))
    elif not hasattr(module.install, _MARK):
        module.install = _install_function(module.install)  # type: ignore[attr-defined]


def _replace_new(stock: Any) -> None:
    """
    Have calls of Twisted's class make a reactor of ours; classes made of it make what they did.

    Programs make the reactor in this way, and compare the class: it has to stay what it is.
    """
    if _MARK in vars(stock):
        return
    made: list[type] = []

    def new(cls: type, *args: object, **kwargs: object) -> Any:
        if cls is stock and not _is_cooperative():
            try:
                if not made:
                    made.append(_asyncio_class(stock))
                return object.__new__(made[0])
            except Exception as error:
                hook.current.parts["reactor"].fail(error)
        return object.__new__(cls)

    stock.__new__ = new
    setattr(stock, _MARK, True)


def _asyncio_class(stock: Any) -> type:
    """The class of reactors that programs take for `stock`."""
    from pyreactor.asyncioreactor import AsyncioReactor
    from pyreactor.reactor import inPlaceOf

    def refused(self: Any, error: Exception) -> None:
        event_loop = self._asyncioEventloop
        self.__dict__.clear()
        self.__class__ = stock
        stock.__init__(self, event_loop)  # which may well refuse, too, in its own words
        name = f"{type(event_loop).__module__}.{type(event_loop).__qualname__}"
        why = f"{name}.add_reader refused our descriptor: {type(error).__name__}: {error}"
        hook.current.parts["reactor"].stay_stock(why)

    kind: Any = inPlaceOf(stock, AsyncioReactor)
    kind._refused = refused
    made: type = kind
    return made


def _replace_pipes(module: Any) -> None:
    from twisted.internet import process

    from pyreactor._transport.stdio import Pipes

    if module.process is process:
        module.process = Pipes(process)


def _replace_serial_port(module: Any) -> None:
    import_module("pyreactor.reactor")  # which hands over to C what its streams need
    from pyreactor._transport.serial import accelerated, is_accelerated

    found = module.SerialPort
    if found.__module__ == _SERIAL and not is_accelerated(found):
        module.SerialPort = accelerated(found)


def _left_stock() -> str:
    """What is imported and does not run in C, though the reactor does; to follow a reason."""
    stdio: Any = sys.modules.get("twisted.internet._posixstdio")
    serial: Any = sys.modules.get("twisted.internet.serialport")
    stock = []
    if stdio is not None and type(stdio.process).__module__ != "pyreactor._transport.stdio":
        stock.append("StandardIO")
    if serial is not None and not _is_accelerated(serial.SerialPort):
        stock.append("SerialPort")
    return f"; not in C: {', '.join(stock)}" if stock else ""


def _is_accelerated(found: Any) -> bool:
    from pyreactor._transport.serial import is_accelerated

    return is_accelerated(found)


def status() -> tuple[bool, str]:
    """Whether the reactor that this process uses, or would install, is ours."""
    installed = sys.modules.get("twisted.internet.reactor")
    if installed is None:
        replaced = why_cooperative()
        if replaced is not None:
            return False, replaced
        default = sys.modules.get("twisted.internet.default")
        if default is not None and hasattr(default.install, _MARK):
            words = "twisted.internet.default installs pyreactor.reactor.PyReactor"
            return True, words + _left_stock()
        return False, "twisted.internet.default installs a stock reactor"
    kind = type(installed)
    name = f"{kind.__module__}.{kind.__qualname__}"
    loop = type(getattr(installed, "_loop", None))
    if loop.__module__ == "pyreactor._core":
        return True, f"twisted.internet.reactor is a {name}{_left_stock()}{_tls_status()}"
    return False, f"twisted.internet.reactor is a {name}"


def _tls_status() -> str:
    tls = sys.modules.get("pyreactor._tls.records")
    return "" if tls is None else f"; {tls.status()}"
