"""
What applications do: TLS, HTTP, remote calls, child processes, standard input and output.

The Twisted programs are unchanged scripts.  Run as ``python -m benchmarks.application``.
"""

from __future__ import annotations

import argparse
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks import harness
from benchmarks.harness import SAMPLES, Comparison, Sample, Side, Work
from pyreactor._bench.sides import last_line

SIDES = ("stock", "pyreactor")
CONNECTIONS = {"tls": 10, "web": 32}


@dataclass(frozen=True)
class Timing:
    """How long a sample with a load generator takes, in seconds; how many operations others do."""

    seconds: float
    warmup: float
    tiny: bool

    def count(self, full: int) -> str:
        """The number of operations where a full sample has ``full``."""
        return str(max(full // 100, 32) if self.tiny else int(full * self.seconds))


def tls_echo(size: int, side: Side, timing: Timing) -> Sample:
    """Messages per second of a TLS echo server."""
    with harness.serving(side, ["twisted_tls_echo.py"]) as server:
        load = [*("--kind", "tls"), *("--connections", CONNECTIONS["tls"]), *("--size", size)]
        load += ["--warmup", timing.warmup, *("--pid", server.pid), *("--target", server.target)]
        # A tiny run counts messages: on a busy machine, none may come in its time.
        load += ["--operations", 50] if timing.tiny else ["--seconds", timing.seconds]
        command = [sys.executable, harness.program("closed_loop.py"), *map(str, load)]
        result = harness.run_json(command, harness.cores()[1], harness.STOCK_ENV, 60)
    return {
        "value": result["rate"],
        "cpu": result["cpu"] * 1e6,
        "load": 100 * result["load"],
    }


def web_hello(side: Side, timing: Timing) -> Sample:
    """Requests per second of a web server under wrk."""
    seconds = max(1, round(timing.seconds))
    with harness.serving(side, ["web_hello.py"]) as server:
        command = ["wrk", "-t1", f"-c{CONNECTIONS['web']}", f"http://{server.target}/"]
        if not timing.tiny:
            wrk(*command, "-d1s")
        before, served = resource.getrusage(resource.RUSAGE_CHILDREN), server.cpu_seconds()
        rate, count = wrk(*command, f"-d{seconds}s")
        after, served = resource.getrusage(resource.RUSAGE_CHILDREN), server.cpu_seconds() - served
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"value": rate, "cpu": 1e6 * served / count, "load": 100 * cpu / seconds}


def wrk(*command: str) -> tuple[float, int]:
    """Run wrk on the second core; requests per second, all answered with 200, and their number."""
    try:
        with harness.starting_on(harness.cores()[1]):
            ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        raise harness.BenchmarkError("wrk took over 60 s") from None
    rate = re.search(r"Requests/sec: +([0-9.]+)", ran.stdout)
    count = re.search(r"(\d+) requests in ", ran.stdout)
    wrong = re.search(r"Socket errors.*|Non-2xx.*", ran.stdout)
    if ran.returncode != 0 or rate is None or count is None or wrong is not None:
        detail = wrong[0] if wrong else last_line(ran.stderr or ran.stdout)
        raise harness.BenchmarkError(f"wrk: {detail}")
    return float(rate[1]), int(count[1])


def sample(script: str, *what: str, count: int) -> Callable[[Side, Timing], Sample]:
    """Takes samples of a script whose last argument is a count."""

    def measure(side: Side, timing: Timing) -> Sample:
        return harness.run_sample(side, [str(SAMPLES / script), *what, timing.count(count)])

    return measure


def calls(what: str, at_once: int) -> Callable[[Side, Timing], Sample]:
    """Remote calls per second."""

    def measure(side: Side, timing: Timing) -> Sample:
        command = ["twisted_remote_calls.py", what, str(at_once), timing.count(5000)]
        taken = harness.run_sample(side, command)
        return {**taken, "value": 1e9 / taken["value"], "cpu": taken["cpu"] / 1e3}

    return measure


def processes(side: Side, timing: Timing) -> Sample:
    """Processes per second, four at a time."""
    taken = harness.run_sample(side, ["twisted_processes.py", timing.count(400)])
    return {"value": 1e9 / taken["value"], "cpu": taken["cpu"] / 1e3}


def with_load(script: str, what: str, count: int) -> Callable[[Side, Timing], Sample]:
    """The same, where the other end runs on the second core."""
    return sample(script, what, str(harness.cores()[1]), count=count)


WORKS: dict[Work, Callable[[Side, Timing], Sample]] = {
    Work("TLS echo, 10 x 1 KB", "messages/s", {"stock": 1.2}): partial(tls_echo, 1024),
    Work("TLS echo, 10 x 100 KB", "messages/s"): partial(tls_echo, 102400),
    Work("web hello world, 32 keep-alive", "requests/s", {"stock": 1.35}): web_hello,
    Work("AMP calls, one at a time", "calls/s", {"stock": 1.5}): calls("amp", 1),
    Work("AMP calls, 16 under way", "calls/s", {"stock": 1.5}): calls("amp", 16),
    Work("PB calls, one at a time", "calls/s", {"stock": 1.2}): calls("pb", 1),
    Work("PB calls, 16 under way", "calls/s", {"stock": 1.2}): calls("pb", 16),
    Work("spawnProcess of /bin/true", "processes/s", {"stock": 1.0}): processes,
    Work("through cat, 64 KiB at a time", "MiB/s"): sample("through.py", "cat", count=400),
    Work("through cat in a terminal, 1 KiB at a time", "messages/s"): with_load(
        "through.py", "pty", 10_000
    ),
    Work("StandardIO echo, 1 KiB at a time", "messages/s"): with_load(
        "standard_io.py", "bytes", 10_000
    ),
    Work("StandardIO echo, 64 lines at once", "messages/s"): with_load(
        "standard_io.py", "lines", 4000
    ),
    Work("StandardIO, reading a file", "MiB/s"): with_load("standard_io.py", "file", 400),
}
NEEDS = {"web hello world, 32 keep-alive": "wrk"}
"""Programs that a row cannot be measured without."""


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    timing = Timing(
        harness.scaled(options, 1.0, 0.5, 0.05),
        harness.scaled(options, 0.2, 0.15, 0.02),
        options.tiny,
    )
    measures = {work.name: measure for work, measure in WORKS.items()}
    return Comparison(
        "applications",
        harness.chosen_works(options, list(WORKS)),
        harness.chosen_sides(options, list(SIDES)),
        lambda work, side: measures[work.name](side, timing),
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=timing.seconds + 1.5,
        columns={"cpu": "server CPU µs/msg", "load": "load CPU %"},
        notes=("remote calls: both ends in one process",),
        missing={
            name: f"{program} is not installed"
            for name, program in NEEDS.items()
            if shutil.which(program) is None
        },
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
