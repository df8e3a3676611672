"""
``pyreactor enable`` and ``disable``: the files that accelerate an environment.

Up to CPython 3.14 that is a .pth file with a line that Python executes at start-up.  From 3.15 on
(PEP 829) it is a .start file, which names a function to call at start-up; what such lines in .pth
files say is ignored beside it, and from 3.18 on anyway.  The function is in a module of its own,
because Python would complain at each start about one in a package that was uninstalled.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

PTH = "pyreactor.pth"
START = "pyreactor.start"
MODULE = "_pyreactor_start"

# All of it has to be cheap, and silent where pyreactor was uninstalled; PYREACTOR=0 makes it do
# nothing.
LINE = (
    'import os; exec("try:\\n from pyreactor._activation.hook import activate; activate()\\n'
    'except ImportError:\\n pass") if os.environ.get("PYREACTOR") != "0" else None\n'
)
ENTRY = f"{MODULE}:start\n"
SOURCE = '''\
"""Called at start-up by pyreactor.start; `pyreactor disable` removes both."""

import os


def start():
    if os.environ.get("PYREACTOR") != "0":
        try:
            from pyreactor._activation.hook import activate

            activate()
        except ImportError:
            pass
'''


def site_folder() -> Path:
    """Where the files are, or would be, in the running Python's environment."""
    return Path(sysconfig.get_path("platlib"))


def files() -> dict[Path, str]:
    """The files that this Python needs and what is in them, the one that takes effect last."""
    folder = site_folder()
    if sys.version_info < (3, 15):
        return {folder / PTH: LINE}
    return {folder / f"{MODULE}.py": SOURCE, folder / PTH: LINE, folder / START: ENTRY}


def enabled() -> bool:
    """Whether this environment is accelerated."""
    return any((site_folder() / name).exists() for name in (PTH, START))


def enable() -> int:
    """Write the files."""
    wanted = files()
    main = list(wanted)[-1]
    if all(_holds(path, text) for path, text in wanted.items()):
        print(f"pyreactor is enabled already, by {main}")
        return 0
    if not _installed_here():
        return _refuse(f"pyreactor is not installed in {sys.prefix}; pip install it there first")
    for path, text in wanted.items():
        try:
            _write(path, text)
        except OSError as error:
            return _refuse(f"cannot write {path}: {error.strerror}")
    print(f"pyreactor is enabled for every program of {sys.prefix}, by {main}")
    print("`pyreactor disable` undoes it; PYREACTOR=0 in the environment bypasses it.")
    return 0


def disable() -> int:
    """Remove the files, whichever Python wrote them."""
    folder = site_folder()
    module = folder / f"{MODULE}.py"
    compiled = Path(importlib.util.cache_from_source(str(module)))
    removed = []
    for path in (folder / START, folder / PTH, module, compiled):
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            return _refuse(f"cannot remove {path}: {error.strerror}")
        removed.append(path)
    if not removed:
        print(f"pyreactor is not enabled in {sys.prefix}: nothing to do")
        return 0
    print(f"pyreactor is disabled: removed {', '.join(map(str, removed))}")
    return 0


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def _installed_here() -> bool:
    """Whether any program of this environment can import pyreactor, from any directory."""
    command = [sys.executable, "-I", "-c", "import pyreactor._core"]
    environment = dict(os.environ, PYREACTOR="0")
    result = subprocess.run(command, capture_output=True, env=environment, check=False)
    return result.returncode == 0


def _write(path: Path, text: str) -> None:
    """Write the file in one step, so that no starting Python sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _refuse(message: str) -> int:
    print(f"pyreactor: {message}", file=sys.stderr)
    return 1
