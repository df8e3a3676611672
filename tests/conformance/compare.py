"""What passes on stock Twisted and not here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from tests.conformance.kept import Kept
from tests.conformance.sides import PARTS, STOCK_SETUP, Results, Setup, run_all

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KNOWN_DIFFERENCES = Path(__file__).with_name("known_differences.toml")

# The suites around the event loop.
CORE = (
    "twisted.internet",
    "twisted.test.test_internet",
    "twisted.test.test_tcp",
    "twisted.test.test_process",
    "twisted.test.test_ssl",
    "twisted.test.test_udp",
    "twisted.test.test_unix",
    "twisted.test.test_threads",
    "twisted.test.test_factories",
    "twisted.test.test_protocols",
    "twisted.protocols",
    "twisted.trial",
)
# What is run on uvloop: those, but for trial's own, and the web.
UVLOOP = (
    *(name for name in CORE if name != "twisted.trial"),
    "twisted.test.test_defer",
    "twisted.web",
)
# Which tests are not run on uvloop: those that stock's reactor cannot pass there, or passes by
# chance; patterns of names, by the reason.  Each of them waits until trial's patience ends, 120 s,
# and the test after it may be disturbed by what comes late.
NOT_ON_UVLOOP = {
    # uvloop has signals written to a descriptor of its own while it runs, so that the reactor
    # hears of the end only if the process has ended when its pipes are found closed.
    "waits for the end of a child process": (
        "twisted.internet.test.test_process.*ProcessTestsBuilder_AsyncioSelectorReactorTests.*",
        *(
            f"twisted.test.test_process.{tests}.*"
            for tests in (
                "ClosingPipesTests",
                "FDTests",
                "PosixProcessPTYTests",
                "PosixProcessTests",
                "ProcessTests",
                "TwoProcessesPosixTests",
            )
        ),
        "twisted.test.test_internet.ResolveTests.testChildResolve",
        "twisted.test.test_threads.StartupBehaviorTests.testCallBeforeStartupUnexecuted",
        "twisted.test.test_unix.UnixSocketTests.test_connectToUncleanServer",
        "twisted.test.test_unix.UnixSocketTests.test_uncleanServerSocketLocking",
        "twisted.web.test.test_cgi.CGIScriptTests.test_urlParameters",
        "twisted.web.test.test_cgi.CGITests.*",
    ),
    # Each time.
    "its connection is lost only when the reactor has ended": (
        "twisted.internet.test.test_tcp.AbortConnectionTests_AsyncioSelectorReactorTests"
        ".test_resumeProducingThrows",
    ),
}
ALL = ("twisted",)

# What stock runs and passes at least with Twisted 26.10 and all extras installed.  A missing
# extra shrinks the suite without a word.
FLOORS = {ALL: (11_600, 11_050), CORE: (3_780, 3_340), UVLOOP: (4_400, 4_000)}

# Beyond this, something is so wrong that running each test again alone tells nothing.
MOST_RERUNS = 300
RERUN_TIMEOUT = 300.0


STOCK_REACTORS = {
    False: "twisted.internet.epollreactor.EPollReactor",
    True: "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
}
OUR_REACTORS = {
    False: "pyreactor.reactor.PyReactor",
    True: "pyreactor.asyncioreactor.AsyncioReactor",
}
# Where the class of the event loop is from that each side must have run on.
EVENT_LOOPS = {"": None, "asyncio": "asyncio.unix_events", "uvloop": "uvloop"}


@dataclass(frozen=True)
class Pair:
    """A setup of ours, and the stock one that it must not fall behind."""

    ours: Setup
    stock: Setup = STOCK_SETUP
    # The tests to run, whatever is asked for; else what is asked for.
    only: tuple[str, ...] = ()
    # What differs is run again alone in this one of stock's, where it is another.
    alone: Setup | None = None

    def names(self, asked: Sequence[str]) -> tuple[str, ...]:
        """The tests to run."""
        return self.only or tuple(asked)


# Everything switched on; each part switched off; and trial's own worker processes.
EVERYTHING = Pair(Setup("pyreactor"))
PAIRS = (
    EVERYTHING,
    *(Pair(Setup(f"without {off}", tuple(part for part in PARTS if part != off))) for off in PARTS),
    # All of stock's own suite ends the same in its workers; what does not is told apart there.
    Pair(Setup("trial -j2", jobs=2), alone=Setup("stock trial -j2", parts=None, jobs=2)),
    *(
        Pair(
            Setup(f"on {loop}", event_loop=loop, without=without),
            Setup(f"stock on {loop}", parts=None, event_loop=loop, without=without),
            only,
        )
        for loop, only, without in (
            ("asyncio", CORE, ()),
            ("uvloop", UVLOOP, tuple(chain.from_iterable(NOT_ON_UVLOOP.values()))),
        )
    ),
)


@dataclass
class Comparison:
    """The outcome of one run on both sides."""

    stock: Results
    ours: Results
    # Passes on stock and not here, also alone: test here -> how it ended.
    lost: dict[str, str] = field(default_factory=dict)
    # Differed at first, and not when run again alone.
    settled: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def unexplained(self, known: dict[str, str]) -> list[str]:
        return sorted(test for test in self.lost if test not in known)

    def outdated(self, known: dict[str, str]) -> list[str]:
        """Known differences that were run and do not differ any more."""
        return sorted(
            test for test in known if test in self.ours.outcomes and test not in self.lost
        )


def read_known(path: Path = KNOWN_DIFFERENCES) -> dict[str, str]:
    """The documented differences: test -> reason."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    known: dict[str, str] = {}
    for entry in table.get("difference", []):
        if not entry["reason"].strip():
            raise ValueError(f"{entry['test']} has no reason in {path.name}")
        known[entry["test"]] = entry["reason"]
    return known


