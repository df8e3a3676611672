"""Running Python programs on stock Twisted and on pyreactor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
# Unchanged Twisted programs.
PROGRAMS = CHECKOUT / "tests" / "programs"

STOCK: tuple[str, ...] = ()
PYREACTOR = ("-m", "pyreactor")

# Only what hangs takes this long.
TIMEOUT = 240


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a program: this one, without anybody's pyreactor settings."""
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("PYREACTOR")
    }
    inherited = variables.get("PYTHONPATH", "")
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CHECKOUT), inherited]))
    variables["PYTHONDONTWRITEBYTECODE"] = "1"
    variables["PYTHONIOENCODING"] = "utf-8"
    if extra is not None:
        variables.update(extra)
    return variables


def python(
    *arguments: str | Path,
    runner: Sequence[str] = STOCK,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    executable: str | Path = sys.executable,
    timeout: float = TIMEOUT,
) -> subprocess.CompletedProcess[str]:
    """Run Python with `arguments`, through `runner`, to its end, for `timeout` seconds at most."""
    return subprocess.run(
        [str(executable), *runner, *map(str, arguments)],
        cwd=cwd,
        env=environment(env),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def outcome(result: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    """What a program shows to the outside."""
    return result.returncode, result.stdout, result.stderr


def check(code: str, **options: object) -> str:
    """Run `code`, which has to succeed silently, and give back what it prints."""
    result = python("-c", code, **options)  # type: ignore[arg-type]
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return result.stdout
