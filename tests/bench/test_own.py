"""``pyreactor bench -- script.py``: the user's own program, in turns on both sides."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.test_command import BENCH
from tests.serving import descendants, free_port, is_there, wait_for
from tests.support import TIMEOUT, environment, python

ENDS = """
import sys
from twisted.internet import reactor
print("on", type(reactor).__qualname__, sys.argv[1:])
reactor.callLater(0, reactor.stop)
reactor.run()
"""

ECHO = """
import sys
from twisted.internet import protocol, reactor

class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

reactor.listenTCP(int(sys.argv[1]), protocol.Factory.forProtocol(Echo), interface="127.0.0.1")
reactor.run()
"""

WEB = """
import sys
from twisted.internet import reactor
from twisted.web import resource, server

class Hello(resource.Resource):
    isLeaf = True
    def render_GET(self, request):
        if request.uri == b"/none":
            request.setResponseCode(404)
        if request.uri == b"/pieces":
            request.write(b"in ")
        return b"pieces"

reactor.listenTCP(int(sys.argv[1]), server.Site(Hello()), interface="127.0.0.1")
reactor.run()
"""


def write(folder: Path, text: str) -> str:
    """A script."""
    path = folder / "script.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_program_that_ends(tmp_path: Path) -> None:
    """Its time, memory and exit status, on both sides; what --json wrote can be shown again."""
    script, path = write(tmp_path, ENDS), tmp_path / "run.json"
    ran = python(*BENCH, "--rounds", "2", "--json", path, "--", script, "--json", "x y")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(f"{script} --json 'x y': medians of 2 rounds, least and most\n")
    assert re.search(r"^wall time +[\d.]+ m?s \(.* – .*\) +[\d.]+ m?s \(.*\)", ran.stdout, re.M)
    assert re.search(r"^exit status +0 +0$", ran.stdout, re.M)
    [row] = json.loads(path.read_text())["rows"]
    for side in ("stock", "pyreactor"):
        assert len(row["samples"][side]) == 2
        assert all(sample["peak"] > 1e6 for sample in row["samples"][side])
    assert python(*BENCH, "--from", path).stdout == ran.stdout


def test_exit_statuses_that_differ_are_told(tmp_path: Path) -> None:
    """By the exit code, too."""
    text = "import sys\nsys.exit('pyreactor' in sys.modules)\n"
    ran = python(*BENCH, "--quick", "--", write(tmp_path, text))
    assert ran.returncode == 1, ran.stderr
    assert re.search(r"^exit status +0 +1 +DIFFERS$", ran.stdout, re.M)


@pytest.mark.parametrize("path", ["", "pieces"])
def test_a_web_server(tmp_path: Path, path: str) -> None:
    """With a length, or in chunks."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}/{path}"
    ran = python(*BENCH, "--quick", "--url", url, "--", write(tmp_path, WEB), port)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"^99 % latency +[\d.]+ .?s ", ran.stdout, re.M)


@pytest.mark.parametrize(("program", "message"), [(ECHO, "hello"), (WEB, "GET / HTTP/1.0\r\n\r\n")])
def test_a_server_of_any_protocol(tmp_path: Path, program: str, message: str) -> None:
    """It answers and waits for more, or answers and closes the connection."""
    port = str(free_port())
    (tmp_path / "message").write_bytes(message.encode())
    load = ("--tcp", port, "--send", tmp_path / "message", "--connections", "2")
    ran = python(*BENCH, "--quick", *load, "--", write(tmp_path, program), port)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"^requests +[\d.]+k?/s ", ran.stdout, re.M)


def test_errors_of_the_server_are_failures(tmp_path: Path) -> None:
    """A page that is not found costs less than one that is."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}/none"
    ran = python(*BENCH, "--quick", "--url", url, "--", write(tmp_path, WEB), port)
    assert ran.returncode == 1
    assert "answers had a status of 400 or more" in ran.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--url", "http://example.com/", "--"], "example.com is not on this machine"),
        (["--url", "ftp://127.0.0.1/", "--"], "does not begin with http:// or https://"),
        (["--tcp", "1", "--"], "--tcp needs --send FILE"),
        (["--tcp", "1", "--send", "/nonexistent", "--"], "No such file or directory"),
        (["--url", "http://127.0.0.1/"], "--url is for a program of yours, after --"),
    ],
)
def test_what_cannot_be_done(tmp_path: Path, options: list[str], words: str) -> None:
    """One line says why."""
    program = [write(tmp_path, ENDS)] if options[-1] == "--" else []
    ran = python(*BENCH, *options, *program)
    assert ran.returncode == 2
    assert ran.stderr.startswith("pyreactor bench: ") and words in ran.stderr


def test_a_program_that_does_not_serve(tmp_path: Path) -> None:
    """It ends, with what it said last."""
    url = f"http://127.0.0.1:{free_port()}/"
    ran = python(*BENCH, "--quick", "--url", url, "--", write(tmp_path, "raise ValueError('no')"))
    assert ran.returncode == 1
    assert ran.stdout.count("it ended, with code 1: ValueError: no") == 2


DAEMON = """
import os, subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(300)"]
child = subprocess.Popen(sleep, start_new_session=True)
open(sys.argv[1], "a").write(f"{child.pid} ")
"""


def test_what_a_program_leaves_behind_is_ended(tmp_path: Path) -> None:
    """Even a daemon, which is in a session of its own."""
    pids = tmp_path / "pids"
    ran = python(*BENCH, "--quick", "--", write(tmp_path, DAEMON), pids)
    assert ran.returncode == 0, ran.stderr
    found = [int(pid) for pid in pids.read_text().split()]
    assert len(found) == 2 and not any(map(is_there, found))


def test_ctrl_c_ends_the_program(tmp_path: Path) -> None:
    """And what it has started."""
    pids = tmp_path / "pids"
    text = f"{DAEMON}\nimport time\ntime.sleep(300)\n"
    command = [sys.executable, *BENCH, "--", write(tmp_path, text), str(pids)]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    wait_for(lambda: pids.exists() and pids.read_text().endswith(" "), "the daemon's number")
    started = [*descendants(process.pid), int(pids.read_text())]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130, errors
    assert not any(map(is_there, started))
