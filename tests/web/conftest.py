"""What all tests of the web server stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.protocols import basic

from pyreactor._activation import framing
from pyreactor._framing.members import MODULES


@pytest.fixture(scope="package", autouse=True)
def lines_in_c() -> Iterator[None]:
    """``LineReceiver`` offers whole heads; not beyond, where others compare with Twisted's."""
    classes = [getattr(basic, name) for name in MODULES[basic.__name__]]
    before = [(cls, dict(vars(cls))) for cls in classes]
    framing.activate(basic)
    yield
    for cls, members in before:
        for name, value in list(vars(cls).items()):
            if name not in members:
                delattr(cls, name)
            elif value is not members[name]:
                setattr(cls, name, members[name])
