"""
How soon ``SIGINT`` ends a reactor, idle without a timed call or busy, stock and pyreactor.

Run as ``python -m benchmarks.interrupt``.  The two take turns, each in a fresh process.
"""

from __future__ import annotations

import os
import select
import signal
import statistics
import subprocess
import sys
import time

from benchmarks import harness

SIDES = ("stock", "pyreactor")
WORKS = ("idle", "busy")
ROUNDS = 10
PROGRAM = """
import sys
from twisted.internet import reactor, task
if sys.argv[1] == "busy":
    task.LoopingCall(sum, range(1000)).start(0)
reactor.addSystemEventTrigger("after", "shutdown", print, "stopped", flush=True)
name = f"{type(reactor).__module__}.{type(reactor).__qualname__}"
reactor.callWhenRunning(print, "running", name, flush=True)
reactor.run()
"""


def delay(side: harness.Side, work: str) -> float:
    """Milliseconds from the signal to the line that tells that the reactor has shut down."""
    process = subprocess.Popen(
        [*side.argv, "/dev/stdin", work],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=harness.environment(side.env),
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(PROGRAM.encode())
        process.stdin.close()
        line = process.stdout.readline().decode().split()
        if len(line) != 2:
            raise harness.BenchmarkError("the program did not start")
        harness.check_runs_on(side, line[1])
        time.sleep(0.3)
        began = time.perf_counter()
        os.kill(process.pid, signal.SIGINT)
        ready, _, _ = select.select([process.stdout], [], [], 10)
        passed = time.perf_counter() - began
        if not ready or process.stdout.readline() != b"stopped\n":
            raise harness.BenchmarkError("the signal did not end the reactor")
        return 1000 * passed
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main() -> None:
    """Print, for each side, the median and the longest of the rounds."""
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for work in WORKS:
            for side in SIDES:
                taken = delay(harness.ALL_SIDES[side], work)
                found.setdefault((work, side), []).append(taken)
    print("SIGINT: milliseconds until the reactor has shut down")
    for (work, side), taken in found.items():
        middle, most = statistics.median(taken), max(taken)
        print(f"  {work}  {side:10} median {middle:6.2f}   most {most:6.2f}")


if __name__ == "__main__":
    sys.exit(main())
