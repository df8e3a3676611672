"""Runs the worker on both sides and reads what it wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import CHECKOUT, PYREACTOR, STOCK, environment

PARTS = ("reactor", "deferred", "framing")
WORKER = CHECKOUT / "tests" / "conformance" / "worker.py"

# From best to worst: a test that reports several outcomes has the worst of them.
SEVERITY = ("success", "todo", "skip", "unexpected success", "failure", "error", "died")

PROGRESS_EVERY = 20.0


@dataclass
class Results:
    """What one side's run of the suite gave."""

    side: str
    outcomes: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    started: int = 0
    environment: dict[str, object] = field(default_factory=dict)
    over: bool = False
    # Why the run ended early, if it did; with the last lines it printed.
    trouble: str | None = None

    def passed(self, test: str) -> bool:
        return self.outcomes.get(test) in ("success", "todo")

    def count(self, outcome: str) -> int:
        return sum(1 for each in self.outcomes.values() if each == outcome)

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
            results.over = True
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


class Side:
    """One running worker, in a directory of its own."""

    def __init__(
        self, name: str, runner: Sequence[str], names: Sequence[str], disable: str
    ) -> None:
        self.name = name
        self._folder = tempfile.TemporaryDirectory(prefix=f"conformance-{name}-")
        folder = Path(self._folder.name)
        self._results = folder / "results.jsonl"
        self._output = (folder / "output.txt").open("w+b")
        extend = ["--extend"] if runner else []
        self._process = subprocess.Popen(
            [sys.executable, *runner, str(WORKER), str(self._results), *extend, *names],
            cwd=folder,
            env=environment({"PYREACTOR_DISABLE": disable} if disable else None),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def running(self) -> bool:
        return self._process.poll() is None

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


def run_both(
    names: Sequence[str],
    parts: Sequence[str] = PARTS,
    *,
    timeout: float,
    say: Callable[[str], None] | None = None,
    stock_names: Sequence[str] | None = None,
) -> tuple[Results, Results]:
    """
    Run the tests called `names` on stock Twisted and on pyreactor, at the same time.

    @param parts: the accelerated parts to switch on.
    @param timeout: seconds after which a worker that still runs is killed.
    @param say: told the progress, now and then.
    @param stock_names: the tests to run on stock, where they are called otherwise.
    @return: the results of stock and of pyreactor.
    """
    disable = ",".join(part for part in PARTS if part not in parts)
    sides = (
        Side("stock", STOCK, stock_names or names, ""),
        Side("pyreactor", PYREACTOR, names, disable),
    )
    start = told = time.monotonic()
    while any(side.running() for side in sides):
        now = time.monotonic()
        if now - start > timeout:
            break
        if say is not None and now - told > PROGRESS_EVERY:
            told = now
            counts = ", ".join(f"{side.name} {side.tests_so_far()}" for side in sides)
            say(f"{now - start:.0f} s: tests so far: {counts}")
        time.sleep(0.05)
    trouble = f"killed after {timeout:.0f} s"
    stock, ours = (side.finish(trouble if side.running() else None) for side in sides)
    return stock, ours
