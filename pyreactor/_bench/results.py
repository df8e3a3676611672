"""What came out, as a document that can be written as JSON, and what it means."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FORMAT = 1
SUBJECT, BASE, WATCHED = "pyreactor", "stock", "watched"

Document = dict[str, Any]
"""
``format``, ``taken`` (UTC), ``machine``, ``rounds``, ``sides`` (names), ``left_out`` (reasons by
side), ``failures`` (sentences), ``interrupted`` (the round in which the run ended, if that was
before its end) and ``rows``; a row has ``name``, ``operation``, ``group``,
``curve``, ``at``, ``missing`` (a reason, by side) and ``samples`` (by side: for each round a
`measuring.Sample`, or None).
"""
Row = dict[str, Any]


@dataclass(frozen=True)
class Spread:
    """Median and extremes of some numbers."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread | None:
        """The spread of the numbers, or None if there are none."""
        if not numbers:
            return None
        return cls(statistics.median(numbers), min(numbers), max(numbers))


def spread(row: Row, side: str, key: str = "cpu") -> Spread | None:
    """What the samples of a side gave."""
    taken = row["samples"].get(side, [])
    return Spread.of([sample[key] for sample in taken if sample and sample.get(key)])


def why_missing(row: Row, side: str) -> str:
    """Why a side has no samples of a row; nothing if it was not to have any."""
    missing: str = row["missing"].get(side, "")
    return missing or ("failed" if side in row["samples"] else "")


def gain(row: Row, side: str = SUBJECT, base: str = BASE, key: str = "cpu") -> Spread | None:
    """
    How many times less an operation costs on a side than on another, round by round.

    @param key: ``cpu``, ``wall`` or ``peak``; of these, less is better.
    """
    pairs = zip(row["samples"].get(side, []), row["samples"].get(base, []), strict=False)
    ratios = [
        other[key] / own[key]
        for own, other in pairs
        # A program that is ended too soon for the clock of CPU time measures nothing.
        if own and other and own.get(key) and other.get(key)
    ]
    return Spread.of(ratios)


FASTER, SLOWER, NOISY, ONCE, NOTHING = "faster", "slower", "noisy", "one round", "not measured"


def verdict(row: Row, side: str = SUBJECT, base: str = BASE, key: str = "cpu") -> str:
    """
    What a row says of a side beside another.

    A row whose rounds differ from each other by more than the sides differ is noisy.
    """
    found = gain(row, side, base, key)
    if found is None:
        return NOTHING
    taken = [sample for sample in row["samples"].get(side, []) if sample]
    if len(taken) < 2:
        return ONCE
    if found.most - found.least >= abs(found.median - 1.0):
        return NOISY
    return FASTER if found.median > 1.0 else SLOWER


AT_ITS_LIMIT = 0.9
"""Of a core: a load that takes more is what a rate tells of, rather than the server."""


def rates(row: Row, side: str) -> str:
    """Operations a second, short; nothing if none were counted.  ``≥``: the load gave no more."""
    found, load = spread(row, side, "rate"), spread(row, side, "load")
    if found is None:
        return ""
    return ("≥ " if load is not None and load.median > AT_ITS_LIMIT else "") + rate(found.median)


@dataclass(frozen=True)
class Loss:
    """A row that is not won beside a side, or not for certain."""

    row: str
    base: str
    ratio: Spread
    verdict: str

    def words(self) -> str:
        """``x 0.98 beside stock, noisy``."""
        return f"{factor(self.ratio)} beside {self.base}, {self.verdict}"


def losses(document: Document) -> list[Loss]:
    """All of them, beside stock first."""
    found = []
    for base in document["sides"]:
        for row in document["rows"] if base not in (SUBJECT, WATCHED) else []:
            ratio, said = gain(row, SUBJECT, base), verdict(row, SUBJECT, base)
            if ratio is not None and said in (SLOWER, NOISY):
                found.append(Loss(row["name"], base, ratio, said))
    return found


