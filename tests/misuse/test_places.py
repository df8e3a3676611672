"""Calls from threads, signal handlers, finalizers, forks, and after the end: never a crash."""

from __future__ import annotations

import sys

import pytest

from tests.support import PYREACTOR, python

PLACES = [
    "another_thread",
    "many_threads",
    "signal_handler",
    "after_stop",
    "started_again",
    "at_exit",
    "exit_while_running",
    "in_a_fork",
    "collected",
    "errors_in_del",
]

LEGACY = """
import _testcapi
print(_testcapi.run_in_subinterp('''
import sys
sys.path[:] = {path!r}
from pyreactor import _core
print(_core.libuv_version() != "")
'''))
"""

ISOLATED = """
try:
    import _interpreters
except ImportError:
    import _xxsubinterpreters as _interpreters
made = _interpreters.create()
told = _interpreters.run_string(made, '''
import sys
sys.path[:] = {path!r}
try:
    from pyreactor import _core
except ImportError as error:
    print("refused", error)
else:
    print("there")
''')
assert told is None, told
"""


@pytest.mark.parametrize("place", PLACES)
def test_comes_to_its_end(place: str) -> None:
    result = python("-m", "tests.misuse.places", place, runner=PYREACTOR)
    assert result.returncode == 0, result.stdout[-200:] + result.stderr[-3000:]
    assert result.stdout.splitlines()[-1] == "done"


def test_another_interpreter_with_the_same_gil() -> None:
    pytest.importorskip("_testcapi")
    result = python("-c", LEGACY.format(path=sys.path))
    assert (result.returncode, result.stdout) == (0, "True\n0\n"), result.stderr


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there is one GIL")
def test_another_interpreter_with_its_own_gil() -> None:
    result = python("-c", ISOLATED.format(path=sys.path))
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("refused module pyreactor._core does not support"), result
