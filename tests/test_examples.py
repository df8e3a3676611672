"""Each example shows the same on stock Twisted and on pyreactor."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import CHECKOUT, PYREACTOR, STOCK, outcome, python

EXAMPLES = sorted((CHECKOUT / "examples").glob("*.py"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_same_output(example: Path, tmp_path: Path) -> None:
    stock = outcome(python(example, runner=STOCK, cwd=tmp_path))
    ours = outcome(python(example, runner=PYREACTOR, cwd=tmp_path))
    assert ours == stock
    code, output, errors = ours
    assert (code, errors) == (0, "")
    assert output.count("\n") >= 3


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_unchanged_twisted_programs(example: Path) -> None:
    assert "pyreactor" not in example.read_text(encoding="utf-8").lower()
