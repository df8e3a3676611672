"""Whatever is made, copied, or called on the wrong object: an exception, and never a crash."""

from __future__ import annotations

import pytest

from tests.misuse import stubs
from tests.support import PYREACTOR, STOCK, python

#: Of each part of a run, how many calls there are at least: set up, and only imported.
PARTS = {"types": (3000, 700), "descriptors": (40_000, 10_000), "functions": (20_000, 2000)}


@pytest.mark.parametrize("side", [PYREACTOR, STOCK], ids=["set up", "only imported"])
@pytest.mark.parametrize("part", PARTS)
def test_types_and_functions_refuse_what_they_cannot_use(side: tuple[str, ...], part: str) -> None:
    result = python("-m", "tests.misuse.types", part, runner=side)
    lines = result.stdout.splitlines()
    assert result.returncode == 0, lines[-1][-200:] + "\n" + result.stderr[-2000:]
    assert int(lines[-1].split()[1]) > PARTS[part][side is STOCK]
    # SystemError is CPython's word for what C code did wrong.
    assert [line for line in lines if "\tSystemError" in line] == []
    if side is PYREACTOR and part == "functions":
        named = stubs.functions(stubs.tree("_core.pyi").body)
        assert set(named) <= {line.partition("(")[0] for line in lines}
