"""What all tests share."""

from __future__ import annotations

import pytest

from tests.serving import side, start

__all__ = ["side", "start"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run Twisted's own suite, which takes minutes, after everything else."""
    items.sort(key=lambda item: "test_conformance.py" in item.nodeid)
