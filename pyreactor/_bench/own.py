"""The user's own program: run to its end, or put under load, in turns on the sides."""

from __future__ import annotations

import os
import shlex
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from pyreactor._bench import measuring, processes, results
from pyreactor._bench.measuring import Sample, Timing
from pyreactor._bench.processes import BenchError
from pyreactor._bench.results import Document
from pyreactor._bench.sides import Side, environment, last_line
from pyreactor._bench.works import Work

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Load:
    """What is put on a server: where it listens, and closed_loop.py with its options."""

    host: str
    port: int
    options: tuple[str, ...]

    @property
    def target(self) -> str:
        """As closed_loop.py takes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def by_url(url: str, connections: int) -> Load:
    """
    GET this, again and again.

    @raise BenchError: it is no URL of HTTP, or not of this machine.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise BenchError(f"--url: {error}") from None
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        raise BenchError(f"--url: {url} does not begin with http:// or https:// and a host")
    if parts.hostname not in LOOPBACK:
        raise BenchError(f"--url: {parts.hostname} is not on this machine (127.0.0.1, localhost)")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    options = ("closed_loop.py", "--kind", parts.scheme, "--path", path, "--host", parts.netloc)
    return Load(parts.hostname, port, (*options, "--connections", str(connections)))


def by_file(port: int, send: str | None, connections: int) -> Load:
    """
    Send what is in a file to a TCP port, again when the answer has come, and so on.

    @raise BenchError: there is no such file, or nothing in it.
    """
    if send is None:
        raise BenchError("--tcp needs --send FILE, which has what is to be sent")
    path = Path(send).resolve()
    try:
        empty = path.stat().st_size == 0
    except OSError as error:
        raise BenchError(f"--send: {send}: {error.strerror}") from None
    if empty:
        raise BenchError(f"--send: {send} is empty")
    options = (
        "closed_loop.py",
        "--kind",
        "unknown",
        "--send",
        str(path),
        "--connections",
        str(connections),
    )
    return Load("127.0.0.1", port, options)


def work(command: Sequence[str], load: Load | None) -> Work:
    """The row that it is."""
    return Work(shlex.join(command), "request" if load else "run", {"twisted": tuple(command)})


def take(command: Sequence[str], load: Load | None, side: Side, timing: Timing) -> Sample:
    """
    One sample.

    @raise BenchError: it failed, and why.
    """
    with tempfile.TemporaryFile("w+") as errors:
        if load is None:
            return _to_its_end([*side.argv, *command], side, errors)
        return _under_load([*side.argv, *command], side, errors, load, timing)


def _to_its_end(command: Sequence[str], side: Side, errors: IO[str]) -> Sample:
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = processes.start(
            command,
            env=environment(side, keep=True),
            core=processes.cores()[0],
            output=output,
            errors=errors,
        )
        used = None
        try:
            while used is None:
                used = processes.wait(process, 3600.0)
        finally:
            wall = time.perf_counter() - began
            processes.end(process)
    sample = {"wall": wall, "cpu": used.cpu, "peak": float(used.peak)}
    return sample | {"rate": 1 / wall, "exit": float(process.returncode)}


def _under_load(
    command: Sequence[str], side: Side, errors: IO[str], load: Load, timing: Timing
) -> Sample:
    if _listens(load):
        raise BenchError(f"something listens on {load.target} already")
    process = processes.start(
        command,
        env=environment(side, keep=True),
        core=processes.cores()[0],
        output=errors,
        errors=errors,
    )
    used = None
    try:
        deadline = time.monotonic() + measuring.STARTING
        while not _listens(load):
            if processes.wait(process, 0.02) is not None:
                raise BenchError(f"it ended, with code {process.returncode}{_said(errors)}")
            if time.monotonic() > deadline:
                raise BenchError(
                    f"nothing listens on {load.target} after {measuring.STARTING:.0f} s"
                )
        if processes.wait(process, 0.0) is not None:
            raise BenchError("it went into the background; have it stay (twistd -n)")
        result = measuring.drive(process.pid, load.target, load.options, timing)
        if processes.wait(process, 0.0) is not None:
            raise BenchError(f"it ended, with code {process.returncode}{_said(errors)}")
    finally:
        used = processes.end(process)
    return result | {"peak": float(used.peak), "exit": float(process.returncode)}


def _said(errors: IO[str]) -> str:
    errors.seek(0)
    line = last_line(errors.read())
    return f": {line}" if line else ""


def _listens(load: Load) -> bool:
    try:
        with socket.create_connection((load.host, load.port), timeout=1.0):
            return True
    except OSError:
        return False


# -- the table ----------------------------------------------------------------------------------


def _lines(document: Document) -> list[tuple[str, str, bool]]:
    """Of what is compared: name, key in a sample, whether more is better."""
    if document["rows"][0]["operation"] == "run":
        return [("wall time", "wall", False), ("CPU time", "cpu", False), ("memory", "peak", False)]
    return [
        ("CPU per request", "cpu", False),
        ("requests", "rate", True),
        ("median latency", "p50", False),
        ("99 % latency", "p99", False),
        ("memory", "peak", False),
    ]


def table(document: Document) -> str:
    """What each side took: medians, least and most, and stock's divided by pyreactor's."""
    [row] = document["rows"]
    sides: list[str] = document["sides"]
    rows = [["", *sides, ""]]
    for name, key, more in _lines(document):
        show = {"rate": results.rate, "peak": results.size}.get(key, results.duration)
        cells = []
        for side in sides:
            found = results.spread(row, side, key)
            cells.append(_cell(found, show) if found else "")
        rows.append([name, *cells, _ratio(row, key, more)])
    rows.append(["exit status", *(_exits(row, side) for side in sides), _same_exits(row, sides)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{row['name']}: medians of {results.rounds(document)}, least and most", ""]
    for cells in rows:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        lines.append("  ".join(padded).rstrip())
    lines += [f"FAILED: {failure}" for failure in document["failures"]]
    return "\n".join(lines)


def _cell(found: results.Spread, show: Callable[[float], str]) -> str:
    """Median, least and most, with the unit once where it is the same."""
    median, least, most = show(found.median), show(found.least), show(found.most)
    unit = median.lstrip("0123456789.,")
    if least.endswith(unit) and most.endswith(unit):
        least, most = least[: -len(unit)], most[: -len(unit)]
    return f"{median} ({least} – {most})"


def _ratio(row: results.Row, key: str, more: bool) -> str:
    sides = (results.BASE, results.SUBJECT) if more else (results.SUBJECT, results.BASE)
    found = results.gain(row, *sides, key)
    if found is None:
        return ""
    said = results.verdict(row, *sides, key)
    words = {results.NOISY: " noisy", results.SLOWER: " WORSE"}.get(said, "")
    return results.factor(found) + words


def _exits(row: results.Row, side: str) -> str:
    found = sorted({int(sample["exit"]) for sample in row["samples"].get(side, []) if sample})
    return ", ".join(map(str, found))


def _same_exits(row: results.Row, sides: Sequence[str]) -> str:
    return "" if len({_exits(row, side) for side in sides}) == 1 else "DIFFERS"


def differs(document: Document) -> bool:
    """Whether the sides ended with different exit statuses."""
    [row] = document["rows"]
    return bool(_same_exits(row, document["sides"]))


def check_command(command: Sequence[str]) -> None:
    """
    Look whether there is a program.

    @raise BenchError: there is none.
    """
    if not command:
        raise BenchError("no program after --")
    script = command[0]
    if not script.startswith("-") and not os.path.exists(script):
        raise BenchError(f"there is no {script}")
