"""What a program that measures itself uses: its clocks, and how it tells what came out."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from time import perf_counter_ns, process_time_ns


class Stopwatch:
    """Wall-clock and CPU time since it was made."""

    def __init__(self) -> None:
        self.wall, self.cpu = perf_counter_ns(), process_time_ns()

    def passed(self) -> tuple[int, int]:
        """Nanoseconds of both."""
        return perf_counter_ns() - self.wall, process_time_ns() - self.cpu


def tell(runs_on: object, operations: int, passed: tuple[int, int]) -> None:
    """
    Print the result, as one JSON object.

    :param runs_on: the reactor or loop, or its name.
    :param operations: how many were done in the nanoseconds ``passed``.
    """
    kind = type(runs_on)
    name = runs_on if isinstance(runs_on, str) else f"{kind.__module__}.{kind.__qualname__}"
    wall, cpu = passed
    found = {"value": wall / operations, "cpu": cpu / operations, "runs_on": name}
    print(json.dumps(found), flush=True)


Timed = Callable[[int], tuple[int, tuple[int, int]]]
"""Does about so many operations; how many they were, and the nanoseconds of both clocks."""


def for_so_long(once: Timed, count: int, seconds: float) -> tuple[int, tuple[int, int]]:
    """
    Do something again and again, after a first time that does not count.

    :param once: what is measured, given ``count``.
    :return: the sum of what ``once`` gave until so many seconds have passed.
    """
    once(max(count // 10, 200))
    if "PYPY" in os.environ.get("BENCH_SIDE", "").upper():
        begun = perf_counter_ns()
        while perf_counter_ns() - begun < 600_000_000:
            once(count)
    total, wall, cpu = 0, 0, 0
    begun = perf_counter_ns()
    while total == 0 or perf_counter_ns() - begun < seconds * 1e9:
        done, (more_wall, more_cpu) = once(count)
        total, wall, cpu = total + done, wall + more_wall, cpu + more_cpu
    return total, (wall, cpu)


_PR_SET_PDEATHSIG = 1


def helper(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """
    Start what a program needs beside it; the kernel ends it if the program is killed.

    :param command: a command that says nothing worth reading.
    """
    prctl = ctypes.CDLL(None).prctl
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
    )
