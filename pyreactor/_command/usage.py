"""What pyreactor cannot do, and whether Twisted is fit to run."""

from __future__ import annotations

import sys
from typing import NoReturn

OLDEST_TWISTED = (24, 7)


class UsageError(Exception):
    """Ends pyreactor with one line on stderr and exit code 2."""


def check_twisted() -> None:
    """
    Look whether Twisted is there, complete and not too old.

    Imports the ``twisted`` package and none of its modules that do anything.
    """
    try:
        import twisted

        version = twisted.__version__
        missing = _missing_module()
    except ModuleNotFoundError as error:
        if error.name != "twisted":
            _twisted_is_broken(error)
        raise UsageError(f"Twisted is not installed for {sys.executable}") from None
    except Exception as error:
        _twisted_is_broken(error)
    if missing is not None:
        raise UsageError(f"Twisted is broken: it has no {missing}")
    if _version_numbers(version) < OLDEST_TWISTED:
        oldest = ".".join(map(str, OLDEST_TWISTED))
        raise UsageError(f"Twisted {version} is too old: pyreactor needs {oldest} or newer")


def _twisted_is_broken(error: Exception) -> NoReturn:
    raise UsageError(f"Twisted is broken: {type(error).__name__}: {error}") from None


def _missing_module() -> str | None:
    from importlib.util import find_spec

    for name in ("zope.interface", "twisted.internet.default", "twisted.internet.defer"):
        try:
            found = find_spec(name) is not None
        except ModuleNotFoundError:
            found = False
        if not found:
            return name
    return None


def _version_numbers(version: str) -> tuple[int, ...]:
    numbers = []
    for field in version.split(".")[:2]:
        if not field.isdigit():
            break
        numbers.append(int(field))
    return tuple(numbers)
