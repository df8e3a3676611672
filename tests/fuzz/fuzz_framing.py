"""
Fuzz one framing against Twisted's class, or the reference; see README.md beside this file.

    python tests/fuzz/fuzz_framing.py LineReceiver -max_total_time=1200
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import atheris

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

with atheris.instrument_imports(
    include=[
        "twisted.protocols.basic",
        "twisted.spread.banana",
        "tests.banana_model",
        "tests.framing_model",
        "tests.framing_reference",
    ]
):
    from twisted.protocols import basic as stock  # noqa: F401

    from tests import banana_model, framing_model

from pyreactor import basic as fast  # noqa: E402 - after the instrumented imports

Traces = tuple[Any, list[Any], list[Any]]


class Consumed:
    """Choices made by the fuzzer's input."""

    def __init__(self, data: bytes) -> None:
        self.source: Any = atheris.FuzzedDataProvider(data)

    def integer(self, low: int, high: int) -> int:
        return int(self.source.ConsumeIntInRange(low, high))

    def data(self, limit: int) -> bytes:
        return bytes(self.source.ConsumeBytes(self.integer(0, limit)))


def framing_traces(name: str, data: bytes) -> Traces:
    """A program over a framing, what is right, and what C does."""
    plan = framing_model.scenario(Consumed(data), name)
    expected = framing_model.trace(plan.framing.reference, plan)
    return plan, expected, framing_model.trace(fast, plan)


def banana_traces(data: bytes) -> Traces:
    """The same over Banana."""
    plan = banana_model.scenario(Consumed(data))
    expected = banana_model.trace(banana_model.Stock, plan)
    return plan, expected, banana_model.trace(banana_model.Fast, plan)


TARGETS: dict[str, Callable[[bytes], Traces]] = {
    **{name: partial(framing_traces, name) for name in framing_model.FRAMINGS},
    "Banana": banana_traces,
}


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(f"name a framing: {', '.join(TARGETS)}")
    traces = TARGETS[sys.argv.pop(1)]

    def test_one_input(data: bytes) -> None:
        plan, expected, found = traces(data)
        if found != expected:
            at = next(
                (i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b),
                min(len(expected), len(found)),
            )
            raise AssertionError(
                f"{plan}\nexpected: {expected[at : at + 3]}\npyreactor: {found[at : at + 3]}"
            )

    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
