"""Runs the worker on both sides and reads what it wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import CHECKOUT, PYREACTOR, STOCK, environment

PARTS = ("reactor", "deferred", "framing", "log", "web")
WORKER = CHECKOUT / "tests" / "conformance" / "worker.py"

# From best to worst: a test that reports several outcomes has the worst of them.
SEVERITY = ("success", "todo", "skip", "unexpected success", "failure", "error", "died")

PROGRESS_EVERY = 20.0
# Twisted's tests wait for a third of their time: three runs at a time fill two cores.
AT_ONCE = 3


@dataclass
class Results:
    """What one side's run of the suite gave."""

    side: str
    outcomes: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    started: int = 0
    environment: dict[str, object] = field(default_factory=dict)
    over: bool = False
    # How many tests of reactor implementations made a reactor of which class.
    made: dict[str, int] = field(default_factory=dict)
    # Why the run ended early, if it did; with the last lines it printed.
    trouble: str | None = None

    def passed(self, test: str) -> bool:
        return self.outcomes.get(test) in ("success", "todo")

    def count(self, outcome: str) -> int:
        return sum(1 for each in self.outcomes.values() if each == outcome)

    def idle_patterns(self) -> list[str]:
        """Those of tests to leave out that no test is like."""
        left_out = self.environment.get("left_out")
        counts = left_out if isinstance(left_out, dict) else {}
        return [pattern for pattern, count in counts.items() if count == 0]

    def summary(self) -> str:
        counts = [f"{self.count(each)} {each}" for each in SEVERITY if self.count(each)]
        return f"{self.side}: {self.started} tests, " + ", ".join(counts)


def read_results(side: str, text: str) -> Results:
    """Understand a results file, which may end in the middle of a line."""
    results = Results(side)
    running: str | None = None
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            break
        event = entry.pop("event")
        if event == "environment":
            results.environment = entry
        elif event == "over":
            results.over, results.made = True, entry["made"]
        elif event == "start":
            results.started += 1
            running = entry["test"]
            results.outcomes.setdefault(running, "died")
        else:
            _note(results, entry["test"], event, entry["detail"])
    if not results.over and running is not None:
        results.outcomes[running] = "died"
    return results


def _note(results: Results, test: str, outcome: str, detail: str) -> None:
    before = results.outcomes.get(test)
    if before in (None, "died") or SEVERITY.index(outcome) > SEVERITY.index(before or "died"):
        results.outcomes[test] = outcome
        results.details[test] = detail


@dataclass(frozen=True)
class Setup:
    """One way to run the suite."""

    name: str
    # The accelerated parts to switch on; None is stock Twisted.
    parts: tuple[str, ...] | None = PARTS
    # Worker processes for `trial -j`; 0 runs the tests in trial's own process.
    jobs: int = 0
    # The event loop that `trial --reactor=asyncio` is to run on, "asyncio" or "uvloop"; or none.
    event_loop: str = ""
    # Patterns of the names of tests that are left out.
    without: tuple[str, ...] = ()

    @property
    def slots(self) -> int:
        """How many cores a run keeps busy."""
        return max(1, self.jobs)

    def command(self, results: Path, names: Sequence[str]) -> list[str]:
        runner = STOCK if self.parts is None else PYREACTOR
        options = [f"--jobs={self.jobs}"] if self.jobs else []
        options += [f"--without={pattern}" for pattern in self.without]
        if self.event_loop:
            options.append("--reactor=asyncio")
            options += ["--uvloop"] if self.event_loop == "uvloop" else []
        elif self.parts is not None and "reactor" in self.parts:
            # Trial tells its workers which reactor to install, but not which tests to add.
            options.append("--reactor=pyreactor" if self.jobs else "--extend")
        return [sys.executable, *runner, str(WORKER), str(results), *options, *names]

    def environment(self) -> dict[str, str]:
        variables = {
            # Twisted's tests start its commands by name.
            "PATH": os.pathsep.join(
                [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
            ),
            # Where no locale is set, or C.UTF-8, locale.getlocale() tells of one that need not be
            # installed, and Twisted's test_cftp, which goes back to it, cannot be loaded.
            "LC_ALL": "C",
        }
        off = [part for part in PARTS if self.parts is not None and part not in self.parts]
        if off:
            variables["PYREACTOR_DISABLE"] = ",".join(off)
        return environment(variables)


STOCK_SETUP = Setup("stock", parts=None)


class Side:
    """One running worker, in a directory of its own."""

    def __init__(self, setup: Setup, names: Sequence[str]) -> None:
        self.setup = setup
        self.name = setup.name
        self._written = 0
        self._last_write = time.monotonic()
        self._folder = tempfile.TemporaryDirectory(prefix="conformance-")
        folder = Path(self._folder.name)
        self._results = folder / "results.jsonl"
        self._output = (folder / "output.txt").open("w+b")
        self._process = subprocess.Popen(
            setup.command(self._results, names),
            cwd=folder,
            env=setup.environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def running(self) -> bool:
        return self._process.poll() is None

    def silent_for(self) -> float:
        """The seconds since it last wrote down that a test began or ended."""
        written = self._results.stat().st_size if self._results.exists() else 0
        if written != self._written:
            self._written, self._last_write = written, time.monotonic()
        return time.monotonic() - self._last_write

    def tests_so_far(self) -> int:
        return self._text().count('"event": "start"')

    def finish(self, trouble: str | None = None) -> Results:
        """Read the results, after the worker ended or because it took too long."""
        if self.running():
            os.killpg(self._process.pid, 9)
        code = self._process.wait()
        results = read_results(self.name, self._text())
        if not results.over:
            self._output.seek(0)
            tail = self._output.read()[-2000:].decode("utf-8", "replace")
            results.trouble = f"{trouble or f'ended with exit code {code}'}; it printed:\n{tail}"
        self._output.close()
        self._folder.cleanup()
        return results

    def _text(self) -> str:
        if not self._results.exists():
            return ""
        return self._results.read_text(encoding="utf-8", errors="replace")


def run_all(
    runs: Sequence[tuple[Setup, Sequence[str]]],
    *,
    timeout: float,
    say: Callable[[str], None] | None = None,
) -> list[Results]:
    """
    Run tests in several setups, AT_ONCE at a time.

    @param runs: the setups, each with the names of its tests; started in this order.
    @param timeout: seconds without a word of any test, after which a worker is killed.
    @param say: told the progress, now and then.
    @return: the results, in the order of the runs.
    """
    waiting = list(enumerate(runs))
    running: dict[int, Side] = {}
    found: dict[int, Results] = {}
    told = time.monotonic()
    while waiting or running:
        while waiting and _room(running.values(), waiting[0][1][0]):
            index, (setup, names) = waiting.pop(0)
            running[index] = Side(setup, names)
        for index, side in list(running.items()):
            late = side.silent_for() > timeout
            if late or not side.running():
                trouble = f"killed after {timeout:.0f} s without a word" if late else None
                found[index] = side.finish(trouble)
                del running[index]
        if say is not None and time.monotonic() - told > PROGRESS_EVERY:
            told = time.monotonic()
            counts = (f"{side.name} {side.tests_so_far()}" for side in running.values())
            say(f"tests so far: {', '.join(counts)}")
        time.sleep(0.05)
    return [found[index] for index in range(len(runs))]


def _room(running: Iterable[Side], setup: Setup) -> bool:
    busy = sum(side.setup.slots for side in running)
    return busy == 0 or busy + setup.slots <= AT_ONCE
