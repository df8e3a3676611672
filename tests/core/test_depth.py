"""
Calls nested deeper than the C stack is: never a crash.

Python's own limit is no protection for a program that raises it, so C code looks at the
stack.  With the limit raised, stock crashes, too, in most of these; so what is asked for
then is that nothing does here, and that what fits into the stack is reached on both sides.
"""

from __future__ import annotations

import sys

import pytest

from tests.support import PROGRAMS, PYREACTOR, STOCK, outcome, python

PROGRAM = PROGRAMS / "deep.py"

NESTED = (
    "callback",
    "callback_of_the_next",
    "cancel",
    "coroutines",
    "deferred_list",
    "errback",
    "gather_results",
    "generators",
    "inline_callbacks",
    "lines",
    "lines_only",
    "netstrings",
    "prefixed_strings",
    "representation",
)
DROPPED = (
    "dropped_attributes",
    "dropped_callbacks",
    "dropped_cancellers",
    "dropped_coroutines",
    "dropped_generators",
    "dropped_lists",
    "dropped_results",
    "dropped_timed_calls",
)
NO_LIMIT = 2**31 - 1
# CPython 3.13 frees a chain up to 10,000 levels deep, however small the stack is: there a small one
# crashes in what frees, on stock, too.
SMALL_STACK = (8 * 1024 if sys.version_info[:2] == (3, 13) else 256) * 1024  # bytes

both_stacks = pytest.mark.parametrize("stack", [0, SMALL_STACK], ids=["main", "small"])


@both_stacks
@pytest.mark.parametrize("kind", NESTED)
def test_nesting_without_a_limit_does_not_crash(kind: str, stack: int) -> None:
    """
    Either all levels are reached, or RecursionError ends it, as an error, a failure, or the
    failure of one of the Deferreds that is logged at the end.
    """
    result = python(PROGRAM, kind, 60_000, stack, NO_LIMIT, runner=PYREACTOR)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stderr == "" or "RecursionError" in result.stderr
    *error, reached = result.stdout.splitlines()
    assert error in ([], ["RecursionError True"])
    if kind != "representation":
        assert int(reached.split()[1]) >= 100


@pytest.mark.parametrize("kind", NESTED)
def test_what_fits_into_the_stack_is_reached(kind: str) -> None:
    # From Python 3.12 on, a limit of its own counts the calls of C code.
    levels = 1000 if sys.version_info < (3, 12) else 200
    arguments = (PROGRAM, kind, levels, 0, 100_000)
    stock = python(*arguments, runner=STOCK)
    assert int(stock.stdout.split()[1]) >= levels - 1
    assert outcome(python(*arguments, runner=PYREACTOR)) == outcome(stock)


@both_stacks
@pytest.mark.parametrize("kind", DROPPED)
def test_a_long_chain_is_dropped(kind: str, stack: int) -> None:
    arguments = (PROGRAM, kind, 50_000, stack, NO_LIMIT)
    result = python(*arguments, runner=PYREACTOR)
    assert outcome(result) == (0, "reached 50000\n", "")
