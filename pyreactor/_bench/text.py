"""The results and the progress as plain text."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from pyreactor._bench import results
from pyreactor._bench.results import Document, Row

BAR = "█"
EIGHTHS = " ▏▎▍▌▋▊▉"
TITLES = ("", "CPU time", "least – most", "rate", "memory")
MOST_BAR, LEAST_BAR = 30, 8


def bar(share: float, width: int, ascii_only: bool = False) -> str:
    """A bar of so much of the width; what is not nothing is seen."""
    if ascii_only:
        return "#" * max(round(share * width), 1)
    eighths = max(round(share * width * 8), 1)
    whole, rest = divmod(eighths, 8)
    return BAR * whole + (EIGHTHS[rest] if rest else "")


def cells(row: Row, side: str) -> tuple[str, str, str, str, str, str]:
    """Side, CPU time of an operation, its least and most, rate, memory, ratio to stock."""
    found = results.spread(row, side)
    if found is None:
        return side, results.why_missing(row, side), "", "", "", ""
    peak = results.spread(row, side, "peak")
    ratio = "" if side == results.BASE else _ratio(row, side)
    return (
        side,
        results.duration(found.median),
        results.durations(found),
        results.rates(row, side),
        results.size(peak.median) if peak else "",
        ratio,
    )


def _ratio(row: Row, side: str) -> str:
    """Stock's CPU time divided by this side's, and what is to be said of it."""
    found = results.gain(row, side)
    if found is None:
        return ""
    said = results.verdict(row, side)
    words = {results.NOISY: " noisy", results.SLOWER: " SLOWER"}.get(said, "")
    return results.factor(found) + words


def share(row: Row, side: str, sides: list[str]) -> float:
    """How much of the longest bar a side's bar has."""
    medians = [found.median for each in sides if (found := results.spread(row, each))]
    found = results.spread(row, side)
    return 0.0 if found is None else found.median / max(medians)


@dataclass(frozen=True)
class Layout:
    """How wide the columns are: those of `TITLES`, the bar."""

    widths: list[int]
    bar: int

    @classmethod
    def of(cls, document: Document, width: int) -> Layout:
        """What suits these results on a terminal of this width."""
        lines = [cells(row, side) for row in document["rows"] for side in document["sides"]]
        lines = [line for line in lines if line[2]]
        widths = [
            max(map(len, column))
            for column in zip(TITLES, *(line[:5] for line in lines), strict=True)
        ]
        # Two columns before each, and behind the bar the ratio with a word.
        left = width - sum(widths) - 2 * (len(widths) + 1) - 14
        return cls(widths, max(min(left, MOST_BAR), LEAST_BAR))

    def line(self, line: tuple[str, ...]) -> str:
        """The first cell to the left, numbers to the right."""
        first, *numbers = line[:5]
        parts = [first.ljust(self.widths[0])]
        widths = zip(numbers, self.widths[1:], strict=True)
        return "  ".join([*parts, *(text.rjust(width) for text, width in widths)])


def heading(document: Document) -> str:
    """What the table has, in a sentence."""
    return (
        "CPU time of one operation, medians; a shorter bar is better."
        f"  x: stock's time divided by this.  {results.rounds(document).capitalize()}."
    )


def table(document: Document, width: int, ascii_only: bool = False) -> str:
    """All rows, for a terminal of this width."""
    sides: list[str] = document["sides"]
    layout = Layout.of(document, width)
    out = [*textwrap.wrap(heading(document), width), "", f"  {layout.line(TITLES)}"]
    for row in document["rows"]:
        out.append(f"{row['name']} (per {row['operation']})")
        for side in sides:
            line = cells(row, side)
            if not any(line[1:]):
                continue
            if not line[2]:
                out.append(f"  {side:<{layout.widths[0]}}  {line[1]}")
                continue
            drawn = bar(share(row, side, sides), layout.bar, ascii_only)
            out.append(f"  {layout.line(line)}  {drawn} {line[5]}".rstrip())
    return "\n".join(out)


def report(document: Document, width: int, ascii_only: bool = False) -> str:
    """The machine, the table, and the summary."""
    return "\n".join(
        [
            *machine(document, width),
            "",
            table(document, width, ascii_only),
            "",
            *closing(document, width),
        ]
    )


def machine(document: Document, width: int) -> list[str]:
    """Where the numbers come from."""
    facts = document["machine"]
    versions = [f"{name} {facts[name]}" for name in facts if name not in _NO_VERSIONS]
    lines = [f"{facts['processor']}, {facts['system']}; {facts['cores']}", ", ".join(versions)]
    return [line for text in lines for line in textwrap.wrap(text, width)]


_NO_VERSIONS = ("processor", "system", "cores", "load before")


def closing(document: Document, width: int) -> Iterator[str]:
    """The summary, what failed, and which sides were left out."""
    for line in results.summary(document):
        yield from textwrap.wrap(line, width, subsequent_indent="  ")
    for failure in document["failures"]:
        yield from textwrap.wrap(f"FAILED: {failure}", width, subsequent_indent="  ")
    for side, why in document["left_out"].items():
        yield from textwrap.wrap(f"{side} was left out: {why}", width, subsequent_indent="  ")


class PlainProgress:
    """A line that is written over on a terminal; elsewhere one each minute, and for each tenth."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self.stream = stream
        self.over = stream.isatty()
        self.total = self.count = 0
        self.began = self.told = 0.0

    def begin(self, total: int) -> None:
        """So many samples are to come."""
        self.total, self.began = total, time.monotonic()
        self.told = self.began

    def sample(self, what: str) -> None:
        """A sample begins."""
        if self.over:
            self.stream.write(f"\r\x1b[K[{self.count}/{self.total}{self.left()}] {what}"[:100])
            self.stream.flush()

    def done(self) -> None:
        """It has been taken."""
        before = self.count * 10 // max(self.total, 1)
        self.count += 1
        now = time.monotonic()
        tenth = self.count * 10 // max(self.total, 1) > before
        if not self.over and (tenth or now - self.told >= 60):
            self.told = now
            passed = f"{self.count} of {self.total} samples after {now - self.began:.0f} s"
            print(passed + self.left(), file=self.stream, flush=True)

    def left(self) -> str:
        """About how long all takes that is to come, if that can be told."""
        passed = time.monotonic() - self.began
        if self.count < 3 or self.count >= self.total:
            return ""
        seconds = passed / self.count * (self.total - self.count)
        words = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
        return f", about {words} to go"

    def note(self, text: str) -> None:
        """Something that stays to be read."""
        print(("\r\x1b[K" if self.over else "") + text, file=self.stream, flush=True)

    def end(self) -> None:
        """No sample is to come."""
        if self.over:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
