"""
Seconds that OpenSSH's sftp takes to put a file of 32 MiB into conch's SFTP server, or to get it.

A row is named after the client's options: ``-B`` is the size of a request in bytes, 32,768 if not
given, and ``-R`` how many are under way, 64 if not given.  255 KiB is the most that fits into a
message of OpenSSH's.  The rows in which the server sets
TCP_NODELAY are done only where ``--rows`` names them.  The time is that of the transfer alone,
without logging in.  Run as ``python -m benchmarks.sftp``.
"""

from __future__ import annotations

import argparse
import filecmp
import getpass
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from benchmarks import harness
from benchmarks.harness import BenchmarkError, Comparison, Sample, Server, Side, Work

SIDES = ("stock", "pyreactor")
AIMS = {"stock": 0.9}
NODELAY = " with nodelay at server"
ROWS = {
    f"{order} {flags}".strip() + nodelay: (order, flags.split(), nodelay != "")
    for nodelay in ("", NODELAY)
    for flags in ("", "-B 8192", "-B 261120", "-R 1", "-R 256")
    for order in ("put", "get")
}
"""For each row: whether to put or to get, the client's options, and whether the server sets
TCP_NODELAY."""
LOGIN_SECONDS, TRANSFER_SECONDS = 30.0, 120.0
"""How long these may take."""


def works(options: argparse.Namespace) -> list[Work]:
    """The rows asked for."""
    return harness.chosen_works(
        options,
        [
            Work(name, "seconds", {} if flags else AIMS, less_is_better=True)
            for name, (_, flags, nodelay) in ROWS.items()
            if options.rows != "*" or not nodelay
        ],
    )


def make_key(path: Path) -> None:
    """A new key, and beside it its public half."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
        timeout=LOGIN_SECONDS,
    )


class Client:
    """sftp with orders from a pipe; ``errors`` is where it complains."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[str]) -> None:
        self.process = process
        self.errors = errors

    def order(self, text: str, seconds: float) -> None:
        """Give an order and wait until it has been carried out; "" waits for the login."""
        assert self.process.stdin is not None and self.process.stdout is not None
        # The client knows where it is without asking the server.
        self.process.stdin.write(f"{text}\npwd\n".encode())
        self.process.stdin.flush()
        answer = b""
        ends = time.monotonic() + seconds
        while b"Remote working directory: " not in answer:
            left = max(ends - time.monotonic(), 0)
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise BenchmarkError(f"sftp took over {seconds:g} s for {text or 'the login'!r}")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                self.errors.seek(0)
                raise BenchmarkError(f"sftp: {harness.last_line(self.errors.read())}")
            answer += data


@contextmanager
def logged_in(server: Server, folder: Path, flags: list[str]) -> Iterator[Client]:
    """The client on the second core, while the block runs."""
    command = [
        *("sftp", "-q", "-b", "-", *flags, "-F", "none", "-i", str(folder / "user_key")),
        *("-oBatchMode=yes", "-oIdentitiesOnly=yes", "-oStrictHostKeyChecking=no"),
        *(f"-oUserKnownHostsFile={folder / 'known_hosts'}", "-oLogLevel=ERROR"),
        *("-P", server.target.rpartition(":")[2], f"{getpass.getuser()}@127.0.0.1"),
    ]
    with tempfile.TemporaryFile("w+") as errors:
        with harness.starting_on(harness.cores()[1]):
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
        try:
            client = Client(process, errors)
            client.order("", LOGIN_SECONDS)
            yield client
        finally:
            process.kill()
            process.communicate()


def transfer(row: str, side: Side, size: int) -> Sample:
    """Seconds that a file of random bytes takes, and the server's CPU time; it comes whole."""
    order, flags, nodelay = ROWS[row]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "file").write_bytes(os.urandom(size))
        make_key(folder / "host_key")
        make_key(folder / "user_key")
        program = ["twisted_sftp.py", name, *("nodelay",) * nodelay]
        with (
            harness.serving(side, program) as server,
            logged_in(server, folder, flags) as client,
        ):
            began, cpu = time.perf_counter(), server.cpu_seconds()
            client.order(f"{order} {name}/file {name}/copy", TRANSFER_SECONDS)
            passed, cpu = time.perf_counter() - began, server.cpu_seconds() - cpu
        if not filecmp.cmp(folder / "file", folder / "copy", shallow=False):
            raise BenchmarkError("the file that came differs")
    return {"value": passed, "rate": size / 2**20 / passed, "cpu": 100 * cpu / passed}


def why_missing() -> str | None:
    """The reason why nothing can be measured here, or None."""
    absent = [program for program in ("sftp", "ssh-keygen") if shutil.which(program) is None]
    return f"{absent[0]} is not installed" if absent else None


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    size = int(harness.scaled(options, 32, 8, 1) * 2**20)
    rows, missing = works(options), why_missing()
    return Comparison(
        "SFTP",
        rows,
        harness.chosen_sides(options, SIDES),
        lambda work, side: transfer(work.name, side, size),
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=harness.scaled(options, 5.0, 3.0, 2.0),
        columns={"rate": "MiB/s", "cpu": "server CPU %"},
        notes=(f"a file of {size >> 20} MiB; a ratio over 1 means faster",),
        missing={row.name: missing for row in rows if missing},
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
