"""
What the benchmarks share: sides, fresh processes on chosen cores, rounds, ratios and tables.

A *side* is a way to run a program (stock Twisted, pyreactor, …), a *work* is something that all
sides do and that gives one number per sample.  A `Comparison` takes every sample in a process of
its own; in each round every side does every work once, so that whatever disturbs the machine
disturbs all sides alike, and the ratio of two sides is the median of their ratios round by round.

A benchmark is a module with ``compare(options) -> Comparison`` and
``main = functools.partial(harness.main, compare, __doc__)``.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import platform
import resource
import select
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pyreactor._bench.results import Spread
from pyreactor._bench.sides import last_line

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BIN = HERE / "bin"
SERVERS = HERE / "servers"
SAMPLES = HERE / "samples"
SHARED = ROOT / "pyreactor" / "_bench" / "programs"
"""Programs that `pyreactor bench` runs, too."""

Sample = Mapping[str, float]
"""One measurement: ``value`` and whatever else is worth a column."""


class BenchmarkError(Exception):
    """A sample could not be taken; the text tells the user why."""


# -- sides ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """
    A way to run a program.

    ``runs_on`` is how the name of the reactor or loop must begin that the program reports when
    it has started: a side that silently runs on something else would make a wrong table.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    runs_on: str
    probe: str
    """Python that fails, in this side's environment, where the side cannot be run."""

    def why_unavailable(self) -> str | None:
        """The reason why this side cannot run here, or None."""
        if not self.argv:
            return tool_problem("uv_echo")
        try:
            ran = run_python(self.probe, self.env, self.argv[0])
        except OSError as error:
            return f"{self.argv[0]}: {error.strerror}"
        if ran.returncode == 0:
            return None
        return last_line(ran.stderr) or f"exit code {ran.returncode}"


