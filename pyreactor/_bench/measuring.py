"""One sample of a work on a side: in fresh processes, ended before it is told."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from pyreactor._bench import processes
from pyreactor._bench.processes import BenchError
from pyreactor._bench.sides import EPOLL, PROGRAMS, Side, environment, known, last_line
from pyreactor._bench.works import Work

Sample = dict[str, float]
"""``cpu`` is seconds for an operation, ``rate`` operations a second, ``peak`` bytes of memory."""

PATIENCE = 60.0
"""Seconds after which a program that should have ended is ended."""
STARTING = 30.0
"""Seconds that a server has to say where it listens."""


@dataclass(frozen=True)
class Timing:
    """How long a sample takes: seconds, and the share that is done of what is counted."""

    seconds: float = 0.5
    warmup: float = 0.15
    share: float = 1.0
    operations: int = 0
    """For a load that is to end after so many, however long they take."""

    def arguments(self, command: Sequence[str]) -> list[str]:
        """The command with ``{seconds}`` and ``{count:N}`` replaced."""

        def count(found: re.Match[str]) -> str:
            return str(max(int(int(found[1]) * self.share), 20))

        filled = [word.replace("{seconds}", f"{self.seconds:g}") for word in command]
        return [re.sub(r"\{count:(\d+)\}", count, word) for word in filled]


def take(work: Work, side: Side, timing: Timing) -> Sample:
    """
    One sample.

    @raise BenchError: it failed, and why.
    """
    runs_on = side.runs_on.replace(EPOLL, work.reactor)
    with tempfile.TemporaryDirectory(prefix="pyreactor-bench-") as folder:

        def filled(command: Sequence[str]) -> list[str]:
            return [word.replace("{folder}", folder) for word in timing.arguments(command)]

        script, *arguments = filled(work.programs[side.family])
        command = [*side.argv, str(PROGRAMS / script), *arguments]
        if work.load is None:
            return _of_itself(side, command, runs_on)
        return _under_load(side, command, runs_on, filled(work.load), timing)


def _environment(side: Side) -> dict[str, str]:
    return environment(side) | {"BENCH_LOOP": side.loop, "BENCH_SIDE": side.name}


def check_runs_on(promised: str, reported: str) -> None:
    """
    Look whether a program runs on what its side promises.

    @raise BenchError: it does not.
    """
    if not reported.startswith(promised):
        raise BenchError(f"should run on {promised}*, but runs on {reported or 'nothing'}")


def _of_itself(side: Side, command: Sequence[str], runs_on: str) -> Sample:
    printed, used = run(command, _environment(side), processes.cores()[0])
    check_runs_on(runs_on, str(printed.get("runs_on", "")))
    return {
        "cpu": printed["cpu"] / 1e9,
        "rate": 1e9 / printed["value"],
        "peak": float(used.peak),
    }


def run(command: Sequence[str], env: dict[str, str], core: int) -> tuple[Any, processes.Usage]:
    """
    Run a program to its end.

    @return: the JSON that it printed, and what it used.
    @raise BenchError: it failed, took too long, or printed something else.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = processes.start(
            command, env=env, core=core, output=output, errors=errors, cwd=PROGRAMS
        )
        used = None
        try:
            used = processes.wait(process, PATIENCE)
        finally:
            processes.end(process)
        if used is None:
            raise BenchError(f"took over {PATIENCE:.0f} s")
        if process.returncode != 0:
            raise BenchError(_why(errors) or f"exit code {process.returncode}")
        output.seek(0)
        text = output.read()
    try:
        return json.loads(text), used
    except ValueError:
        raise BenchError(f"printed no JSON: {last_line(text)!r}") from None


def _why(errors: IO[str]) -> str:
    errors.seek(0)
    return last_line(errors.read())


@dataclass
class Server:
    """A program that serves; ``target`` is where, and ``used`` what it has used when it ended."""

    process: subprocess.Popen[str]
    target: str
    used: processes.Usage | None = None


@contextmanager
def serving(side: Side, command: Sequence[str], promised: str) -> Iterator[Server]:
    """
    Run one of the own servers while the block runs.

    It prints its port on 127.0.0.1, or ``unix:`` and its path, and what it runs on.

    @param promised: how the name of what it runs on begins.
    @raise BenchError: it does not start, ends by itself, or what is done in the block fails.
    """
    with tempfile.TemporaryFile("w+") as errors:
        process = processes.start(
            command,
            env=_environment(side),
            core=processes.cores()[0],
            output=subprocess.PIPE,
            errors=errors,
            cwd=PROGRAMS,
        )
        server = Server(process, "")
        try:
            where, _, runs_on = processes.first_line(process, STARTING).strip().partition(" ")
            if not where:
                raise BenchError("the server did not start")
            check_runs_on(promised, runs_on)
            server.target = where if where.startswith("unix:") else f"127.0.0.1:{int(where)}"
            yield server
        except BenchError as error:
            detail = _why(errors)
            raise BenchError(f"{error}; server: {detail}" if detail else str(error)) from None
        finally:
            server.used = processes.end(process, signal.SIGTERM)


def _under_load(
    side: Side, command: Sequence[str], runs_on: str, load: Sequence[str], timing: Timing
) -> Sample:
    with serving(side, command, runs_on) as server:
        result = drive(server.process.pid, server.target, load, timing)
    peak = server.used.peak if server.used is not None else 0
    return result | {"peak": float(peak)}


def drive(pid: int, target: str, load: Sequence[str], timing: Timing) -> Sample:
    """
    Put load on a server.

    @param pid: the server's process.
    @param target: where it listens, as closed_loop.py takes it.
    @param load: that program, or another, and more options of it.
    @return: what it found out.
    @raise BenchError: the load failed.
    """
    script, *options = load
    until = ["--seconds", f"{timing.seconds:g}"]
    if timing.operations:
        until = ["--operations", str(timing.operations)]
    command = [sys.executable, str(PROGRAMS / script), *options, *until]
    command += ["--pid", str(pid), "--target", target, "--warmup", f"{timing.warmup:g}"]
    printed, _ = run(command, environment(known()["stock"]), processes.cores()[1])
    if printed["failures"]:
        raise BenchError(f"{printed['failures']} answers had a status of 400 or more")
    return {name: float(value) for name, value in printed.items()}
