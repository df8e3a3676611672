"""Twisted's own programs, started as a user starts them, until the test is over."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import sysconfig
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, TypeVar

import pytest

from tests.support import CHECKOUT, PYREACTOR, STOCK, TIMEOUT, environment

PROBE = CHECKOUT / "tests" / "probe"
DROPIN = CHECKOUT / "pyreactor" / "_dropin"

SIDES = {"stock": STOCK, "pyreactor": PYREACTOR}

T = TypeVar("T")

# How many ports were looked at.
_asked = itertools.count()


def wait_for(look: Callable[[], T], what: str) -> T:
    """What `look` gives once that is true; only what hangs takes three minutes."""
    for _ in range(9000):
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come about")


def free_port() -> int:
    """
    A TCP port of all addresses for a program that has to be told a number; another each time.

    The kernel gives it to nobody who takes any port, and another process of this kind that looks
    at the same time begins elsewhere.
    """
    first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    lowest = min(10_000, first_given - 1_000)
    for _ in range(first_given - lowest):
        port = lowest + (os.getpid() * 127 + next(_asked)) % (first_given - lowest)
        with contextlib.suppress(OSError), socket.create_server(("", port)):
            return port
    raise AssertionError("no free port")


def script(name: str) -> str:
    """The path of one of the commands that Twisted installs."""
    return os.path.join(sysconfig.get_path("scripts"), name)


def client(name: str) -> str:
    """The path of a program that .ci/prepare.sh installs for the tests."""
    # Debian gives servers' folders to root only.
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert path is not None, f"{name} is missing: .ci/prepare.sh test installs it"
    return path


class Program:
    """
    A program that was started: what it prints, what it is made of, its end.

    Its standard streams are pipes, or all of them one terminal of 80 by 24.
    """

    def __init__(
        self,
        side: str,
        command: Sequence[str],
        folder: Path,
        env: Mapping[str, str],
        *,
        terminal: bool = False,
    ) -> None:
        self.side = side
        self.folder = folder
        self.command = command
        self.printed = b""
        theirs = subprocess.PIPE
        if terminal:
            ours, theirs = pty.openpty()
            self._set_size(ours, 24, 80)
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs if terminal else subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
        self.input: BinaryIO = self.process.stdin
        self.output: BinaryIO = self.process.stdout
        if terminal:
            os.close(theirs)
            self.output = open(ours, "rb", buffering=0)  # noqa: SIM115
            self.input = open(os.dup(ours), "wb", buffering=0)  # noqa: SIM115
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    @staticmethod
    def _set_size(terminal: int, rows: int, columns: int) -> None:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal another size, of which the program hears by SIGWINCH."""
        self._set_size(self.input.fileno(), rows, columns)
        self.process.send_signal(signal.SIGWINCH)

    def type(self, text: str) -> None:
        """Write to the program's standard input."""
        self.input.write(text.encode())

    def _read(self) -> None:
        with self.output as output, contextlib.suppress(OSError):
            # A terminal that nobody has open any longer is an error to read from.
            while part := output.read(65536):
                self.printed += part

    def text(self) -> str:
        """What was printed up to now; all of it once the program has ended."""
        return self.printed.decode(errors="replace")

    def find(self, pattern: str, path: Path | None = None) -> str:
        """Wait for `pattern` in what the program prints, or in a file; its first group."""

        def look() -> re.Match[str] | None:
            ended = path is None and self.process.poll() is not None
            if ended:
                self.reader.join(10)  # longer only if a child of it goes on printing
            text = self.text()
            if path is not None:
                text = path.read_text() if path.exists() else ""
            found = re.search(pattern, text)
            assert found or not ended, f"ended early:\n{text}"
            return found

        try:
            return wait_for(look, pattern).group(1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}") from None

    def port(self, factory: str, path: Path | None = None) -> int:
        """The port that `factory` listens on, as the program's log tells."""
        return int(self.find(rf"{factory}.* starting on (\d+)", path))

    def facts(self, pid: int | None = None, *, ended: bool = False) -> dict[str, object]:
        """What the probe in this program, or in its child `pid`, tells."""
        if pid is None:
            pid = self.process.pid
        path = self.folder / f"{pid}.json"
        if not ended:
            path.unlink(missing_ok=True)
            os.kill(pid, signal.SIGUSR2)
        wait_for(path.exists, "an answer to SIGUSR2")
        facts: dict[str, object] = json.loads(path.read_text())
        return facts

    def check_side(self, pid: int | None = None, *, ended: bool = False) -> None:
        """The program's reactor ran, and is the one it should be, with all parts in C."""
        facts = self.facts(pid, ended=ended)
        assert facts["ran"] is True
        if self.side == "stock":
            assert facts["reactor"] == "twisted.internet.epollreactor.EPollReactor"
            assert facts["parts"] == {}
        else:
            assert facts["reactor"] == "pyreactor.reactor.PyReactor"
            assert isinstance(facts["parts"], dict)
            assert {"reactor", "deferred"} <= facts["parts"].keys()
            assert all(facts["parts"].values()), facts["parts"]

    def wait(self) -> int:
        """The exit code."""
        code = int(self.process.wait(timeout=TIMEOUT))
        self.reader.join(TIMEOUT)
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the program by a signal; its exit code."""
        self.process.send_signal(number)
        return self.wait()


def kill_all(mark: str) -> None:
    """Kill every process that has `mark` in the environment it was started with."""
    wanted = mark.encode()
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                    os.kill(int(entry), signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """The processes that run of those that a process started, and that they started."""
    found = [pid]
    parents = {}
    for each in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            state, parent = status(each)
            if state != "Z":
                parents[each] = int(parent)
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found[1:]


def is_there(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return status(pid)[0] != "Z"
    except OSError:
        return False


def status(pid: int) -> list[str]:
    """The state of a process, a letter, and its parent, as the kernel tells."""
    # What comes before the last bracket is the program's name, whatever that holds.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]


class Starter:
    """Starts programs in a folder, and at the end kills what is left of them, daemons too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Program] = []

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """What the programs see: no settings of the caller's, a home of their own, the probe."""
        variables = environment({"HOME": str(self.folder), "PROBE": str(self.folder)})
        parts = (str(PROBE), str(DROPIN), variables["PYTHONPATH"])
        variables["PYTHONPATH"] = os.pathsep.join(parts)
        # Another agent's or session's keys are nothing for tests.
        variables.pop("SSH_AUTH_SOCK", None)
        variables.update(extra or {})
        return variables

    def __call__(
        self,
        side: str,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        hold_stdin: bool = False,
        terminal: bool = False,
    ) -> Program:
        """
        Start Python with `arguments` on a side: "stock", "pyreactor", or "plugin".

        @param stdin: what the program reads from its standard input, a pipe, before its end.
        @param hold_stdin: that end does not come while the program runs.
        @param terminal: the program has a terminal, of which there is no end either.
        """
        command = [sys.executable, *SIDES.get(side, STOCK), *map(str, arguments)]
        program = self.command(side, command, env=env, terminal=terminal)
        # What a pipe holds at least: nobody waits for the program to read.
        assert len(stdin) < 65536
        with contextlib.suppress(BrokenPipeError):
            program.type(stdin)
        if not hold_stdin and not terminal:
            program.input.close()
        return program

    def command(
        self,
        side: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        terminal: bool = False,
    ) -> Program:
        """Start a program that need not be Python; its standard input has no end."""
        program = Program(side, command, self.folder, self.environment(env), terminal=terminal)
        self.started.append(program)
        return program

    def clean_up(self) -> None:
        for program in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.process.pid, signal.SIGKILL)
            program.input.close()
            program.process.wait()
        kill_all(f"PROBE={self.folder}")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts programs; what is left of them at the test's end is killed."""
    starter = Starter(tmp_path)
    yield starter
    starter.clean_up()


@pytest.fixture(params=sorted(SIDES))
def side(request: pytest.FixtureRequest) -> str:
    """Where the program runs; what a test says holds on both sides."""
    return str(request.param)


def run(*command: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a client to its end."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command, capture_output=True, text=True, timeout=TIMEOUT, check=False, **options
    )
