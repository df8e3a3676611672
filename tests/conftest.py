"""What all tests share."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

# What these assert is told as in tests: they are to be imported after this only.
pytest.register_assert_rewrite("tests.both", "tests.serving", "tests.support")

from tests.serving import side, start  # noqa: E402

__all__ = ["side", "start"]

# What a shell starts in the background ignores SIGINT, and nohup's programs SIGHUP; so would
# every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The same random programs each time: what fails, fails again.  Others are tried by
# --hypothesis-profile=random.
slow = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # as a busy machine is
settings.register_profile("reproducible", derandomize=True, **slow)  # type: ignore[arg-type]
settings.register_profile("random", **slow)  # type: ignore[arg-type]
settings.load_profile("reproducible")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run Twisted's own suite, which takes minutes, after everything else."""
    items.sort(key=lambda item: "test_conformance.py" in item.nodeid)