STOCK_ENV = {"PYREACTOR": "0"}
ALL_SIDES = {
    side.name: side
    for side in (
        Side(
            "stock",
            (sys.executable,),
            STOCK_ENV,
            "twisted.internet.epollreactor.",
            "import twisted.internet.epollreactor",
        ),
        Side(
            "asyncioreactor",
            (sys.executable, str(SERVERS / "on_asyncioreactor_uvloop.py")),
            STOCK_ENV,
            "twisted.internet.asyncioreactor.",
            "import twisted.internet.asyncioreactor, uvloop",
        ),
        Side(
            "stock on asyncio",
            (sys.executable, str(SERVERS / "on_asyncioreactor.py")),
            STOCK_ENV,
            "twisted.internet.asyncioreactor.",
            "import twisted.internet.asyncioreactor",
        ),
        Side(
            "pyreactor on asyncio",
            (sys.executable, "-m", "pyreactor", str(SERVERS / "on_asyncioreactor.py")),
            {},
            "pyreactor.asyncioreactor.",
            "import pyreactor.asyncioreactor",
        ),
        Side(
            "pyreactor on uvloop",
            (sys.executable, "-m", "pyreactor", str(SERVERS / "on_asyncioreactor_uvloop.py")),
            {},
            "pyreactor.asyncioreactor.",
            "import pyreactor.asyncioreactor, uvloop",
        ),
        Side("uvloop", (sys.executable,), STOCK_ENV, "uvloop.", "import uvloop"),
        Side(
            "aiofastnet",
            (sys.executable,),
            {**STOCK_ENV, "BENCH_LOOP": "aiofastnet on uvloop"},
            "aiofastnet.on.Loop",
            "import aiofastnet, uvloop",
        ),
        Side("libuv", (), {}, "libuv-", ""),
        Side(
            "pyreactor",
            (sys.executable, "-m", "pyreactor"),
            {},
            "pyreactor.",
            "import importlib.util, pyreactor._core\n"
            "if importlib.util.find_spec('pyreactor.__main__') is None:\n"
            "    raise ImportError('this pyreactor cannot be run with -m')",
        ),
    )
}


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: a checkout that has been built in place comes first."""
    env = {**os.environ, **extra}
    if any((ROOT / "pyreactor").glob("_core*.so")):
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), env.get("PYTHONPATH"))))
    return env


def run_python(
    code: str, env: Mapping[str, str], executable: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run a few lines of Python where the samples run."""
    return subprocess.run(
        [executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env=environment(env),
        cwd=SERVERS,
        timeout=60,
    )


def program(name: str) -> str:
    """The path of a program of `SHARED`, or the name itself, which is one in `SERVERS`."""
    return str(SHARED / name) if (SHARED / name).exists() else name


# -- tools in C -------------------------------------------------------------------------------

CFLAGS = ("-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror")


@cache
def tool_problem(name: str) -> str | None:
    """Build ``bin/NAME`` from ``NAME.c`` unless it is there; the reason if that fails, or None."""
    source, target = HERE / f"{name}.c", BIN / name
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return None
    BIN.mkdir(exist_ok=True)
    # Moved into place when whole: somebody else may be building, or running, the same tool.
    unfinished = BIN / f".{name}.{os.getpid()}"
    compiler = shlex.split(os.environ.get("CC", "cc"))
    try:
        libraries = pkg_config("--cflags", "--libs") if name.startswith("uv_") else []
        subprocess.run(
            [*compiler, *CFLAGS, str(source), "-o", str(unfinished), *libraries],
            check=True,
            capture_output=True,
            text=True,
        )
        unfinished.replace(target)
    except OSError as error:
        return str(error)
    except subprocess.CalledProcessError as error:
        return f"{error.cmd[0]}: {error.stderr.strip()}"
    return None


def pkg_config(*flags: str) -> list[str]:
    """What pkg-config says about libuv."""
    command = [os.environ.get("PKG_CONFIG", "pkg-config"), *flags, "libuv"]
    return shlex.split(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def tool(name: str) -> str:
    """The path of a tool, built if need be."""
    problem = tool_problem(name)
    if problem is not None:
        raise BenchmarkError(f"cannot build {name}: {problem}")
    return str(BIN / name)


# -- processes --------------------------------------------------------------------------------


@cache
def cores() -> tuple[int, int]:
    """The core for what is measured and the core for the load: the same one if there is one."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[1 % len(available)]


@contextmanager
def starting_on(core: int) -> Iterator[None]:
    """What is started in the block runs on that core, and may open as many files as allowed."""
    both = cores()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, set(both))


def check_runs_on(side: Side, reported: str) -> None:
    """Raise unless a program of this side reported what it should run on."""
    if not reported.startswith(side.runs_on):
        raise BenchmarkError(f"should run on {side.runs_on}*, but runs on {reported or 'nothing'}")


def run_json(command: Sequence[str], core: int, env: Mapping[str, str], timeout: float) -> Any:
    """Run a command pinned to a core; what it printed, decoded."""
    try:
        with starting_on(core):
            ran = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                env=environment(env),
                cwd=SERVERS,
                timeout=timeout,
            )
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"{Path(command[-1]).name} took over {timeout:g} s") from None
    if ran.returncode != 0:
        raise BenchmarkError(last_line(ran.stderr) or f"exit code {ran.returncode}")
    try:
        return json.loads(ran.stdout)
    except ValueError:
        raise BenchmarkError(f"printed no JSON: {last_line(ran.stdout)!r}") from None


def run_sample(side: Side, command: Sequence[str], timeout: float = 120.0) -> Sample:
    """
    Run a sample script on a side, pinned to the first core.

    It prints one JSON object with ``value`` (and other numbers) and ``runs_on``.
    """
    script, *arguments = command
    command = [*side.argv, program(script), *arguments]
    printed: dict[str, Any] = run_json(command, cores()[0], side.env, timeout)
    check_runs_on(side, str(printed.pop("runs_on", "")))
    return printed


def load(*arguments: str, timeout: float = 60.0) -> Any:
    """Run the load generator on the second core; its result."""
    return run_json([tool("loadgen"), *arguments], cores()[1], {}, timeout)


@dataclass(frozen=True)
class Server:
    """A server that runs on the first core; ``target`` is where the load generator finds it."""

    pid: int
    target: str

    def resident_bytes(self) -> int:
        """Memory of the process that is resident now."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """How long its main thread has run so far."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def serving(side: Side, command: Sequence[str]) -> Iterator[Server]:
    """
    Run a server while the block runs.

    It prints its port on 127.0.0.1, or ``unix:`` and its path, and what it runs on.
    """
    script, *arguments = command
    with tempfile.TemporaryFile("w+") as errors:
        with starting_on(cores()[0]):
            process = subprocess.Popen(
                [*side.argv, program(script), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment(side.env),
                cwd=SERVERS,
            )
        try:
            yield announced(side, process)
            if process.poll() is not None:
                raise BenchmarkError(f"the server ended by itself, code {process.returncode}")
        except BenchmarkError as error:
            errors.seek(0)
            detail = last_line(errors.read())
            raise BenchmarkError(f"{error}; server: {detail}" if detail else str(error)) from None
        finally:
            stop(process)


def announced(side: Side, process: subprocess.Popen[str]) -> Server:
    """Wait for the line in which a server tells where it listens."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 20.0)
    line = process.stdout.readline().split() if ready else []
    if len(line) != 2:
        raise BenchmarkError("the server did not start")
    check_runs_on(side, line[1])
    where = line[0]
    target = where if where.startswith("unix:") else f"127.0.0.1:{int(where)}"
    return Server(process.pid, target)


def stop(process: subprocess.Popen[str]) -> None:
    """End a child, kindly first."""
    process.terminate()
    try:
        process.wait(5.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


# -- comparison -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """Something every side does; ``at_least`` is the ratio aimed at, by the other side's name."""

    name: str
    unit: str
    at_least: Mapping[str, float] = field(default_factory=dict, hash=False)
    less_is_better: bool = False


@dataclass
class Comparison:
    """Some works done by some sides in some rounds, and what came out."""

    title: str
    works: Sequence[Work]
    sides: Sequence[Side]
    measure: Callable[[Work, Side], Sample]
    rounds: int
    subject: str = "pyreactor"
    seconds_per_sample: float = 1.0
    columns: Mapping[str, str] = field(default_factory=dict)
    """Further numbers of a sample to show: key in the sample, heading."""
    notes: Sequence[str] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    """Works that cannot be done here, by name, each with the reason."""
    samples: dict[tuple[str, str], list[Sample | None]] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Take all samples."""
        for side in self.sides:
            reason = side.why_unavailable()
            if reason is not None:
                self.unavailable[side.name] = reason
                say(f"{self.title}: side {side.name} is not available: {reason}")
        sides = [side for side in self.sides if side.name not in self.unavailable]
        works = [work for work in self.works if work.name not in self.missing]
        count = len(works) * len(sides) * self.rounds
        say(
            f"{self.title}: {self.rounds} rounds of {len(works)} works on {len(sides)} sides,"
            f" about {count * self.seconds_per_sample:.0f} s"
        )
        began = time.monotonic()
        for number in range(self.rounds):
            for work in works:
                # Another side goes first each time, so that none always has that place.
                turn = number % max(len(sides), 1)
                for side in [*sides[turn:], *sides[:turn]]:
                    taken = self.take(work, side, number)
                    self.samples.setdefault((work.name, side.name), []).append(taken)
            passed = time.monotonic() - began
            say(f"{self.title}: round {number + 1} of {self.rounds} done after {passed:.0f} s")

    def take(self, work: Work, side: Side, number: int) -> Sample | None:
        """One sample, or None with the failure noted."""
        try:
            return self.measure(work, side)
        except BenchmarkError as error:
            failure = f"round {number + 1}, {work.name}, {side.name}: {error}"
            self.failures.append(failure)
            say(f"{self.title}: FAILED: {failure}")
            return None

    def spread(self, work: Work, side: str, key: str = "value") -> Spread | None:
        """What the samples of a side gave."""
        taken = self.samples.get((work.name, side), [])
        return Spread.of([sample[key] for sample in taken if sample and key in sample])

    def ratio(self, work: Work, other: str) -> Spread | None:
        """How many times better the subject did than the other side, round by round."""
        pairs = zip(
            self.samples.get((work.name, self.subject), []),
            self.samples.get((work.name, other), []),
            strict=False,
        )
        ratios = [
            theirs["value"] / ours["value"]
            if work.less_is_better
            else ours["value"] / theirs["value"]
            for ours, theirs in pairs
            # A run too short for the clock of CPU time measures nothing.
            if ours and theirs and ours["value"] and theirs["value"]
        ]
        return Spread.of(ratios)

    def verdict(self, work: Work, other: str) -> str:
        """What to print beside a ratio: the aim, and whether it was reached."""
        aim = work.at_least.get(other)
        ratio = self.ratio(work, other)
        if aim is None:
            return "" if ratio is None or ratio.median >= 1.0 else "behind"
        if ratio is None:
            return f"≥ {aim:g} NOT MEASURED"
        return f"≥ {aim:g} {'pass' if ratio.median >= aim else 'MISSED'}"

    def reached(self) -> bool:
        """Whether every aim was measured and reached, without a failure on the way."""
        verdicts = [self.verdict(work, other) for work in self.works for other in work.at_least]
        return not self.failures and all(verdict.endswith("pass") for verdict in verdicts)

    def report(self) -> str:
        """The table."""
        lines = [f"== {self.title}: medians of {self.rounds} rounds (least – most)"]
        lines += [f"   {note}" for note in self.notes]
        lines += [f"   side {name} NOT AVAILABLE: {why}" for name, why in self.unavailable.items()]
        headings = ["side", "median", "least – most", *self.columns.values()]
        headings += [f"{self.subject} is", "least – most", "aim"]
        for work in self.works:
            if work.name in self.missing:
                lines += ["", f"{work.name}: NOT AVAILABLE: {self.missing[work.name]}"]
                continue
            rows = [headings, *(self.row(work, side.name) for side in self.sides)]
            better = "less is better" if work.less_is_better else "more is better"
            lines += ["", f"{work.name}: {work.unit} ({better})", *aligned(rows)]
        lines += ["", *(f"FAILED: {failure}" for failure in self.failures)]
        return "\n".join(lines)

    def row(self, work: Work, side: str) -> list[str]:
        """One line of the table."""
        value = self.spread(work, side)
        if value is None:
            state = "not available" if side in self.unavailable else "failed"
            return [side, state, "", *("" for _ in self.columns), "", "", self.verdict(work, side)]
        row = [side, quantity(value.median), f"{quantity(value.least)} – {quantity(value.most)}"]
        for key in self.columns:
            extra = self.spread(work, side, key)
            row.append("" if extra is None else quantity(extra.median))
        ratio = self.ratio(work, side) if side != self.subject else None
        if ratio is not None:
            row += [f"× {ratio.median:.2f}", f"{ratio.least:.2f} – {ratio.most:.2f}"]
        else:
            row += ["", ""]
        return [*row, self.verdict(work, side) if side != self.subject else ""]

    def document(self) -> dict[str, Any]:
        """Everything, for ``--json``."""
        return {
            "title": self.title,
            "subject": self.subject,
            "rounds": self.rounds,
            "unavailable": self.unavailable,
            "missing": dict(self.missing),
            "failures": self.failures,
            "works": [self.work_document(work) for work in self.works],
        }

    def work_document(self, work: Work) -> dict[str, Any]:
        """One work of the document."""
        sides: dict[str, Any] = {}
        for side in self.sides:
            value, ratio = self.spread(work, side.name), self.ratio(work, side.name)
            sides[side.name] = {
                "samples": self.samples.get((work.name, side.name), []),
                "spread": vars(value) if value else None,
                "ratio": vars(ratio) if ratio and side.name != self.subject else None,
                "at_least": work.at_least.get(side.name),
                "verdict": self.verdict(work, side.name),
            }
        return {
            "name": work.name,
            "unit": work.unit,
            "less_is_better": work.less_is_better,
            "sides": sides,
        }


def say(text: str) -> None:
    """Progress goes to standard error, so that the report can be piped."""
    print(text, file=sys.stderr, flush=True)


def quantity(number: float) -> str:
    """A number with about three significant digits and thousands marked."""
    magnitude = abs(number)
    digits = 0 if magnitude >= 100 else 1 if magnitude >= 10 else 2
    return f"{number:,.{digits}f}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as text lines: the first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        *numbers, last = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join(["  " + first.ljust(widths[0]), *numbers, last.strip()]).rstrip())
    return lines


# -- the machine ------------------------------------------------------------------------------

VERSIONS = """
import importlib.metadata, json
found = {}
for name in ("twisted", "uvloop", "aiofastnet", "pyreactor"):
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found[name] = None
try:
    import pyreactor
    found["pyreactor"] = pyreactor.__version__
except Exception:
    pass
print(json.dumps(found))
"""


def machine() -> dict[str, str]:
    """What a reader of the numbers must know about where they come from."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    found: dict[str, str | None] = json.loads(run_python(VERSIONS, STOCK_ENV).stdout or "{}")
    try:
        found["libuv"] = pkg_config("--modversion")[0]
    except (OSError, subprocess.CalledProcessError):
        found["libuv"] = None
    measured, loading = cores()
    return {
        "cpu": f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{name: version or "not installed" for name, version in found.items()},
        "cores": f"measured on core {measured}, load on core {loading}"
        + (" (the same: ratios are squeezed)" if measured == loading else ""),
        "load average before": " ".join(f"{number:.2f}" for number in os.getloadavg()),
    }


# -- the command line -------------------------------------------------------------------------


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options every benchmark has."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=None, help="rounds (5; with --quick 3)")
    options.add_argument("--quick", action="store_true", help="fewer, shorter, rows with aims only")
    options.add_argument("--tiny", action="store_true", help="one round, to see that it works")
    options.add_argument("--sides", default="*", help="sides to compare, patterns joined by commas")
    options.add_argument("--rows", default="*", help="works to do, patterns joined by commas")
    options.add_argument("--subject", default="pyreactor", help="the side the others stand beside")
    options.add_argument("--spin", action="store_true", help="the load generator never sleeps")
    options.add_argument("--json", metavar="PATH", help="write everything there, too")
    options.add_argument("--check", action="store_true", help="exit code 1 unless all aims are met")
    options.add_argument("--list", action="store_true", help="only list the rows and the sides")
    return options


def rounds_of(options: argparse.Namespace) -> int:
    """How many rounds were asked for."""
    asked: int | None = options.rounds
    return asked or (1 if options.tiny else 3 if options.quick else 5)


def scaled(options: argparse.Namespace, full: float, quick: float, tiny: float) -> float:
    """One of the three, as asked for."""
    return tiny if options.tiny else quick if options.quick else full


def matching(name: str, patterns: str) -> bool:
    """Whether one of the patterns, joined by commas, fits a name."""
    return any(fnmatch.fnmatchcase(name, pattern.strip()) for pattern in patterns.split(","))


def chosen_works(options: argparse.Namespace, works: Sequence[Work]) -> list[Work]:
    """The works asked for: with --quick those that have an aim, unless they are named."""
    if options.rows == "*" and options.quick:
        return [work for work in works if work.at_least]
    return [work for work in works if matching(work.name, options.rows)]


def chosen_sides(options: argparse.Namespace, names: Sequence[str]) -> list[Side]:
    """The sides asked for, of those that a benchmark has."""
    return [ALL_SIDES[name] for name in names if matching(name, options.sides)]


def execute(
    compares: Sequence[Callable[[argparse.Namespace], Comparison]], options: argparse.Namespace
) -> int:
    """Run some comparisons, print their tables, write the JSON; the exit code."""
    comparisons = [compare(options) for compare in compares]
    if options.list:
        for comparison in comparisons:
            print(f"{comparison.title}: sides {', '.join(side.name for side in comparison.sides)}")
            print("".join(f"    {work.name}\n" for work in comparison.works), end="")
        return 0
    facts = machine()
    print("".join(f"{name}: {value}\n" for name, value in facts.items()))
    for comparison in comparisons:
        comparison.run()
        print(comparison.report() + "\n", flush=True)
    if options.json:
        document = {
            "machine": facts,
            "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "comparisons": [comparison.document() for comparison in comparisons],
        }
        Path(options.json).write_text(json.dumps(document, indent=1) + "\n")
    return 0 if not options.check or all(each.reached() for each in comparisons) else 1


def main(
    compare: Callable[[argparse.Namespace], Comparison],
    description: str | None,
    argv: Sequence[str] | None = None,
) -> int:
    """The command line of one benchmark."""
    try:
        return execute([compare], parser(description).parse_args(argv))
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
