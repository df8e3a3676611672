"""What all tests of the web server stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web import sides


@pytest.fixture(scope="package", autouse=True)
def lines_in_c() -> Iterator[None]:
    """``LineReceiver`` offers whole heads; not beyond, where others compare with Twisted's."""
    with sides.lines_in_c():
        yield
