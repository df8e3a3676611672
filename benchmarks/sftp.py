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
import shutil
import sys
import tempfile
from functools import partial

from benchmarks import harness
from benchmarks.harness import Comparison, Sample, Side, Work

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
TRANSFER_SECONDS = 150.0
"""How long that may take."""


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


def transfer(row: str, side: Side, size: int) -> Sample:
    """Seconds that a file of random bytes takes, and the server's CPU time; it comes whole."""
    order, flags, nodelay = ROWS[row]
    with tempfile.TemporaryDirectory() as folder:
        program = ["twisted_sftp.py", folder, *("nodelay",) * nodelay]
        with harness.serving(side, program) as server:
            command = [sys.executable, harness.program("sftp_load.py"), order, "--warmup", "0"]
            command += ["--target", server.target, "--pid", str(server.pid), "--folder", folder]
            command += ["--size", str(size), f"--client={' '.join(flags)}"]
            result = harness.run_json(command, harness.cores()[1], {}, TRANSFER_SECONDS)
    return {
        "value": size / result["rate"],
        "rate": result["rate"],
        "cpu": 100 * result["cpu"] * result["rate"],
    }


def why_missing() -> str | None:
    """The reason why nothing can be measured here, or None."""
    absent = [program for program in ("sftp", "ssh-keygen") if shutil.which(program) is None]
    return f"{absent[0]} is not installed" if absent else None


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    size = int(harness.scaled(options, 32, 8, 1))
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
        notes=(f"a file of {size} MiB; a ratio over 1 means faster",),
        missing={row.name: missing for row in rows if missing},
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
