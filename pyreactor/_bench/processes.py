"""Starting programs, on cores of their own, and ending all that was started, whatever happens."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

KINDLY = 5.0
"""Seconds that a program has to end by itself when it is told to."""

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class BenchError(Exception):
    """Something could not be measured; the text tells the user why."""


# -- cores --------------------------------------------------------------------------------------


@cache
def cores() -> tuple[int, int]:
    """The core for what is measured and the core for the load: the same one if there is one."""
    available = sorted(os.sched_getaffinity(0))
    first, *others = available
    near = _siblings(first)
    apart = [core for core in others if core not in near]
    return first, (apart or others or available)[0]


def _siblings(core: int) -> set[int]:
    """The processors that are one core with this one."""
    path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    try:
        parts = path.read_text().strip().split(",")
    except OSError:
        return {core}
    found = {core}
    for part in parts:
        low, _, high = part.partition("-")
        found.update(range(int(low), int(high or low) + 1))
    return found


# -- starting -----------------------------------------------------------------------------------

_running: set[int] = set()
"""The programs that were started here and are not ended yet."""


@cache
def _prctl() -> Callable[..., int] | None:
    try:
        function: Callable[..., int] = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return None
    return function


def adopt_orphans() -> None:
    """Have what a started program leaves behind become this process's child, to be ended."""
    prctl = _prctl()
    if prctl is not None:
        prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _before_program(core: int | None) -> Callable[[], None]:
    """What the new process does before it becomes the program."""
    prctl = _prctl()
    parent = os.getpid()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    def prepare() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        if core is not None:
            # Not every machine lets one choose.
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, {core})

    return prepare


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    core: int | None,
    output: int | IO[str],
    errors: int | IO[str],
    cwd: Path | None = None,
) -> subprocess.Popen[str]:
    """
    Start a program in a session of its own, which ends when this process does.

    @param core: the processor it runs on, or None for any.
    @param output: where its standard output goes, and `errors` its standard error.
    @param cwd: the folder to start it in, or None for this one.
    @raise BenchError: it cannot be started.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            text=True,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_before_program(core),
        )
    except OSError as error:
        raise BenchError(f"cannot start {command[0]}: {error.strerror}") from None
    _running.add(process.pid)
    return process


# -- ending -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Usage:
    """What a program used in all its life: seconds of CPU time, bytes of memory at its peak."""

    cpu: float
    peak: int


_NOTHING = Usage(0.0, 0)


def wait(process: subprocess.Popen[str], seconds: float) -> Usage | None:
    """Wait so long for the end of a program; what it used, or None if it goes on."""
    deadline = time.monotonic() + seconds
    pause = 0.0005
    while process.returncode is None:
        try:
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
        except ChildProcessError:  # something else has waited for it
            process.returncode = -signal.SIGKILL
            return _NOTHING
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return Usage(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
        if time.monotonic() > deadline:
            return None
        time.sleep(pause)
        pause = min(pause * 2, 0.02)
    return _NOTHING


def end(process: subprocess.Popen[str], by: int = signal.SIGTERM) -> Usage:
    """
    End a program with all of its group, kindly first, and what it left behind.

    @param by: the signal that tells it to end.
    @return: what it used; nothing if its end was waited for before.
    """
    used: Usage | None = None
    try:
        if process.returncode is None:
            _signal_group(process.pid, by)
        used = wait(process, KINDLY)
    finally:
        _signal_group(process.pid, signal.SIGKILL)
        if used is None:
            used = wait(process, KINDLY)
        _running.discard(process.pid)
        _end_orphans()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    return used or _NOTHING


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _end_orphans() -> None:
    """End the children that this process has by adoption: daemons of programs that ended."""
    for _ in range(100):
        found = [pid for pid in _children() if pid not in _running]
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, ChildProcessError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _children() -> list[int]:
    try:
        text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    except OSError:
        return []
    return [int(pid) for pid in text.split()]


# -- what a running program used ----------------------------------------------------------------


def cpu_seconds(pid: int) -> float:
    """
    CPU time of a running process, all its threads, in seconds.

    By the kernel's clock of the process, which counts what schedstat counts; where that cannot be
    read, by the ticks that are in its stat file.

    @raise BenchError: there is no such process.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        pass
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        raise BenchError("the program has ended") from None
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def resident_bytes(pid: int) -> int:
    """
    Memory of a process that is resident now.

    @raise BenchError: there is no such process.
    """
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except OSError:
        raise BenchError("the program has ended") from None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def first_line(process: subprocess.Popen[str], seconds: float) -> str:
    """
    The first line that a program prints.

    @return: the line, or nothing if it ends, or says nothing for so long.
    """
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline() if ready else ""


def end_as_told(_number: int, _frame: object) -> None:
    """The handler of signals that ask for this process's end: what was started is ended first."""
    raise SystemExit(128 + _number)
