"""
How late ``callLater(0.0005, f)`` fires on an idle reactor, stock and pyreactor.

Run as ``python -m benchmarks.precision``.  The two take turns, each in a fresh process.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

SAMPLE = Path(__file__).resolve().parent / "samples" / "precision.py"
SIDES = {"stock": (), "pyreactor": ("-m", "pyreactor")}
ROUNDS = 5


def lateness(runner: tuple[str, ...]) -> list[float]:
    """One process's samples, microseconds."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYREACTOR")}
    environment["PYTHONPATH"] = str(SAMPLE.parent.parent.parent)
    output = subprocess.run(
        [sys.executable, *runner, str(SAMPLE)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(number) for number in output.stdout.split()]


def main() -> None:
    """Print, for each side, the median of the rounds' medians and 95th percentiles."""
    found: dict[str, list[tuple[float, float]]] = {side: [] for side in SIDES}
    for _ in range(ROUNDS):
        for side, runner in SIDES.items():
            late = sorted(lateness(runner))
            found[side].append((statistics.median(late), late[len(late) * 95 // 100]))
    print("callLater(0.0005): microseconds after the time asked for")
    for side, rounds in found.items():
        median, tail = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"  {side:10} median {median:6.0f}   95 of 100 within {tail:6.0f}")


if __name__ == "__main__":
    main()