def merged(document: Document, more: Document) -> Document:
    """
    A document with rows of another one: in the place of those of the same names, or behind them.

    A row has its own number of samples, and nothing to say of the sides of the other document.
    """
    sides = [*document["sides"], *(side for side in more["sides"] if side not in document["sides"])]
    rows = {row["name"]: row for row in [*document["rows"], *more["rows"]]}
    kept = {key: document[key] for key in ("format", "taken", "machine", "rounds")}
    return kept | {
        "sides": sides,
        "left_out": {
            side: why
            for side, why in {**document["left_out"], **more["left_out"]}.items()
            if side not in sides
        },
        "failures": [*document["failures"], *more["failures"]],
        "rows": list(rows.values()),
    }


def summary(document: Document) -> list[str]:
    """In a few sentences: how many rows were won, lost and noisy, and which were lost."""
    if SUBJECT not in document["sides"] or BASE not in document["sides"]:
        return []
    verdicts: dict[str, list[str]] = {}
    for row in document["rows"]:
        verdicts.setdefault(verdict(row), []).append(row["name"])
    # A row of one round is neither won nor lost.
    told = sum(len(rows) for kind, rows in verdicts.items() if kind not in (NOTHING, ONCE))
    faster = len(verdicts.get(FASTER, []))
    lines = []
    if told or not verdicts.get(ONCE):
        lines.append(f"{SUBJECT} takes less CPU time than {BASE} in {faster} of {told} rows.")
    for kind, words in ((SLOWER, "It takes more"), (NOISY, "Noisy"), (NOTHING, "Not measured")):
        if kind in verdicts:
            lines.append(f"{words} in {len(verdicts[kind])}: {'; '.join(verdicts[kind])}.")
    lines += _watching(document)
    if document.get("interrupted"):
        lines.append(f"It was interrupted in round {document['interrupted']}.")
    if ONCE in verdicts:
        lines.append("One round tells nothing of how certain a number is: take --rounds 3 or more.")
    return lines


def _watching(document: Document) -> list[str]:
    """What it costs to be watched, of each row."""
    found = []
    for row in document["rows"]:
        ratio = gain(row, WATCHED, SUBJECT)
        if ratio is not None:
            more = [f"{100 / each - 100:+.1f}" for each in (ratio.median, ratio.most, ratio.least)]
            found.append(f"{row['name']}: {more[0]} % ({more[1]} to {more[2]})")
    return [f"With --slow and --stats beside without: {'; '.join(found)}."] if found else []


_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


def rounds(document: Document) -> str:
    """How many there were, in words."""
    count = document["rounds"]
    more = " and a part of the next" if document.get("interrupted") else ""
    return f"{count} round{'' if count == 1 else 's'}{more}"


def duration(seconds: float) -> str:
    """A time with three significant digits: ``12.3 µs``."""
    unit, scale = _unit(seconds)
    return f"{significant(seconds / scale)} {unit}"


def _unit(seconds: float) -> tuple[str, float]:
    """The largest one in which a time, rounded, is not below 1; and how long that is."""
    return next((unit for unit in _UNITS if seconds >= 0.9995 * unit[1]), _UNITS[-1])


def durations(found: Spread) -> str:
    """Least and most, in the unit of the most: ``11.9 – 12.6 µs``."""
    unit, scale = _unit(found.most)
    return f"{significant(found.least / scale)} – {significant(found.most / scale)} {unit}"


def significant(number: float) -> str:
    """A number with three significant digits, thousands marked."""
    magnitude = abs(number)
    digits = 0 if magnitude >= 99.95 else 1 if magnitude >= 9.995 else 2
    return f"{number:,.{digits}f}"


def rate(number: float) -> str:
    """Operations a second, short: ``23.4k/s``."""
    for letter, scale in (("M", 1e6), ("k", 1e3)):
        if number >= 0.9995 * scale:
            return f"{significant(number / scale)}{letter}/s"
    return f"{significant(number)}/s"


def size(amount: float) -> str:
    """Bytes, short: ``43 MB``."""
    return f"{amount / 1e6:,.0f} MB"


def factor(found: Spread) -> str:
    """A ratio: ``x 2.34``."""
    return f"x {significant(found.median)}"
