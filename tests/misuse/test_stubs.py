"""All that the type stubs name is called wrongly, and nothing crashes."""

from __future__ import annotations

import os

import pytest

from tests.misuse import stubs
from tests.support import PYREACTOR, python

EVERY = os.environ.get("PYREACTOR_MISUSE") == "all"


@pytest.mark.parametrize("name", [*stubs.classes(), "defer"])
def test_calls_come_to_their_end(name: str) -> None:
    options = ["--pairs", name] if EVERY else [name]
    result = python("-m", "tests.misuse.stubs", *options, runner=PYREACTOR)
    lines = result.stdout.splitlines()
    assert result.returncode == 0, lines[-1][-200:] + "\n" + result.stderr[-2000:]
    assert [line for line in lines if "\tSystemError" in line] == []
    called = {line.partition("(")[0] for line in lines}
    assert {each for each in stubs.expected() if each.startswith(f"{name}.")} <= called


def test_what_is_left_out_is_there() -> None:
    named = {f"{name}.{each}" for name, names in stubs.classes().items() for each in names}
    assert set(stubs.LEFT_OUT) <= named
