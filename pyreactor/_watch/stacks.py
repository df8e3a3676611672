"""The Python stack of a thread, and which of its functions is the program's own."""

from __future__ import annotations

import linecache
import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType

_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200
MOST_FRAMES = 40


@dataclass(frozen=True)
class Place:
    """A line of a function that runs."""

    code: CodeType
    line: int
    name: str

    def kind(self) -> str:
        """What the function is, if it is more than a function."""
        if self.code.co_flags & (_COROUTINE | _ASYNC_GENERATOR):
            return "the coroutine "
        return "the generator " if self.code.co_flags & _GENERATOR else ""

    def text(self) -> str:
        """As in a traceback."""
        file = self.code.co_filename
        line = linecache.getline(file, self.line).strip()
        head = f'  File "{file}", line {self.line}, in {self.name}'
        return f"{head}\n    {line}" if line else head


def _qualified(frame: FrameType) -> str:
    """The function's qualified name; before 3.11, when code had none, as far as it can be told."""
    code = frame.f_code
    name: str | None = getattr(code, "co_qualname", None)
    if name is not None:
        return name
    if code.co_varnames[:1] == ("self",):
        own = frame.f_locals.get("self")
        return f"{type(own).__qualname__}.{code.co_name}"
    return code.co_name


def places(frame: FrameType | None) -> list[Place]:
    """
    The stack below the reactor, the innermost last.

    To be called without anything between it and `sys._current_frames`: the thread runs on when
    this one waits.
    """
    found: list[Place] = []
    while frame is not None and not _is_main_loop(frame):
        if len(found) < MOST_FRAMES:
            found.append(Place(frame.f_code, frame.f_lineno, _qualified(frame)))
        frame = frame.f_back
    return found[::-1]


def _is_main_loop(frame: FrameType) -> bool:
    code = frame.f_code
    if code.co_filename.endswith(_ON_ASYNCIO):
        return True
    return code.co_name in _MAIN and code.co_filename.endswith(_REACTOR)


_MAIN = ("mainLoop", "doIteration", "runUntilCurrent")
_REACTOR = os.path.join("pyreactor", "reactor.py")
_ON_ASYNCIO = os.path.join("pyreactor", "asyncioreactor.py")
_NOT_THE_PROGRAMS = ("twisted", "zope", "pyreactor", "constantly", "OpenSSL")


def _foreign_folders() -> Iterator[str]:
    paths = sysconfig.get_paths()
    for packages in (paths["purelib"], paths["platlib"]):
        for name in _NOT_THE_PROGRAMS:
            yield os.path.join(packages, name) + os.sep
    for name in ("twisted", "zope", "pyreactor"):
        found = _folder_of(name)
        if found:
            yield found + os.sep


def _folder_of(name: str) -> str:
    import sys

    file = getattr(sys.modules.get(name), "__file__", None)
    return os.path.dirname(file) if file else ""


def culprit(stack: list[Place]) -> Place | None:
    """The innermost function that is not Python's or Twisted's; else the innermost of all."""
    paths = sysconfig.get_paths()
    foreign = tuple(_foreign_folders())
    library = os.path.join(paths["stdlib"], "")
    packages = (os.path.join(paths["purelib"], ""), os.path.join(paths["platlib"], ""))
    for place in reversed(stack):
        file = place.code.co_filename
        if file.startswith(("<frozen", *foreign)):
            continue
        if file.startswith(library) and not file.startswith(packages):
            continue
        return place
    return stack[-1] if stack else None
