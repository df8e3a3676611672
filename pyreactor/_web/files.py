"""
Shorter ways for functions of Twisted's that ``static.File`` calls for each request.

How their code comes to run is told in `pyreactor._code`.
"""

from __future__ import annotations

import os  # noqa: F401 (for the code that is given)
import posixpath  # noqa: F401 (the same)
import sys
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any

from pyreactor import _code, _versions

if TYPE_CHECKING:
    # What the functions below find in Twisted's modules.
    _IS_WINDOWS: bool = False
    InsecurePath: type[Exception] = Exception
    abspath: Any = None
    filepath: Any = None
    joinpath: Any = None
    normpath: Any = None
    _log: Any = None
    _pyreactor: Any = None

#: What a function of Twisted's was before it was given other code, by the name here.
stock: dict[str, Callable[..., Any]] = {}

#: Functions and classes of Twisted's that are left out below, where nobody has put others.
known: dict[str, Any] = {}

# ---- paths ----


def __init__(self: Any, path: Any, alwaysCreate: bool = False) -> None:
    """Mirrors twisted.python.filepath.FilePath.__init__."""
    if type(path) is str and path[:1] == "/" and abspath is _pyreactor.known["abspath"]:
        self.path = _pyreactor.posixpath.normpath(path)  # all that abspath does for it
    else:
        self.path = abspath(path)
    self.alwaysCreate = alwaysCreate


def is_one_name(path: str) -> bool:
    """Whether this names something in a folder, and nothing else, on any system."""
    return path not in ("", ".", "..") and "/" not in path and "\0" not in path and ":" not in path


def finds_plainly(module: dict[str, Any], cls: Any) -> bool:
    """Whether what `child` leaves out is Twisted's, in its module and in this class."""
    return (
        not module.get("_IS_WINDOWS")
        and module["os"].sep == "/"
        and module["abspath"] is known["abspath"]
        and module["normpath"] is known["normpath"]
        and module["joinpath"] is known["joinpath"]
        and module["_coerceToFilesystemEncoding"] is known["_coerceToFilesystemEncoding"]
        and cls._getPathAsSameTypeAs is known["_getPathAsSameTypeAs"]
        and cls._asTextPath is known["_asTextPath"]
    )


def child(self: Any, path: Any) -> Any:
    """Mirrors twisted.python.filepath.FilePath.child."""
    ourPath = self.path
    if (
        type(path) is not str
        or type(ourPath) is not str
        or ourPath[:1] != "/"
        or not _pyreactor.is_one_name(path)
        or not _pyreactor.finds_plainly(globals(), type(self))
    ):
        return _pyreactor.stock["child"](self, path)
    between = "" if ourPath[-1] == "/" else "/"
    newpath = _pyreactor.posixpath.normpath(ourPath + between + path)
    if not newpath.startswith(ourPath):
        raise InsecurePath(f"{newpath!r} is not a child of {ourPath!r}")
    return self.clonePath(newpath)


def getTypeAndEncoding(filename: Any, types: Any, encodings: Any, defaultType: Any) -> Any:
    """Mirrors twisted.web.static.getTypeAndEncoding."""
    if (
        type(filename) is not str
        or not _pyreactor.is_one_name(filename)
        or not _pyreactor.splits_plainly(filepath)
    ):
        return _pyreactor.stock["getTypeAndEncoding"](filename, types, encodings, defaultType)
    # The folder, which a FilePath would ask the system for, says nothing of this.
    name, extension = _pyreactor.os.path.splitext(filename)
    extension = extension.lower()
    encoding = None
    if extension in encodings:
        encoding = encodings[extension]
        extension = _pyreactor.os.path.splitext(name)[1].lower()
    return types.get(extension, defaultType), encoding


def splits_plainly(module: Any) -> bool:
    """Whether what `getTypeAndEncoding` leaves out is Twisted's."""
    return (
        module.FilePath is known["FilePath"]
        and module.FilePath.__init__ is known["FilePath.__init__"]
        and module.FilePath.splitext is known["FilePath.splitext"]
        and module.splitext is known["splitext"]
        and module.abspath is known["abspath"]
        and module._coerceToFilesystemEncoding is known["_coerceToFilesystemEncoding"]
    )


