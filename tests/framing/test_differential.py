"""
The C framings and the stock classes give the same trace for random programs; those that
Twisted does not have, the same as their reference in Python.

PYREACTOR_FRAMING_EXAMPLES sets the number of programs for each of Twisted's framings that are made
by plain chance (default 300); the others get a quarter of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, assume, given, settings
from twisted.protocols import basic as stock

from pyreactor import basic as fast
from tests.chance import SHARES, Choice, many
from tests.framing_model import FRAMINGS, Scenario, scenario, trace

EXAMPLES = int(os.environ.get("PYREACTOR_FRAMING_EXAMPLES", "300"))
#: Those that hypothesis makes small where one fails.
SHRUNK = min(EXAMPLES, 300)


def scenarios(name: str) -> Choice[Scenario]:
    """Programs with this framing."""
    return Choice(lambda choose: scenario(choose, name))


def clears_busy_and_hands_over(plan: Scenario) -> bool:
    """A known difference: docs/framing.md, at `_busyReceiving`."""
    actions = {action[0] for action in plan.actions}
    return "busy" in actions and bool(
        actions & {"odd buffer", "odd delimiter", "odd attribute", "new class", "class delimiter"}
    )


def same(plan: Scenario) -> None:
    """The trace is that of the reference."""
    if not clears_busy_and_hands_over(plan):
        assert trace(fast, plan) == trace(plan.framing.reference, plan)


def differential(name: str) -> Callable[[], None]:
    """The test of this framing."""

    @settings(
        max_examples=SHRUNK if FRAMINGS[name].reference is stock else SHRUNK // 4 or 1,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(scenarios(name).strategy)
    def checked(plan: Scenario) -> None:
        assume(not clears_busy_and_hands_over(plan))
        same(plan)

    return checked


@pytest.mark.parametrize("name", FRAMINGS)
def test_random_programs_see_the_same_events(name: str) -> None:
    differential(name)()


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("name", FRAMINGS)
def test_many_random_programs_see_the_same_events(name: str, share: int) -> None:
    count = EXAMPLES if FRAMINGS[name].reference is stock else EXAMPLES // 4
    many(scenarios(name), count, same, share)


def test_the_stock_side_is_stock() -> None:
    """A comparison of C with C would prove nothing."""
    for name in FRAMINGS:
        if FRAMINGS[name].reference is not stock:
            continue
        assert type(getattr(stock, name).__dict__["dataReceived"]).__name__ == "function"
        assert type(getattr(fast, name).__dict__["dataReceived"]).__name__ == "StandIn"
