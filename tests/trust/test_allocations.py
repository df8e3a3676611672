"""Where memory runs out once: MemoryError or a clean end, at each allocation of each main path."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.support import CHECKOUT, PYREACTOR, python

#: Paths, and how many allocations each makes at least.
PATHS = {
    "deferred": 15,
    "deferred_cancelled": 5,
    "generator": 10,
    "coroutine": 1,
    "lists": 15,
    "lines": 10,
    "ints": 10,
    "netstrings": 15,
    "expressions": 40,
    "timed_calls": 5,
    "thread_calls": 4,
    "tcp": 60,
    "unix": 50,
    "datagrams": 100,
    "log_file": 5,
    "log_legacy": 5,
    "http_requests": 40,
    "http_bodies": 40,
    "http_response": 15,
}
#: Paths of a reactor on asyncio's event loop.
ON_ASYNCIO = {"timed_calls": 3, "thread_calls": 1, "tcp": 15, "unix": 10, "datagrams": 5}
#: How a run may end: by running out of memory, by what was promised not being there, or well.
ENDS = {"MemoryError", "AssertionError", "IndexError", "went on"}
#: Twisted's Request.processingFailed writes a page, also where the request was finished or the
#: connection closed.
ENDS_OF_REQUESTS = ENDS | {"RuntimeError", "ValueError"}


@pytest.fixture(scope="module")
def allocator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An allocator that fails once, for this Python."""
    library = tmp_path_factory.mktemp("allocator") / "allocator.so"
    source = CHECKOUT / "tests" / "trust" / "allocator.c"
    include = sysconfig.get_path("include")
    command = ["cc", "-shared", "-fPIC", f"-I{include}", str(source), "-o", str(library)]
    subprocess.run(command, check=True)
    return library


def sweep(path: str, least: int, allocator: Path, *own: str, **options: Any) -> None:
    """Each allocation of a path fails; there are at least so many."""
    result = python("-m", "tests.trust.allocations", allocator, path, *own, **options)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    found = re.fullmatch(rf"{path}: (\d+) allocations failed: (.*)", result.stdout.splitlines()[-1])
    assert found is not None, result.stdout
    assert int(found[1]) >= least
    ends = {end.rpartition(" ")[0] for end in found[2].split(", ")}
    assert own or "MemoryError" in ends
    assert ends <= (ENDS_OF_REQUESTS if path.startswith("http") else ENDS)


@pytest.mark.parametrize("path", PATHS)
def test_each_allocation_fails_once(path: str, allocator: Path) -> None:
    sweep(path, PATHS[path], allocator)


@pytest.mark.parametrize("path", ON_ASYNCIO)
def test_each_allocation_fails_once_on_asyncio(path: str, allocator: Path) -> None:
    """Of the extension's own: the event loop loses a call for which it has no memory."""
    env = {"TRUST_REACTOR": "asyncio"}
    sweep(path, ON_ASYNCIO[path], allocator, "--own", runner=PYREACTOR, env=env)