# ---- pulling ----


def _pull(self: Any) -> Iterator[None]:
    """Mirrors twisted.internet._producer_helpers._PullToPush._pull."""
    if getattr(_log.failuresHandled, "__func__", None) is not _pyreactor.known["failuresHandled"]:
        yield from _pyreactor.stock["_pull"](self)
        return
    while True:
        failed = False
        producer = self._producer
        try:
            producer.resumeProducing()
        except BaseException:
            with _log.failuresHandled(
                "while calling resumeProducing on {producer}", producer=producer
            ) as op:
                raise
            failed = op.failed
        if failed:
            with _log.failuresHandled(
                "while calling unregisterProducer on {consumer}",
                consumer=self._consumer,
            ) as handlingop:
                self._consumer.unregisterProducer()
            if handlingop.failed:
                self._finished = True
                return
        if self._finished:
            break
        yield None
    # The task has this generator, and is stopped.  A cycle of them would be the collector's.
    del self, producer
    while True:
        yield None


# ---- putting them in place ----

#: Functions that get other code: those of each module, what they are called here, and the
#: digests of those that they stand for.
FUNCTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "twisted.python.filepath": {
        "FilePath.__init__": ("__init__", "f4c4b1b4925f"),
        "FilePath.child": ("child", "d7bdb52e0708 a7c381a69657:25.5"),
    },
    "twisted.web.static": {
        "getTypeAndEncoding": ("getTypeAndEncoding", "86218a1511ef"),
    },
    "twisted.internet._producer_helpers": {
        "_PullToPush._pull": ("_pull", "1d666cef55ad"),
    },
}

#: What they leave out.
_LEFT_OUT = {
    "twisted.python.filepath": {
        "_coerceToFilesystemEncoding": "7df5b7383594 f22685e2fe2e:25.5",
        "FilePath._getPathAsSameTypeAs": "3b5e88c557da",
        "FilePath._asTextPath": "db14d0620cde 069a0da41287:25.5",
        "FilePath.splitext": "533b74e63080 9a3d4cc57016:25.5",
    },
    "twisted.logger._logger": {"Logger.failuresHandled": "5ece4fa4b6b9"},
}

#: Why functions are Twisted's own, by their names.
reasons: dict[str, str] = {}


def install() -> None:
    """Give other code to the functions, whose modules ``twisted.web.static`` has imported."""
    unknown: dict[str, str] = {}
    for name, functions in _LEFT_OUT.items():
        unknown.update(_versions.examine(sys.modules[name], functions)[1])
    if not unknown:
        _note()
    for name, entries in FUNCTIONS.items():
        digests = {path: each for path, (_, each) in entries.items()}
        found, others = _versions.examine(sys.modules[name], digests)
        reasons.update(others)
        for path, function in found.items():
            if unknown:
                reasons[path] = "; ".join(unknown.values())
            elif not _code.is_given(function):
                own: FunctionType = globals()[entries[path][0]]
                stock[own.__name__] = _code.give(function, own, sys.modules[__name__])


def _note() -> None:
    """Note what the modules have now."""
    from twisted.internet import _producer_helpers
    from twisted.python import filepath

    cls = filepath.FilePath
    known.update(
        abspath=posixpath.abspath,
        normpath=posixpath.normpath,
        joinpath=posixpath.join,
        splitext=posixpath.splitext,
        _coerceToFilesystemEncoding=filepath._coerceToFilesystemEncoding,
    )
    known.update(
        {"FilePath.__init__": cls.__init__, "FilePath.splitext": cls.splitext},
        FilePath=cls,
        _getPathAsSameTypeAs=cls._getPathAsSameTypeAs,
        _asTextPath=cls._asTextPath,
        failuresHandled=_producer_helpers._log.failuresHandled.__func__,  # type: ignore[attr-defined]
    )


def stock_functions() -> dict[str, str]:
    """Those of the functions that are Twisted's own, and why; once they were installed."""
    left = {}
    for name, entries in FUNCTIONS.items():
        for path in entries:
            if not _versions.is_given(sys.modules[name], path):
                left[path] = reasons.get(path, f"{path} was replaced")
    return left
