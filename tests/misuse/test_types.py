"""Whatever is made, copied, or called on the wrong object: an exception, and never a crash."""

from __future__ import annotations

from tests.support import PYREACTOR, python


def test_types_and_functions_refuse_what_they_cannot_use() -> None:
    result = python("-m", "tests.misuse.types", runner=PYREACTOR)
    lines = result.stdout.splitlines()
    assert result.returncode == 0, lines[-1][-200:] + "\n" + result.stderr[-2000:]
    assert int(lines[-1].split()[1]) > 50_000
    # SystemError is CPython's word for what C code did wrong.
    assert [line for line in lines if "\tSystemError" in line] == []
