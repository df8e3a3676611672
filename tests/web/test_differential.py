"""
The same random clients and sites on Twisted's own server and on ours.

PYREACTOR_WEB_EXAMPLES sets the number of programs.
"""

from __future__ import annotations

import os

from hypothesis import given, settings

from tests.web.model import Program, Run, programs
from tests.web.sides import stock

EXAMPLES = int(os.environ.get("PYREACTOR_WEB_EXAMPLES", "200"))


@settings(max_examples=EXAMPLES)
@given(programs())
def test_same_as_stock(program: Program) -> None:
    """Resources, wire, log and state are the same after each piece."""
    with stock():
        expected = Run(program).run()
    found = Run(program).run()
    for ours, stocks in zip(found, expected, strict=False):
        assert ours == stocks
    assert len(found) == len(expected)
