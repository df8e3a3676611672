"""All samples, in rounds: in each, every side does every work once, one side after the other."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Protocol

from pyreactor import __version__
from pyreactor._bench import processes
from pyreactor._bench.processes import BenchError
from pyreactor._bench.results import FORMAT, Document, Row
from pyreactor._bench.sides import Side
from pyreactor._bench.works import Work

Take = Callable[[Work, Side], dict[str, float]]
Save = Callable[[Document], None]


class Progress(Protocol):
    """Shows how far the samples are."""

    def begin(self, total: int) -> None:
        """So many samples are to come."""

    def sample(self, what: str) -> None:
        """A sample begins."""

    def done(self) -> None:
        """It has been taken."""

    def note(self, text: str) -> None:
        """Something that stays to be read."""

    def end(self) -> None:
        """No sample is to come."""


@dataclass
class Plan:
    """What is to be measured, and how long that may take."""

    works: Sequence[Work]
    sides: Sequence[Side]
    rounds: int
    budget: float | None = None
    """Seconds in which all rounds have to end; there are fewer where that would not do."""
    left_out: dict[str, str] = field(default_factory=dict)
    missing: dict[tuple[str, str], str] = field(default_factory=dict)
    """By work and side: why the side cannot do it."""
    lacking: dict[tuple[str, str], bool] = field(default_factory=dict)
    """By Python and module: whether there is no such module."""

    def look(self, progress: Progress) -> None:
        """Find out which sides are there, and what each cannot do."""
        there = []
        for side in self.sides:
            why = side.why_unavailable()
            if why is None:
                there.append(side)
            else:
                self.left_out[side.name] = why
                progress.note(f"{side.name} is left out: {why}")
        self.sides = there
        for side in there:
            for work in self.works:
                why = self._why_not(work, side)
                if why:
                    self.missing[work.name, side.name] = why

    def _why_not(self, work: Work, side: Side) -> str:
        """Why a side cannot do a work, or nothing."""
        if side.family not in work.programs:
            return f"nothing like it in {side.family}"
        lacking = [each for each in work.tools if shutil.which(each) is None]
        lacking += [each for each in work.needs.get(side.family, ()) if self._lacks(side, each)]
        if not lacking:
            return ""
        return f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not installed"

    def _lacks(self, side: Side, module: str) -> bool:
        """Whether a side lacks a module; sides of the same Python have the same."""
        known = (side.argv[0], module)
        if known not in self.lacking:
            self.lacking[known] = side.lacks(module)
        return self.lacking[known]

    def samples(self, work: Work) -> list[Side]:
        """The sides that do a work."""
        return [side for side in self.sides if (work.name, side.name) not in self.missing]


def run(plan: Plan, take: Take, progress: Progress, document: Document, save: Save) -> None:
    """
    Take all samples into the document, which has of each row what all its sides have done.

    Rounds are left out at the end where the time that `plan` allows would not suffice for them.

    @param save: called with the document whenever it has more.
    """
    began = time.monotonic()
    progress.begin(plan.rounds * sum(len(plan.samples(work)) for work in plan.works))
    try:
        for number in range(plan.rounds):
            before = time.monotonic()
            for work, row in zip(plan.works, document["rows"], strict=True):
                for side, sample in _in_turn(plan, work, take, progress, number, document).items():
                    row["samples"].setdefault(side, []).append(sample)
                save(document)
            document["rounds"] = number + 1
            save(document)
            last, so_far = time.monotonic() - before, time.monotonic() - began
            if plan.budget is not None and so_far + last > plan.budget:
                if number + 1 < plan.rounds:
                    progress.note(
                        f"{number + 1} of {plan.rounds} rounds: a round takes {last:.0f} s here"
                    )
                break
    finally:
        progress.end()


def _in_turn(
    plan: Plan, work: Work, take: Take, progress: Progress, number: int, document: Document
) -> dict[str, dict[str, float] | None]:
    """A work on each side."""
    sides = plan.samples(work)
    # Another side goes first each time, so that none always has that place.
    turn = number % max(len(sides), 1)
    taken: dict[str, dict[str, float] | None] = dict.fromkeys((side.name for side in sides), None)
    for side in [*sides[turn:], *sides[:turn]]:
        progress.sample(f"round {number + 1} of {plan.rounds}: {work.name}, {side.name}")
        try:
            taken[side.name] = take(work, side)
        except BenchError as error:
            document["failures"].append(f"{work.name}, {side.name}: {error}")
            progress.note(f"FAILED: {work.name}, {side.name}: {error}")
        progress.done()
    return taken


def new_document(plan: Plan) -> Document:
    """A document without samples."""
    return {
        "format": FORMAT,
        "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(),
        "rounds": 0,
        "sides": [side.name for side in plan.sides],
        "left_out": dict(plan.left_out),
        "failures": [],
        "rows": [_row(plan, work) for work in plan.works],
    }


def _row(plan: Plan, work: Work) -> Row:
    missing = {
        side.name: plan.missing[work.name, side.name]
        for side in plan.sides
        if (work.name, side.name) in plan.missing
    }
    return {
        "name": work.name,
        "operation": work.operation,
        "group": work.group,
        "curve": work.curve,
        "at": work.at,
        "missing": missing,
        "samples": {side.name: [] for side in plan.samples(work)},
    }


VERSIONS = (
    *("twisted", "uvloop", "aiofastnet", "pyOpenSSL", "klein", "daphne", "uvicorn", "treq"),
    *("Scrapy", "autobahn", "txredisapi"),
)
"""Packages whose versions are told, where they are installed."""


def machine() -> dict[str, str]:
    """What a reader of the numbers must know about where they come from."""
    measured, loading = processes.cores()
    same = " (the same: rates say little)" if measured == loading else ""
    found = {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "pyreactor": __version__,
        "cores": f"programs on core {measured}, load on core {loading}{same}",
        "load before": " ".join(f"{number:.2f}" for number in os.getloadavg()),
    }
    for name in VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
