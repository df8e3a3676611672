"""The sides of the benchmarks on asyncio, and what their comparisons have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence

from benchmarks import harness
from benchmarks.harness import Comparison, Sample, Side, Work

STOCK, SUBJECT = "stock on asyncio", "pyreactor on asyncio"
SIDES = (STOCK, "asyncioreactor", SUBJECT, "pyreactor on uvloop")

Measure = Callable[[Side, argparse.Namespace], Sample]


def comparison(
    options: argparse.Namespace,
    title: str,
    measures: Mapping[Work, Measure],
    seconds_per_sample: float,
    *,
    sides: Sequence[str] = SIDES,
    columns: Mapping[str, str] | None = None,
    missing: Mapping[str, str] | None = None,
) -> Comparison:
    """The works asked for, beside pyreactor on asyncio unless another side is the subject."""
    by_name = {work.name: measure for work, measure in measures.items()}
    return Comparison(
        title,
        harness.chosen_works(options, list(measures)),
        harness.chosen_sides(options, sides),
        lambda work, side: by_name[work.name](side, options),
        harness.rounds_of(options),
        SUBJECT if options.subject == "pyreactor" else options.subject,
        seconds_per_sample=seconds_per_sample,
        columns=columns or {},
        notes=("asyncioreactor is Twisted's on uvloop; a ratio over 1 means less CPU time",),
        missing=missing or {},
    )
