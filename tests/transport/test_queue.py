"""What waits in a connection's queue, and whom it pauses."""

from __future__ import annotations

import pytest

from tests.both import check_same_on_both


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_full_buffers(kind: str) -> None:
    """Methods that a program has put in the places of Twisted's are called, too."""
    check_same_on_both("full_buffers.py", (kind,), "buffers were filled")
