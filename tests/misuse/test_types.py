"""Whatever is made, copied, or called on the wrong object: an exception, and never a crash."""

from __future__ import annotations

import pytest

from tests.misuse import stubs
from tests.support import PYREACTOR, STOCK, python


@pytest.mark.parametrize(
    ("side", "least"), [(PYREACTOR, 50_000), (STOCK, 5_000)], ids=["set up", "only imported"]
)
def test_types_and_functions_refuse_what_they_cannot_use(side: tuple[str, ...], least: int) -> None:
    result = python("-m", "tests.misuse.types", runner=side)
    lines = result.stdout.splitlines()
    assert result.returncode == 0, lines[-1][-200:] + "\n" + result.stderr[-2000:]
    assert int(lines[-1].split()[1]) > least
    # SystemError is CPython's word for what C code did wrong.
    assert [line for line in lines if "\tSystemError" in line] == []
    if side is PYREACTOR:
        named = stubs.functions(stubs.tree("_core.pyi").body)
        assert set(named) <= {line.partition("(")[0] for line in lines}
