"""
The same random clients and sites on Twisted's own server and on ours.

PYREACTOR_WEB_EXAMPLES sets the number of those that are made by plain chance (default 200).
"""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings

from tests.chance import SHARES, many
from tests.web.model import Program, Run, programs
from tests.web.sides import stock

EXAMPLES = int(os.environ.get("PYREACTOR_WEB_EXAMPLES", "200"))


@settings(max_examples=min(EXAMPLES, 200))
@given(programs().strategy)
def test_same_as_stock(program: Program) -> None:
    """Resources, wire, log and state are the same after each piece."""
    same(program)


@pytest.mark.parametrize("share", range(SHARES))
def test_many_are_the_same_as_stock(share: int) -> None:
    many(programs(), EXAMPLES, same, share)


def same(program: Program) -> None:
    with stock():
        expected = Run(program).run()
    found = Run(program).run()
    for ours, stocks in zip(found, expected, strict=False):
        assert ours == stocks
    assert len(found) == len(expected)
