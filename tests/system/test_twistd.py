"""twistd on both sides: in the foreground, and as a daemon, which forks; signals and files."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.serving import Program, Starter, script, wait_for

TAC = """
import os, signal, sys
from twisted.application import internet, service
from twisted.internet import protocol, reactor, threads, utils
from twisted.protocols import basic
from twisted.python import log

class Server(basic.LineReceiver):
    def lineReceived(self, line):
        log.msg("received", line)
        getattr(self, "do_" + line.decode())().addCallback(self.sendLine)

    def do_thread(self):
        return threads.deferToThread(lambda: b"from a thread")

    def do_process(self):
        return utils.getProcessOutput(sys.executable, ["-c", "print(6 * 7)"], env=os.environ)

    def do_timer(self):
        from twisted.internet import task
        return task.deferLater(reactor, 0.01, lambda: b"ticked")

if os.environ.get("RELOAD"):
    def reload(number, frame):
        reactor.callFromThread(log.msg, "reloaded")
    signal.signal(signal.SIGHUP, reload)

application = service.Application("server")
factory = protocol.Factory.forProtocol(Server)
internet.TCPServer(0, factory, interface="127.0.0.1").setServiceParent(application)
internet.TimerService(0.01, lambda: None).setServiceParent(application)
"""

ANSWERS = {b"thread": b"from a thread", b"process": b"42\n", b"timer": b"ticked"}


@pytest.fixture(params=["pyreactor", "plugin", "stock"])
def side(request: pytest.FixtureRequest) -> str:
    """Also ``--reactor=pyreactor``, which comes into play late."""
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "server.tac").write_text(TAC)
    return tmp_path


def twistd(start: Starter, side: str, *options: str, env: dict[str, str] | None = None) -> Program:
    if side == "plugin":
        options = ("--reactor=pyreactor", *options)
    return start(side, script("twistd"), *options, "-y", "server.tac", env=env)


def ask(port: int) -> None:
    """Have the server use a thread, a child process and a timer."""
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    with client, client.makefile("rb") as lines:
        for question, answer in ANSWERS.items():
            client.sendall(question + b"\r\n")
            assert lines.read(len(answer) + 2) == answer + b"\r\n"


def gone(path: Path) -> None:
    wait_for(lambda: not path.exists(), f"the end of {path.name}")


class TestForeground:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
    def test_serves_and_stops(
        self, start: Starter, side: str, folder: Path, number: signal.Signals
    ) -> None:
        program = twistd(start, side, "-n")
        ask(program.port("Factory"))
        assert int((folder / "twistd.pid").read_text()) == program.process.pid
        program.check_side()
        # twistd ends by the signal it got.
        assert program.stop(number) == -number
        assert not (folder / "twistd.pid").exists()
        assert f"Received {number.name}, shutting down." in program.text()
        assert "Main loop terminated." in program.text()
        assert "Traceback" not in program.text()

    def test_hangup_ends_it(self, start: Starter, side: str, folder: Path) -> None:
        """Nobody handles SIGHUP, so it ends the process at once."""
        program = twistd(start, side, "-n")
        ask(program.port("Factory"))
        assert program.stop(signal.SIGHUP) == -signal.SIGHUP
        assert (folder / "twistd.pid").exists()

    def test_hangup_with_a_handler(self, start: Starter, side: str, folder: Path) -> None:
        """A program's own handler is called while the reactor sleeps, and goes on."""
        program = twistd(start, side, "-n", env={"RELOAD": "1"})
        port = program.port("Factory")
        ask(port)
        program.process.send_signal(signal.SIGHUP)
        assert program.find(r"\] (reloaded)") == "reloaded"
        ask(port)
        assert program.stop() == -signal.SIGTERM

    def test_application_that_does_not_load(self, start: Starter, side: str, folder: Path) -> None:
        (folder / "server.tac").write_text("1 / 0\n")
        program = twistd(start, side, "-n")
        assert program.wait() == 1
        assert "Failed to load application: division by zero" in program.text()
        assert not (folder / "twistd.pid").exists()


class TestDaemon:
    def start(self, start: Starter, side: str, *options: str) -> tuple[Program, int]:
        """Start the daemon: what started it, and the daemon's process id."""
        program = twistd(start, side, "--logfile=log", *options)
        assert program.wait() == 0, program.text()
        return program, int((start.folder / "twistd.pid").read_text())

    def test_serves_and_stops(self, start: Starter, side: str, folder: Path) -> None:
        """Threads, children, timers and a listening port all work on the far side of two forks."""
        program, pid = self.start(start, side)
        assert pid != program.process.pid
        ask(program.port("Factory", folder / "log"))
        program.check_side(pid)
        os.kill(pid, signal.SIGTERM)
        gone(folder / "twistd.pid")
        log = (folder / "log").read_text()
        assert "[Server,0,127.0.0.1] received thread" in log.replace("b'thread'", "thread")
        assert "Received SIGTERM, shutting down." in log
        assert "Traceback" not in log

    def test_second_start_is_refused(self, start: Starter, side: str, folder: Path) -> None:
        _, pid = self.start(start, side)
        second = twistd(start, side, "--logfile=log")
        assert second.wait() == 1
        assert f"Another twistd server is running, PID {pid}\n" in second.text()
        assert int((folder / "twistd.pid").read_text()) == pid
        os.kill(pid, 0)

    def test_stale_pid_file(self, start: Starter, side: str, folder: Path) -> None:
        """A crashed daemon's file does not prevent the next start."""
        _, pid = self.start(start, side)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the end of the daemon")
        program, again = self.start(start, side)
        assert again != pid
        assert "Removing stale pidfile" in program.text()

    def test_log_rotation(self, start: Starter, side: str, folder: Path) -> None:
        """SIGUSR1 starts a new log, while the reactor sleeps between its timer's calls."""
        program, pid = self.start(start, side)
        port = program.port("Factory", folder / "log")
        ask(port)
        # The name of the old log has the time in it, of seconds.
        for count in (1, 2):
            os.kill(pid, signal.SIGUSR1)
            wait_for(lambda: len(list(folder.glob("log.*"))) == count, "the old log")  # noqa: B023
            if count == 1:
                time.sleep(1.1)
        ask(port)
        assert "received" in (folder / "log").read_text()
        logs = [path.read_text() for path in folder.glob("log.*")]
        assert len(logs) == 2
        assert sum("Factory starting on" in text for text in logs) == 1

    def test_error_at_the_start(self, start: Starter, side: str, folder: Path) -> None:
        """What goes wrong behind the forks is told by the process that was started."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            text = TAC.replace("TCPServer(0", f"TCPServer({taken.getsockname()[1]}")
            (folder / "server.tac").write_text(text)
            program = twistd(start, side, "--logfile=log")
            assert program.wait() == 1
        assert "An error has occurred: b" in program.text()
        assert "Couldn't listen on 127.0.0.1:" in program.text()
        gone(folder / "twistd.pid")
