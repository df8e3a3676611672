"""The search for leaks finds what leaks.  ``make leaks`` searches."""

from __future__ import annotations

import pytest

from tests.support import python

LEAKY = """
import os, sys
from tests.trust import leaks

kept = []

@leaks.each()
def leaks_{kind}():
    {statement}

sys.argv = ["leaks", "--times", "3000", "leaks_"]
sys.exit(leaks.run())
"""

STATEMENTS = {
    "objects": "kept.append([])",
    "blocks": "kept.append(object())",
    "memory": "kept or kept.append(bytearray()); kept[0].extend(bytes(1000))",
    "descriptors": "leaks.SLACK += 1; leaks.SLACK % 100 or os.open('/', os.O_RDONLY)",
}


@pytest.mark.parametrize("kind", STATEMENTS)
def test_a_leak_is_found(kind: str) -> None:
    result = python("-c", LEAKY.format(kind=kind, statement=STATEMENTS[kind]))
    assert result.stderr == ""
    assert f"leaks_{kind}: {kind}" in result.stdout.splitlines()
    assert result.returncode == 1
