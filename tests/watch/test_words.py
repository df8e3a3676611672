"""What a callable is named in reports, whatever it is."""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest

from pyreactor._watch import words


class Refusing:
    """What raises for any attribute that it has not."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __call__(self) -> None:
        pass


@pytest.mark.parametrize(
    ("what", "name"),
    [
        (len, "builtins.len"),
        (partial(len, ()), "partial of builtins.len"),
    ],
)
def test_functions(what: Any, name: str) -> None:
    assert words.function(what) == name


def test_what_refuses_to_answer() -> None:
    assert words.function(Refusing()) == f"{__name__}.Refusing"


def test_what_answers_every_attribute() -> None:
    """Is not followed for ever."""
    assert words.function(Mock()).startswith("Mock of ")
