"""
Standard input and output: Twisted's own ``StandardIO`` over pipes of ours.

``StandardIO`` takes its two pipes by name out of the module :mod:`twisted.internet.process`.
It is given :class:`Pipes` under that module's name, which makes them of C where the reactor is
ours.  So the class stays the one it is, whatever was derived from it, or imported, before.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from twisted.internet import process

from pyreactor import _core, _process

_STOCK = {name: getattr(process, name) for name in ("ProcessReader", "ProcessWriter")}


def _runs_in_c(reactor: object) -> bool:
    return isinstance(getattr(reactor, "_loop", None), _core.Loop)


class Pipes:
    """
    The module :mod:`twisted.internet.process`, but for the two classes of pipes.

    :param module: that module.
    """

    _module: ModuleType

    def __init__(self, module: ModuleType) -> None:
        object.__setattr__(self, "_module", module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._module, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._module, name)

    @property
    def ProcessReader(self) -> Callable[..., Any]:
        """Makes the pipe for standard input."""
        return self._maker("ProcessReader")

    @property
    def ProcessWriter(self) -> Callable[..., Any]:
        """Makes the pipe for standard output."""
        return self._maker("ProcessWriter")

    def _maker(self, name: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self._module, name)
        if found is not _STOCK[name]:
            return found  # somebody put another class in its place
        ours: Callable[..., Any] = getattr(_process, name)

        def make(reactor: Any, *args: Any, **kwargs: Any) -> Any:
            return (ours if _runs_in_c(reactor) else found)(reactor, *args, **kwargs)

        return make
