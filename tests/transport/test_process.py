"""Child processes, standard I/O, serial ports, signals and logging, the same on stock and here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pyreactor._transport import process
from tests.both import check_same_on_both, each_of
from tests.support import PROGRAMS, PYREACTOR, STOCK, TIMEOUT, check, environment

CASES = [
    ("processes.py", ("child_descriptors",), "from 4 8 b'to five"),
    ("processes.py", ("one_mib_both_ways",), "intact True"),
    ("processes.py", ("streaming_producer",), "paused True resumed True"),
    ("processes.py", ("child_closes_its_input",), "process ended by signal 15"),
    ("processes.py", ("child_never_reads",), "process ended with exit code 3"),
    ("processes.py", ("lose_connection",), "process ended with exit code 7"),
    ("processes.py", ("dies_before_its_pipes",), "from 1 13 b'first"),
    ("processes.py", ("pseudo_terminal",), "from 1 14 b'hello"),
    ("processes.py", ("signals",), "process ended by signal 9"),
    ("processes.py", ("paused",), "before {}"),
    ("processes.py", ("callback_raises",), "logged RuntimeError out of childDataReceived"),
    ("processes.py", ("not_there",), "No such file or directory"),
    ("many_children.py", (), "ended 500 each {1} {1}"),
    ("thread_pool_forks.py", (), "goes on True"),
    ("interrupted_while_idle.py", ("SIGINT",), "stopped by 2"),
    ("interrupted_while_idle.py", ("SIGTERM",), "stopped by 15"),
    ("logging_to_nowhere.py", ("full",), "done"),
    ("logging_to_nowhere.py", ("closed",), "done"),
    ("logging_to_nowhere.py", ("closed-object",), "done"),
    ("serial_port.py", ("lose",), "peer got all [True]"),
    ("serial_port.py", ("hang-up",), "peer got all [True]"),
]


@each_of(CASES)
def test_same_on_both(program: str, arguments: tuple[str, ...], point: str) -> None:
    check_same_on_both(program, arguments, point)


@pytest.mark.parametrize("source", ["file", "pipe", "/dev/null"])
@pytest.mark.parametrize("target", ["file", "pipe", "/dev/null", "/dev/full", "closed pipe"])
def test_standard_io(source: str, target: str, tmp_path: Path) -> None:
    """Whatever descriptors 0 and 1 are; what nobody can write to is told as lost."""
    lines = b"".join(b"line %d\n" % number for number in range(3000))

    def outcome(runner: Sequence[str]) -> tuple[int, bytes, bytes]:
        given, taken = tmp_path / "given", tmp_path / "taken"
        given.write_bytes(lines)
        path = {"file": str(taken), "pipe": "", "closed pipe": ""}.get(target, target)
        with open(given if source == "file" else "/dev/null", "rb") as stdin:
            process = subprocess.Popen(
                [sys.executable, *runner, str(PROGRAMS / "standard_io.py")],
                stdin=subprocess.PIPE if source == "pipe" else stdin,
                stdout=open(path, "wb") if path else subprocess.PIPE,  # noqa: SIM115
                stderr=subprocess.PIPE,
                env=environment(),
            )
        if target == "closed pipe":
            assert process.stdout is not None
            process.stdout.close()
            process.stdout = None
        try:
            output, errors = process.communicate(
                lines if source == "pipe" else None, timeout=TIMEOUT
            )
        finally:
            process.kill()
            process.wait()
        return process.returncode, taken.read_bytes() if target == "file" else output, errors

    stock = outcome(STOCK)
    assert outcome(PYREACTOR) == stock
    # What comes is read to its end, also where the answers can no longer be written.
    assert b"read lost after %d\n" % (0 if source == "/dev/null" else 3000) in stock[2]
    if target in ("file", "pipe") and source != "/dev/null":
        assert stock[1] == lines.upper()


def test_pipes_are_read_and_written_in_c() -> None:
    """Unless a program put its own classes where Twisted offers it."""
    assert check(
        """
import pyreactor; pyreactor.install()
from twisted.internet import process, protocol, reactor
from pyreactor import _core

class Teller(protocol.ProcessProtocol):
    def connectionMade(self):
        print([isinstance(self.transport.pipes[0], _core.FileStream)]
              + [isinstance(self.transport.pipes[fd], _core.FileStream) for fd in (1, 2)])
        print(type(self.transport).__name__, isinstance(self.transport, process.Process))

    def processEnded(self, reason):
        if process.Process.processReaderFactory is not stock:
            return reactor.stop()
        class Own(process.ProcessReader): ...
        process.Process.processReaderFactory = Own
        start()

def start():
    reactor.spawnProcess(Teller(), "/bin/true", ["true"], {})

stock = process.Process.processReaderFactory
start()
reactor.run()
"""
    ) == ("[True, True, True]\nProcess True\n[True, False, False]\nProcess True\n")


@pytest.mark.parametrize("name", ["TLS", "sessionno"])
def test_what_is_no_socket_has_no_attributes_of_sockets(name: str) -> None:
    for kind in (process.ProcessReader, process.ProcessWriter, process.PTYProcess):
        assert not hasattr(kind, name)
