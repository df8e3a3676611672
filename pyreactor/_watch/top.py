"""
``pyreactor top PID``: a UNIX socket that a process offers, and who looks through it.

The socket is in a folder that only the process's user may enter, and of mode 0600.  Each line sent
to it is answered by one line of JSON, a `statistics.Snapshot`.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyreactor import _core

USAGE = "usage: pyreactor top [--once] [--interval SECONDS] PID"


def path_of(pid: int, user: int) -> Path:
    """Where the socket of a user's process is."""
    return Path(f"/tmp/pyreactor-{user}/{pid}")


def offer(reactor: Any, loop: _core.Loop) -> Any:
    """
    Listen on the socket of this process.

    @return: the port, to be stopped; None if that cannot be, which is told on stderr.
    """
    from twisted.internet import error, protocol
    from twisted.protocols import basic

    from pyreactor._watch import statistics

    class Answer(basic.LineOnlyReceiver):
        """Answers each line."""

        delimiter = b"\n"

        def lineReceived(self, line: bytes) -> None:
            """Send a snapshot."""
            self.sendLine(json.dumps(statistics.snapshot(loop)).encode())

    path = path_of(os.getpid(), os.geteuid())
    try:
        _make_folder(path.parent)
        path.unlink(missing_ok=True)
        factory = protocol.Factory.forProtocol(Answer)
        factory.noisy = False
        return reactor.listenUNIX(str(path), factory, mode=0o600)
    except (OSError, error.CannotListenError) as problem:
        print(f"pyreactor: top cannot look: {problem}", file=sys.stderr)
        return None


def _make_folder(folder: Path) -> None:
    """
    Make the folder, for this user alone.

    @raise OSError: another user has it, or may enter it.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if not own or found.st_mode & 0o077:
            raise OSError(f"{folder} is not a folder of this user's alone") from None


# -- who looks ----------------------------------------------------------------------------------


class TopError(Exception):
    """It cannot be looked at; the text says why."""


class Process:
    """A connection to a process that offers its socket."""

    def __init__(self, pid: int) -> None:
        try:
            user = os.stat(f"/proc/{pid}").st_uid
        except OSError:
            raise TopError(f"there is no process {pid}") from None
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10.0)
        try:
            self.socket.connect(str(path_of(pid, user)))
        except PermissionError:
            raise TopError(f"process {pid} is another user's") from None
        except OSError:
            raise TopError(
                f"process {pid} does not offer it: start it with --top, or PYREACTOR_TOP=1"
            ) from None
        self.lines = self.socket.makefile("r", encoding="utf-8")

    def ask(self) -> dict[str, Any]:
        """
        A snapshot.

        @raise TopError: the process has ended, or its reactor is blocked.
        """
        try:
            self.socket.sendall(b"\n")
            line = self.lines.readline()
        except TimeoutError:
            raise TopError("no answer for 10 s: the reactor is blocked") from None
        except OSError:
            line = ""
        if not line:
            raise TopError("the process has ended")
        found: dict[str, Any] = json.loads(line)
        return found


def main(arguments: Sequence[str]) -> int:
    """
    Run ``pyreactor top``.

    @param arguments: what follows ``top``.
    @return: the exit code.
    """
    try:
        pid, interval, once = _parse(list(arguments))
    except ValueError as error:
        print(f"pyreactor top: {error}\n{USAGE}", file=sys.stderr)
        return 2
    try:
        _look(Process(pid), interval, once)
    except TopError as error:
        print(f"pyreactor top: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _parse(arguments: list[str]) -> tuple[int, float, bool]:
    pid, interval, once = None, 1.0, False
    while arguments:
        argument = arguments.pop(0)
        if argument == "--once":
            once = True
        elif argument == "--interval" and arguments:
            interval = float(arguments.pop(0))
        elif argument.isdigit() and pid is None:
            pid = int(argument)
        else:
            raise ValueError(f"unknown argument {argument}")
    if pid is None:
        raise ValueError("which process?")
    return pid, max(interval, 0.1), once


def _look(process: Process, interval: float, once: bool) -> None:
    from pyreactor._watch import statistics

    before = None
    while True:
        now = process.ask()
        width = shutil.get_terminal_size((80, 24)).columns
        shown = statistics.text(now, before, width)
        if once:
            print(shown)
            return
        print(f"\x1b[H\x1b[2J{shown}\n\nCtrl-C ends this, not the process.", flush=True)
        before = now
        time.sleep(interval)
