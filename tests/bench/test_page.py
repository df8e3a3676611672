"""The project's own page of performance is what the command makes of the samples beside it."""

from __future__ import annotations

from pathlib import Path

from tests.support import CHECKOUT, PYREACTOR, python


def test_the_page_is_made_of_its_samples(tmp_path: Path) -> None:
    """It is made anew whenever they are measured anew."""
    made = tmp_path / "performance.md"
    samples = CHECKOUT / "docs" / "performance.json"
    ran = python("bench", "--from", samples, "--markdown", made, runner=PYREACTOR)
    assert ran.returncode == 0, ran.stderr
    page = (CHECKOUT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert page == made.read_text(encoding="utf-8")
