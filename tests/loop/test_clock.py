"""
Other clocks in the place of the system's: frozen by a tool, mocked, of a class or an instance.

Each case runs tests/programs/clocks.py on stock Twisted and on pyreactor, which must show the same;
the first line shows whether stock has the clock at all: its class keeps the time.time it found.
"""

from __future__ import annotations

import pytest

from tests.support import PROGRAMS, PYREACTOR, STOCK, outcome, python

HEEDED, IGNORED = "first True True", "first False True"

CASES = [
    ("early", "freezegun", HEEDED),
    ("early", "freezegun auto", HEEDED),
    ("early", "time_machine", HEEDED),
    ("early", "time_machine tick", HEEDED),
    ("early", "mock time.time", HEEDED),
    ("early", "mock twisted.python.runtime.seconds", HEEDED),
    ("early", "static ReactorBase", HEEDED),
    ("imported", "freezegun", IGNORED),
    ("imported", "time_machine", HEEDED),
    ("imported", "mock twisted.internet.base.ReactorBase.seconds", HEEDED),
    ("late", "freezegun", HEEDED),
    ("late", "time_machine", HEEDED),
    ("late", "time_machine tick", HEEDED),
    ("late", "mock time.time", IGNORED),
    ("late", "mock twisted.internet.base.runtimeSeconds", IGNORED),
    ("late", "mock twisted.python.runtime.Platform.seconds", IGNORED),
    ("late", "mock twisted.internet.base.ReactorBase.seconds", HEEDED),
    ("late", "mock instance", HEEDED),
    ("late", "class EPollReactor", HEEDED),
    ("late", "method PosixReactorBase", HEEDED),
    ("late", "method type", HEEDED),
    ("late", "mocked ReactorBase", HEEDED),
    ("late", "monotonic ReactorBase", IGNORED),
    ("late", "property ReactorBase", HEEDED),
    ("late", "wrapped ReactorBase", HEEDED),
]


@pytest.mark.parametrize(("when", "way", "first"), CASES)
def test_the_clock_is_stocks(when: str, way: str, first: str) -> None:
    program = PROGRAMS / "clocks.py"
    stock, ours = (
        outcome(python(program, way, when, runner=runner)) for runner in (STOCK, PYREACTOR)
    )
    assert ours == stock
    assert (stock[0], stock[2]) == (0, "")
    assert stock[1].startswith(first)


@pytest.mark.parametrize("way", ["freezegun", "time_machine"])
def test_a_clock_that_was_there_before_pyreactor(way: str) -> None:
    program = PROGRAMS / "clocks.py"
    stock, ours = (
        outcome(python(program, way, "early", "install", env=variables))
        for variables in ({"PYREACTOR": "0"}, {})
    )
    assert ours == stock
    assert (stock[0], stock[2]) == (0, "")
    assert stock[1].startswith(HEEDED)
