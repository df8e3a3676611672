"""The same program on both sides, stock Twisted and pyreactor, which must show the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import twisted

from tests.support import PROGRAMS, PYREACTOR, STOCK, outcome, python

# A frame of the reactor's own code, and the lines that show its source.
REACTOR_FRAME = re.compile(
    r'^ +File "[^"]*/(twisted/internet|twisted/python|pyreactor)/[^"]*", line .*\n(?:    .*\n)*',
    re.MULTILINE,
)


def without_reactor_frames(errors: str) -> str:
    """Tracebacks as the application's author reads them."""
    errors = REACTOR_FRAME.sub("", errors)
    # So begins the text of an error that no frame is known of.
    return re.sub("^Failure: ", "", errors, flags=re.MULTILINE)


def todays_words(output: str) -> str:
    """What the output would be with the newest Twisted: older ones end a message with a space."""
    if twisted.version.major < 26:
        return re.sub(r"(?<=handling timed call) $", "", output, flags=re.MULTILINE)
    return output


def each_of(cases: Sequence[tuple[str, tuple[str, ...], str]]) -> pytest.MarkDecorator:
    """The parameters of a test of programs: program, arguments, and the point it comes to."""
    ids = ["-".join([name, *arguments]) for name, arguments, _ in cases]
    return pytest.mark.parametrize(("program", "arguments", "point"), cases, ids=ids)


def check_same_on_both(
    program: str | Path, arguments: tuple[str, ...], point: str, through: Sequence[str | Path] = ()
) -> None:
    """
    Run a program on both, and compare what it shows; `point` is in its output.

    `through` is a program that runs it, and that one's options.
    """
    command = (*through, PROGRAMS / program, *arguments)
    stock = outcome(python(*command, runner=STOCK))
    ours = outcome(python(*command, runner=PYREACTOR))
    assert ours[0] == stock[0]
    assert ours[1] == todays_words(stock[1])
    if twisted.version.major >= 26:
        # Older ones tell the frames above where an exception was caught otherwise.
        assert without_reactor_frames(ours[2]) == without_reactor_frames(stock[2])
    assert point in ours[1]
    assert "gave up" not in ours[1]