def counterpart(test: str) -> str:
    """The stock test that a test here is compared with: that of the epoll reactor."""
    return test.replace("_PyReactorTests.", "_EPollReactorTests.")


def differing(stock: Results, ours: Results) -> list[str]:
    """The tests, by their name here, that pass on stock and not here."""
    found = {test for test in stock.outcomes if stock.passed(test) and not ours.passed(test)}
    for test in ours.outcomes:
        if counterpart(test) != test and stock.passed(counterpart(test)) and not ours.passed(test):
            found.add(test)
    return sorted(found)


def compare(
    names: Sequence[str],
    parts: Sequence[str] = PARTS,
    *,
    timeout: float = 300.0,
    say: Callable[[str], None],
    jobs: int = 0,
) -> Comparison:
    """Run the tests called `names` on both sides, and what differs again alone."""
    pair = Pair(Setup("pyreactor", tuple(parts), jobs), replace(STOCK_SETUP, jobs=jobs))
    return compare_pairs(names, [pair], timeout=timeout, say=say)[0]


def compare_pairs(
    names: Sequence[str],
    pairs: Sequence[Pair],
    *,
    timeout: float = 300.0,
    say: Callable[[str], None],
    kept: Kept | None = None,
) -> list[Comparison]:
    """
    Run the tests called `names` in each setup once, and what differs again alone.

    @param kept: has what stock gave before, which is then not run again.
    """
    tests = {setup: pair.names(names) for pair in pairs for setup in (pair.stock, pair.ours)}
    # Those that take all cores come last: one core must not idle before them.
    setups = sorted(tests, key=lambda setup: setup.slots)
    by_setup = {}
    if kept is not None and (stock := kept.read(tests.get(STOCK_SETUP))) is not None:
        by_setup[STOCK_SETUP] = stock
        setups.remove(STOCK_SETUP)
    say(f"running {' '.join(names)}: {', '.join(setup.name for setup in setups)}")
    results = run_all([(setup, tests[setup]) for setup in setups], timeout=timeout, say=say)
    by_setup |= dict(zip(setups, results, strict=True))
    for each in by_setup.values():
        say(each.summary())
    if kept is not None and STOCK_SETUP in setups:
        kept.write(tests[STOCK_SETUP], by_setup[STOCK_SETUP])
    return [_judge(pair, by_setup[pair.stock], by_setup[pair.ours], say) for pair in pairs]


def _judge(pair: Pair, stock: Results, ours: Results, say: Callable[[str], None]) -> Comparison:
    comparison = Comparison(stock, ours)
    for side in (stock, ours):
        if side.trouble is not None:
            comparison.trouble.append(f"{side.side} {side.trouble}")
    comparison.trouble += _wrong_environment(comparison, pair)
    suspects = differing(stock, ours)
    if len(suspects) > MOST_RERUNS or comparison.trouble:
        comparison.lost = {test: ours.outcomes.get(test, "not run") for test in suspects}
        return comparison
    if suspects:
        say(f"{ours.side}: {len(suspects)} differ; running each again alone on both sides")
    for test, outcome in _run_alone(suspects, pair, say):
        if outcome is None:
            comparison.settled.append(test)
        else:
            comparison.lost[test] = outcome
    return comparison


def _wrong_environment(comparison: Comparison, pair: Pair) -> Iterable[str]:
    """Each side must have run on what it is called after."""
    stock, ours = comparison.stock.environment, comparison.ours.environment
    on_asyncio = bool(pair.ours.event_loop)
    if stock.get("reactor") != STOCK_REACTORS[on_asyncio] or any(_parts_of(stock).values()):
        yield f"stock ran on {stock}"
    loops = {side.get("event_loop") for side in (stock, ours)}
    if loops != {EVENT_LOOPS[pair.ours.event_loop]}:
        yield f"the event loops were {loops}"
    for side in (comparison.stock, comparison.ours):
        for pattern in side.idle_patterns():
            yield f"{side.side} has no test like {pattern}, which was to be left out"
    wanted = pair.ours.parts or ()
    reactor = (OUR_REACTORS if "reactor" in wanted else STOCK_REACTORS)[on_asyncio]
    if ours.get("reactor") != reactor or _parts_of(ours) != {
        part: part in wanted for part in PARTS
    }:
        yield f"{pair.ours.name} ran on {ours}"


def _parts_of(environment: dict[str, object]) -> dict[str, bool]:
    parts = environment.get("parts", {})
    return parts if isinstance(parts, dict) else {}


def _run_alone(
    tests: Sequence[str], pair: Pair, say: Callable[[str], None]
) -> Iterable[tuple[str, str | None]]:
    for test in tests:
        # One after the other, for each side a core: what depends on the time has what it needs.
        outcome = _alone(test, pair)
        say(f"  {test}: {'settled' if outcome is None else outcome}")
        yield test, outcome


def _alone(test: str, pair: Pair) -> str | None:
    """
    Run one test alone on both sides.

    @return: how it ended here, if it passes on stock and not here; else None.
    """
    # A test whose identifier cannot be loaded as a name is run with what is around it.
    name = test
    while name:
        runs = [(pair.alone or pair.stock, [counterpart(name)]), (pair.ours, [name])]
        stock, ours = run_all(runs, timeout=RERUN_TIMEOUT)
        if counterpart(test) in stock.outcomes:
            break
        name = name.rpartition(".")[0]
    else:
        return "cannot be run alone"
    if not stock.passed(counterpart(test)) or ours.passed(test):
        return None
    outcome = ours.outcomes.get(test, "not run")
    return f"{outcome}: {ours.details.get(test) or ours.trouble or ''}"
