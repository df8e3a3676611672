"""
Whether functions of Twisted's are those that a replacement was written for.

A replacement stands for one source text, or for a few that mean the same. Where a release of
Twisted has another, or somebody has replaced the function, Twisted's own code stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from types import FunctionType, ModuleType
from typing import Any

from pyreactor import _code
from pyreactor._core import StandIn
from pyreactor._untouched import defined_by


class Unknown(Exception):
    """A function is not one that is known; the message says why, for people."""


def function_of(owner: Any, path: str) -> FunctionType:
    """
    The Python function that a module or class defines, without what stands around it.

    :param owner: the module or class.
    :param path: where it is: ``"Request.write"``, and ``"LogPublisher.msg.__wrapped__"`` for
        what a decorator keeps under that name.
    :raise Unknown: if there is no such function.
    """
    found = owner
    for name in path.split("."):
        found = _plain(getattr(found, "__dict__", {}).get(name))
    if type(found) is not FunctionType:
        raise Unknown(f"{path} is no function")
    return found


def is_given(owner: Any, path: str) -> bool:
    """Whether a function (see `function_of`) is there, and runs other code than Twisted's."""
    try:
        return _code.is_given(function_of(owner, path))
    except Unknown:
        return False


def _plain(found: Any) -> Any:
    """The function in a C method that stands in for it, in a property, or in a static method."""
    if isinstance(found, StandIn):
        return found.__wrapped__
    if isinstance(found, property):
        return found.fget
    return found.__func__ if isinstance(found, (staticmethod, classmethod)) else found


def lines_of(module: ModuleType) -> list[str]:
    """
    The source of a module.

    :raise Unknown: if it is not to be had, as where a program was packed without it.
    """
    get_source = getattr(getattr(module.__spec__, "loader", None), "get_source", None)
    try:
        source = get_source(module.__name__) if get_source is not None else None
    except Exception as error:
        raise Unknown(f"the source of {module.__name__} cannot be read: {error!r}") from error
    if not isinstance(source, str):
        raise Unknown(f"the source of {module.__name__} is not there")
    return source.split("\n")


def digest(function: FunctionType, lines: Sequence[str]) -> str:
    """
    A short digest of a function's source, with its decorators, docstring and comments.

    Of one that was given other code (see `pyreactor._code`), it is that of Twisted's source.

    :param lines: the source of its module.
    """
    text = _block(lines[_code.stocks(function).co_firstlineno - 1 :])
    return sha256("\n".join(text).encode()).hexdigest()[:12]


def _block(lines: Sequence[str]) -> Sequence[str]:
    """The function that begins, or whose decorators begin, in the first of the lines."""
    heads = (n for n, line in enumerate(lines) if line.lstrip().startswith(("def ", "async def ")))
    head = next(heads, 0)
    column = len(lines[head]) - len(lines[head].lstrip()) if lines else 0
    end = head + 1
    for number, line in enumerate(lines[end:], end):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        # What closes the parameters may stand in the column of "def".
        if line[: column + 1].strip() and not text.startswith(")"):
            break
        end = number + 1
    return lines[:end]


def examine(
    module: ModuleType, known: Mapping[str, str]
) -> tuple[dict[str, FunctionType], dict[str, str]]:
    """
    Look at functions of a module of Twisted's.

    :param module: the module, of Twisted's, that defines them.
    :param known: paths of functions in it (see `function_of`) with the digests that each may
        have, separated by spaces; what follows a colon in one names the releases that have it.
    :return: the functions that are known, and why each of the others is not; by their paths.
    """
    try:
        lines = lines_of(module)
    except Unknown as error:
        return {}, dict.fromkeys(known, str(error))
    found: dict[str, FunctionType] = {}
    reasons: dict[str, str] = {}
    for path, digests in known.items():
        try:
            found[path] = _known(module, path, digests.split(), lines)
        except Unknown as error:
            reasons[path] = str(error)
    return found, reasons


def _known(
    module: ModuleType, path: str, digests: Iterable[str], lines: Sequence[str]
) -> FunctionType:
    function = function_of(module, path)
    names = [name for name in path.split(".") if not name.startswith("__wrapped")]
    if not defined_by(function, module.__name__, names[-1]):
        raise Unknown(f"{path} is not {module.__name__}'s own")
    has = digest(function, lines)
    if has not in {each.partition(":")[0] for each in digests}:
        raise Unknown(f"{path} is another in this release of Twisted ({has})")
    return function
