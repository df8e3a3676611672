"""twistd and trial on the reactor: in the foreground, and as a daemon, which forks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import CHECKOUT, environment

TAC = """
from twisted.application import internet, service
from twisted.internet import protocol, reactor
from twisted.python import log

class Echo(protocol.Protocol):
    def dataReceived(self, data):
        log.msg("received", data)
        self.transport.write(data)

class Tell(service.Service):
    def startService(self):
        with open("port", "w") as file:
            file.write("%d %s" % (server._port.getHost().port, type(reactor).__name__))

application = service.Application("echo")
factory = protocol.Factory.forProtocol(Echo)
server = internet.TCPServer(0, factory, interface="127.0.0.1")
server.setServiceParent(application)
internet.TimerService(0.01, lambda: None).setServiceParent(application)
Tell().setServiceParent(application)
"""

TWISTD = "from twisted.scripts.twistd import run; run()"


def wait_for(true: Callable[[], object], what: str) -> None:
    """Wait until something is so; only what hangs takes a minute."""
    for _ in range(1200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come about")


@pytest.fixture
def variables() -> dict[str, str]:
    env = environment()
    # Where the plugin for --reactor=pyreactor is in a checkout.
    env["PYTHONPATH"] += os.pathsep + str(CHECKOUT / "pyreactor" / "_dropin")
    return env


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "echo.tac").write_text(TAC)
    yield tmp_path
    pid = tmp_path / "twistd.pid"
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGKILL)


def twistd(folder: Path, variables: dict[str, str], *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", TWISTD, "--reactor=pyreactor", *options, "-y", "echo.tac"]
    return subprocess.Popen(command, cwd=folder, env=variables, stdin=subprocess.DEVNULL)


def echo(folder: Path) -> str:
    """Talk to the server; the name of its reactor."""
    port = folder / "port"
    wait_for(lambda: port.exists() and " " in port.read_text(), "the server")
    number, reactor = port.read_text().split()
    with socket.create_connection(("127.0.0.1", int(number)), timeout=60) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"
    return reactor


@pytest.mark.parametrize("options", [("-n",), ()], ids=["foreground", "daemon"])
def test_twistd(folder: Path, variables: dict[str, str], options: tuple[str, ...]) -> None:
    process = twistd(folder, variables, "--logfile=log", *options)
    if not options:
        assert process.wait(timeout=60) == 0  # the daemon goes on
    assert echo(folder) == "PyReactor"
    pid = int((folder / "twistd.pid").read_text())
    assert (pid == process.pid) == bool(options)
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not (folder / "twistd.pid").exists(), "the end")
    if options:
        assert process.wait(timeout=60) != 0  # twistd ends by the signal it got
    log = (folder / "log").read_text()
    assert "[Echo,0,127.0.0.1] received hello" in log
    assert "Received SIGTERM, shutting down." in log
    assert "Traceback" not in log
