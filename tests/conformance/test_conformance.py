"""
Nothing of Twisted's own suite that passes on stock Twisted fails on pyreactor.

``PYREACTOR_CONFORMANCE=core`` in the environment runs the tests around the event loop only.
Everything is switched on; ``PYREACTOR_CONFORMANCE_SETUPS=other`` runs the other setups instead, and
``all`` every one.  ``PYREACTOR_CONFORMANCE_STOCK`` is a file for what stock gave: a run that finds
it there, for the same tests and packages, does not run stock again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance.compare import (
    ALL,
    CORE,
    EVERYTHING,
    FLOORS,
    OUR_REACTORS,
    PAIRS,
    STOCK_REACTORS,
    Comparison,
    Pair,
    compare_pairs,
    read_known,
)
from tests.conformance.kept import Kept
from tests.conformance.worker import NOT_ON_EPOLL

SELECTION = CORE if os.environ.get("PYREACTOR_CONFORMANCE") == "core" else ALL
SETUPS = {
    "one": (EVERYTHING,),
    "other": tuple(pair for pair in PAIRS if pair != EVERYTHING),
    "all": PAIRS,
}[os.environ.get("PYREACTOR_CONFORMANCE_SETUPS", "one")]


@pytest.fixture(scope="module")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints progress although pytest captures output: this takes minutes."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\nconformance: {text}", end="", flush=True)

    return tell


@pytest.fixture(scope="module")
def comparisons(say: Callable[[str], None]) -> dict[Pair, Comparison]:
    """One run of each setup."""
    path = os.environ.get("PYREACTOR_CONFORMANCE_STOCK")
    kept = Kept(Path(path).absolute()) if path else None
    return dict(zip(SETUPS, compare_pairs(SELECTION, SETUPS, say=say, kept=kept), strict=True))


@pytest.fixture(params=SETUPS, ids=lambda pair: pair.ours.name)
def comparison(request: pytest.FixtureRequest, comparisons: dict[Pair, Comparison]) -> Comparison:
    """Each setup in its turn, against stock."""
    return comparisons[request.param]


def test_both_sides_ran_to_the_end(comparison: Comparison) -> None:
    assert comparison.trouble == []


def test_suite_is_complete(comparison: Comparison, request: pytest.FixtureRequest) -> None:
    """No extra is missing that would shrink the suite, and no test got lost here."""
    pair: Pair = request.node.callspec.params["comparison"]
    for results in (comparison.stock, comparison.ours):
        assert [test for test in results.outcomes if test.startswith("cannot load ")] == []
    tests, passes = FLOORS[pair.names(SELECTION)]
    assert comparison.stock.started >= tests, comparison.stock.summary()
    assert comparison.stock.count("success") >= passes, comparison.stock.summary()
    assert comparison.ours.started >= comparison.stock.started, comparison.ours.summary()


def test_what_passes_on_stock_passes_here(comparison: Comparison) -> None:
    known = read_known()
    lost = comparison.unexplained(known)
    assert lost == [], "\n".join(f"{test}: {comparison.lost[test]}" for test in lost[:100])


def test_reactor_tests_of_asyncio_ran_on_its_reactor(
    comparison: Comparison, request: pytest.FixtureRequest
) -> None:
    """Those that Twisted has for it, on an event loop made for each: no fewer than on stock."""
    pair: Pair = request.node.callspec.params["comparison"]
    if pair.ours.jobs > 0:
        return  # workers of trial's do not tell
    in_c = "reactor" in (pair.ours.parts or ())
    stock = comparison.stock.made.get(STOCK_REACTORS[True], 0)
    made = comparison.ours.made.get((OUR_REACTORS if in_c else STOCK_REACTORS)[True], 0)
    assert made >= stock > 200


if EVERYTHING in SETUPS:

    def test_reactor_tests_ran_on_pyreactor(comparisons: dict[Pair, Comparison]) -> None:
        """As many as on the epoll reactor, but for what Twisted skips there."""
        outcomes = comparisons[EVERYTHING].ours.outcomes

        def of(reactor: str) -> int:
            return sum(1 for test in outcomes if f"_{reactor}Tests." in test)

        assert of("PyReactor") + len(NOT_ON_EPOLL) == of("EPollReactor") > 300

    def test_known_differences_still_differ(comparisons: dict[Pair, Comparison]) -> None:
        assert comparisons[EVERYTHING].outdated(read_known()) == []
