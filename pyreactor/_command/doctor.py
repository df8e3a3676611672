"""``pyreactor doctor``: what runs in C here, what does not, and why."""

from __future__ import annotations

import importlib
import json
import platform
import sys
import sysconfig

from pyreactor import __version__
from pyreactor._activation import hook
from pyreactor._command import environment
from pyreactor._command.usage import UsageError, check_twisted

# What a program imports that uses everything that is accelerated.
PROGRAM = (
    "twisted.internet.reactor",
    "twisted.internet.defer",
    "twisted.internet.stdio",
    "twisted.internet.task",
    "twisted.protocols.basic",
    "twisted.spread.banana",
    "twisted.web.http",
    "twisted.web.client",
    "twisted.web.server",
    "twisted.web.static",
)


def doctor(*, as_json: bool) -> int:
    """
    Activate as a program would, look at what is bound then, and print it.

    @return: 0 if every part that is not switched off runs in C, else 1.
    """
    findings = examine()
    if as_json:
        print(json.dumps(findings, indent=2))
    else:
        _print(findings)
    return 0 if findings["healthy"] else 1


def examine() -> dict[str, object]:
    """What doctor knows, ready for JSON."""
    problem = _import_program()
    parts = {
        name: {"c": in_c, "reason": reason} for name, (in_c, reason) in hook.statuses().items()
    }
    expected = [name for name in parts if not hook.switched_off(name)]
    gil = _gil()
    return {
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "executable": sys.executable,
        "pyreactor": __version__,
        "twisted": _twisted_version(),
        "libuv": _libuv_version(),
        "gil": gil,
        "enabled": environment.enabled(),
        "bypassed": hook.bypassed(),
        "problem": problem,
        "parts": parts,
        "healthy": problem is None
        and gil != "off"
        and not hook.bypassed()
        and all(parts[name]["c"] for name in expected),
    }


def _import_program() -> str | None:
    """Do what a program does.  Gives back what went wrong."""
    try:
        check_twisted()
        hook.activate()
        for name in PROGRAM:
            importlib.import_module(name)
    except UsageError as error:
        return str(error)
    except Exception as error:
        return f"Twisted is broken: {type(error).__name__}: {error}"
    return None


def _twisted_version() -> str | None:
    version = getattr(sys.modules.get("twisted"), "__version__", None)
    return None if version is None else str(version)


def _libuv_version() -> str | None:
    """The version of the libuv that is loaded, which may be newer than the one built with."""
    try:
        core = importlib.import_module("pyreactor._core")
    except ImportError:
        return None
    version = getattr(core, "libuv_version", None)
    return None if version is None else str(version())


def _gil() -> str | None:
    """In a free-threaded Python: whether the GIL is "on" or "off"; else None."""
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        return None
    return "on" if sys._is_gil_enabled() else "off"  # type: ignore[attr-defined]


GIL_NOTES = {
    # By pyreactor, by another extension module before it, or by PYTHON_GIL=1: who knows.
    "on": "on, as pyreactor needs it: this free-threaded Python runs one thread at a time",
    "off": "off, by PYTHON_GIL=0 or -X gil=0: pyreactor is not safe without it",
}


def _print(findings: dict[str, object]) -> None:
    print(f"Python     {findings['python']}, {findings['executable']}")
    print(f"pyreactor  {findings['pyreactor']}")
    print(f"Twisted    {findings['twisted'] or 'not found'}")
    print(f"libuv      {findings['libuv'] or 'not found'}")
    if findings["gil"] is not None:
        print(f"GIL        {GIL_NOTES[str(findings['gil'])]}")
    if findings["enabled"]:
        print(f"enabled    for every program of {sys.prefix}")
    else:
        print("enabled    no: programs run by `pyreactor` or calling pyreactor.install() only")
    print()
    parts = findings["parts"]
    assert isinstance(parts, dict)
    for name, part in parts.items():
        print(f"{name:<10} {'C' if part['c'] else 'stock':<6} {part['reason']}")
    if findings["problem"] is not None:
        print(f"\n{findings['problem']}")
