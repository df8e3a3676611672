"""
Standard input and output: Twisted's own ``StandardIO`` over pipes in C.

``StandardIO`` takes its two pipes by name out of the module :mod:`twisted.internet.process`.
It is given :class:`Pipes` under that module's name, which has C ones in their place.  So the
class stays the one it is, whatever was derived from it, or imported, before.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from twisted.internet import process

from pyreactor import _core
from pyreactor._transport import process as _process


def _runs_in_c(reactor: object) -> bool:
    return isinstance(getattr(reactor, "_loop", None), _core.Loop)


class ProcessReader(_process.ProcessReader):
    """The pipe for standard input; on another reactor, Twisted's own."""

    def __new__(cls, reactor: Any, *args: Any, **kwargs: Any) -> Any:
        if not _runs_in_c(reactor) and cls is ProcessReader:
            return process.ProcessReader(reactor, *args, **kwargs)
        self = super().__new__(cls)
        self._shared = True
        return self


class ProcessWriter(_process.ProcessWriter):
    """The pipe for standard output; on another reactor, Twisted's own."""

    def __new__(cls, reactor: Any, *args: Any, **kwargs: Any) -> Any:
        if not _runs_in_c(reactor) and cls is ProcessWriter:
            return process.ProcessWriter(reactor, *args, **kwargs)
        self = super().__new__(cls)
        self._shared = True
        return self


_STOCK = {"ProcessReader": process.ProcessReader, "ProcessWriter": process.ProcessWriter}
_OURS = {"ProcessReader": ProcessReader, "ProcessWriter": ProcessWriter}


class Pipes:
    """
    The module :mod:`twisted.internet.process`, but for the two classes of pipes.

    Another class that is put here, or there, is taken; the one that was here stands for Twisted's.

    :param module: that module.
    """

    _module: ModuleType

    def __init__(self, module: ModuleType) -> None:
        object.__setattr__(self, "_module", module)

    def __getattribute__(self, name: str) -> Any:
        found = getattr(object.__getattribute__(self, "_module"), name)
        return _OURS[name] if name in _OURS and found is _STOCK[name] else found

    def __setattr__(self, name: str, value: object) -> None:
        is_ours = name in _OURS and value is _OURS[name]
        setattr(object.__getattribute__(self, "_module"), name, _STOCK[name] if is_ours else value)

    def __delattr__(self, name: str) -> None:
        delattr(object.__getattribute__(self, "_module"), name)
