"""The ways to run a program that are compared."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyreactor._bench.processes import BenchError

PROGRAMS = Path(__file__).resolve().parent / "programs"
PACKAGES = PROGRAMS.parents[2]
"""The folder that the package pyreactor is in."""

TWISTED, ASYNCIO = "twisted", "asyncio"


@dataclass(frozen=True)
class Side:
    """
    A way to run a program.

    ``runs_on`` is how the name of the reactor or loop begins that the program reports: a side that
    ran on something else would make a wrong table.  ``family`` says which programs it runs.
    """

    name: str
    family: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    runs_on: str
    probe: str
    """Python that fails, in this side's environment, where the side cannot be run."""
    loop: str = ""
    """The loop that programs of asyncio are told to run on."""

    def why_unavailable(self) -> str | None:
        """The reason why this side cannot run here, or None."""
        if not self.argv[0]:
            return "no pypy3 was found; --pypy says where one is"
        ran = self.python(self.probe)
        return None if ran.returncode == 0 else last_line(ran.stderr) or f"exit {ran.returncode}"

    def lacks(self, module: str) -> bool:
        """Whether this side's Python has no such module."""
        return self.python(f"import {module}").returncode != 0

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run a few lines of this side's Python."""
        command = [self.argv[0], "-c", code]
        try:
            return subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                env=environment(self),
                timeout=60,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return subprocess.CompletedProcess(command, 1, "", str(error))


_STOCK_ENV = {"PYREACTOR": "0"}
EPOLL, ON_ASYNCIO = "twisted.internet.epollreactor.", "twisted.internet.asyncioreactor."
"""How the names begin of Twisted's reactors that programs run on: by default, and on asyncio."""


def known(pypy: str | None = None) -> dict[str, Side]:
    """
    All sides by name.

    @param pypy: the path of a PyPy that has Twisted; None takes ``pypy3``, if there is one.
    """
    python = sys.executable
    pypy = pypy or shutil.which("pypy3") or ""
    loops = {
        "asyncio": ("asyncio.", "import asyncio"),
        "uvloop": ("uvloop.", "import uvloop"),
        "aiofastnet": ("aiofastnet.", "import aiofastnet"),
    }
    sides = [
        Side("stock", TWISTED, (python,), _STOCK_ENV, EPOLL, f"import {EPOLL[:-1]}"),
        Side(
            "pyreactor",
            TWISTED,
            (python, "-m", "pyreactor"),
            {},
            "pyreactor.",
            "import pyreactor.reactor",
        ),
        Side(
            "watched",
            TWISTED,
            (python, "-m", "pyreactor", "--slow", "1", "--stats"),
            {},
            "pyreactor.",
            "import pyreactor.reactor",
        ),
        *(
            Side(name, ASYNCIO, (python,), _STOCK_ENV, runs_on, probe, name)
            for name, (runs_on, probe) in loops.items()
        ),
        Side("pypy", TWISTED, (pypy,), _STOCK_ENV, EPOLL, f"import {EPOLL[:-1]}"),
    ]
    return {side.name: side for side in sides}


def chosen(names: str, pypy: str | None = None) -> list[Side]:
    """
    pyreactor, and the sides named, in the order in which they are known.

    @param names: joined by commas.
    @raise BenchError: there is no such side.
    """
    sides = known(pypy)
    wanted = {name.strip() for name in names.split(",") if name.strip()} | {"pyreactor"}
    for name in sorted(wanted - set(sides)):
        raise BenchError(f"--against: no side is named {name!r} (sides: {', '.join(sides)})")
    return [side for side in sides.values() if side.name in wanted]


def environment(side: Side, *, keep: bool = False) -> dict[str, str]:
    """
    The variables that a program of this side is started with.

    @param keep: whether to keep what says which parts of pyreactor are switched off.
    """
    env = dict(os.environ)
    env.pop("PYREACTOR", None)
    if not keep:
        for name in [name for name in env if name.startswith("PYREACTOR_")]:
            del env[name]
    if side.name == "pypy":
        env.pop("PYTHONPATH", None)
    elif not _is_installed():
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PACKAGES), env.get("PYTHONPATH"))))
    env["PYTHONHASHSEED"] = "0"
    return env | dict(side.env)


def _is_installed() -> bool:
    """Whether pyreactor is where each program of this Python finds it."""
    paths = sysconfig.get_paths()
    folders = [paths["purelib"], paths["platlib"], *site.getsitepackages()]
    return any(Path(folder).resolve() == PACKAGES for folder in folders)


def last_line(text: str) -> str:
    """The line that tells what went wrong, of a traceback or an error message."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
