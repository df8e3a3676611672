"""What the Python side hands over to the rooms of C, by name (csrc/core/given.h)."""

from __future__ import annotations

import re

import pytest

import pyreactor.reactor  # noqa: F401  which hands over all there is to the reactor's rooms
from pyreactor import _core

ROOMS = ["deferred", "framing", "log", "loop", "tls", "transport", "web", "web_server"]


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_missing_is_named(room: str) -> None:
    """One after the other, as long as something is; nothing is taken meanwhile."""
    given: dict[str, object] = {}
    for _ in range(3):
        with pytest.raises(TypeError) as caught:
            _core.configure(room, **given)
        found = re.fullmatch(rf"{room} needs (?:a type for )?(\w+)", str(caught.value))
        assert found, str(caught.value)
        assert found[1] not in given
        given[found[1]] = type


def test_an_object_of_another_type_is_refused() -> None:
    """Before anything is taken, the Connection that is no class is named."""
    given: dict[str, object] = {"Connection": object()}
    found = None
    while found is None or found[1] != "a type for Connection":
        with pytest.raises(TypeError) as caught:
            _core.configure("tls", **given)
        found = re.fullmatch(r"tls needs ([\w ]+)", str(caught.value))
        assert found and found[1] not in given, str(caught.value)
        given[found[1]] = object()


def test_a_room_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="there is no room attic"):
        _core.configure("attic")
