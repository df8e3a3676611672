"""
Load for an SFTP server on the loopback interface: OpenSSH's client puts a file there, or gets it.

``sftp_load.py put|get --target 127.0.0.1:PORT --folder FOLDER``: FOLDER is the server's, which has
the key that it lets in there.  An operation is a MiB.  Prints one JSON object.
"""

from __future__ import annotations

import argparse
import ctypes
import filecmp
import getpass
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from closed_loop import cpu_of

LOGIN_SECONDS, TRANSFER_SECONDS = 30.0, 120.0
"""How long these may take."""
_PR_SET_PDEATHSIG = 1


class Client:
    """sftp with orders from a pipe; ``errors`` is where it complains."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[str]) -> None:
        self.process = process
        self.errors = errors

    def order(self, text: str, seconds: float) -> None:
        """
        Give an order and wait until it has been carried out; "" waits for the login.

        :raises RuntimeError: it takes longer, or the client ends.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        # The client knows where it is without asking the server.
        self.process.stdin.write(f"{text}\npwd\n".encode())
        self.process.stdin.flush()
        answer = b""
        ends = time.monotonic() + seconds
        while b"Remote working directory: " not in answer:
            left = max(ends - time.monotonic(), 0)
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise RuntimeError(f"sftp took over {seconds:g} s for {text or 'the login'!r}")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                self.errors.seek(0)
                raise RuntimeError(f"sftp: {self.errors.read().strip().rpartition(chr(10))[2]}")
            answer += data


@contextmanager
def logged_in(target: str, folder: Path, flags: Sequence[str]) -> Iterator[Client]:
    """The client while the block runs."""
    command = [
        *("sftp", "-q", "-b", "-", *flags, "-F", "none", "-i", str(folder / "user_key")),
        *("-oBatchMode=yes", "-oIdentitiesOnly=yes", "-oStrictHostKeyChecking=no"),
        *(f"-oUserKnownHostsFile={folder / 'known_hosts'}", "-oLogLevel=ERROR"),
        *("-P", target.rpartition(":")[2], f"{getpass.getuser()}@127.0.0.1"),
    ]
    prctl = ctypes.CDLL(None).prctl
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            # If this program is killed, the kernel ends it, and it ends its ssh.
            preexec_fn=lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
        )
        try:
            client = Client(process, errors)
            client.order("", LOGIN_SECONDS)
            yield client
        finally:
            process.kill()
            process.communicate()


def parser() -> argparse.ArgumentParser:
    """The options, of which some are those of closed_loop.py."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("order", choices=["put", "get"])
    options.add_argument("--target", required=True, help="127.0.0.1:PORT")
    options.add_argument("--folder", required=True, type=Path)
    options.add_argument("--pid", type=int, default=0, help="the server, whose CPU time is told")
    options.add_argument("--size", type=int, default=8, help="MiB of the file")
    options.add_argument("--client", default="", help="options of sftp: ='-B 8192'")
    options.add_argument("--warmup", type=float, default=0.2, help="0: nothing goes before")
    options.add_argument("--seconds", type=float, default=0.0)
    options.add_argument("--operations", type=int, default=0, help="one file of a MiB")
    return options


def main() -> None:
    """The command line."""
    options = parser().parse_args()
    size = 1 if options.operations else options.size
    source, copy = options.folder / "file", options.folder / "copy"
    source.write_bytes(os.urandom(size << 20))
    order = f"{options.order} {source} {copy}"
    with logged_in(options.target, options.folder, options.client.split()) as client:
        if options.warmup:
            client.order(order, TRANSFER_SECONDS)
        began, server = time.perf_counter(), cpu_of(options.pid)
        passed, amount = 0.0, 0
        while amount == 0 or passed < options.seconds:
            client.order(order, TRANSFER_SECONDS)
            amount += size
            passed = time.perf_counter() - began
        server = cpu_of(options.pid) - server
        if not filecmp.cmp(source, copy, shallow=False):
            sys.exit("the file that came differs")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {
        "operations": amount,
        "rate": amount / passed,
        "load": (used.ru_utime + used.ru_stime) / passed,
        "cpu": server / amount,
        "failures": 0,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
