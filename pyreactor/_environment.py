"""``pyreactor enable`` and ``disable``: the .pth file that accelerates an environment."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

NAME = "pyreactor.pth"

# Python executes this line at start-up.  It has to be cheap, and silent where pyreactor
# was uninstalled; PYREACTOR=0 makes it do nothing.
LINE = (
    'import os; exec("try:\\n from pyreactor._activate import activate; activate()\\n'
    'except ImportError:\\n pass") if os.environ.get("PYREACTOR") != "0" else None\n'
)


def pth_path() -> Path:
    """Where the file is, or would be, in the running Python's environment."""
    return Path(sysconfig.get_path("platlib")) / NAME


def enabled() -> bool:
    """Whether this environment is accelerated."""
    return pth_path().exists()


def enable() -> int:
    """Write the file."""
    path = pth_path()
    if path.exists() and path.read_text(encoding="utf-8") == LINE:
        print(f"pyreactor is enabled already, by {path}")
        return 0
    if not _installed_here():
        return _refuse(f"pyreactor is not installed in {sys.prefix}; pip install it there first")
    try:
        _write(path)
    except OSError as error:
        return _refuse(f"cannot write {path}: {error.strerror}")
    print(f"pyreactor is enabled for every program of {sys.prefix}, by {path}")
    print("`pyreactor disable` undoes it; PYREACTOR=0 in the environment bypasses it.")
    return 0


def disable() -> int:
    """Remove the file."""
    path = pth_path()
    try:
        path.unlink()
    except FileNotFoundError:
        print(f"pyreactor is not enabled in {sys.prefix}: nothing to do")
        return 0
    except OSError as error:
        return _refuse(f"cannot remove {path}: {error.strerror}")
    print(f"pyreactor is disabled: removed {path}")
    return 0


def _installed_here() -> bool:
    """Whether any program of this environment can import pyreactor, from any directory."""
    command = [sys.executable, "-I", "-c", "import pyreactor._core"]
    environment = dict(os.environ, PYREACTOR="0")
    result = subprocess.run(command, capture_output=True, env=environment, check=False)
    return result.returncode == 0


def _write(path: Path) -> None:
    """Write the file in one step, so that no starting Python sees half a line."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(LINE, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _refuse(message: str) -> int:
    print(f"pyreactor: {message}", file=sys.stderr)
    return 1
