"""``twistd pyreactor``: a service that has another one watched, as the command line says."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.serving import free_port
from tests.support import TIMEOUT, environment, python

TWISTD = Path(sys.executable).with_name("twistd")


def test_a_service_is_watched(tmp_path: Path) -> None:
    """It runs as without that; its metrics are served, and the log has what it did."""
    pytest.importorskip("prometheus_client")
    web, port = free_port(), free_port()
    command = [sys.executable, TWISTD, "-n", "--reactor=pyreactor", "--pidfile=", "pyreactor"]
    command += ["--slow", "60", "--stats", "--prometheus", str(port)]
    command += ["web", f"--listen=tcp:{web}:interface=127.0.0.1", "--path=."]
    (tmp_path / "file").write_text("what is in it")
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "Starting factory" in line:
                break
        with urllib.request.urlopen(f"http://127.0.0.1:{web}/file", timeout=TIMEOUT) as answer:
            assert answer.read() == b"what is in it"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=TIMEOUT) as answer:
            assert b'pyreactor_received_bytes_total{kind="TCP"}' in answer.read()
    finally:
        process.terminate()
        log, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == -signal.SIGTERM
    assert log.count("costliest callbacks") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--reactor=epoll", "pyreactor", "web"], "which pyreactor cannot watch: write twistd --r"),
        (["--reactor=pyreactor", "pyreactor", "--top"], "which service is to be watched?"),
        (
            ["--reactor=pyreactor", "pyreactor", "--slow=soon", "web"],
            "'soon' is not a positive number of seconds",
        ),
    ],
)
def test_mistakes(options: list[str], words: str) -> None:
    """One line says what is wrong, and twistd ends as it does for a mistake in another service."""
    ran = python(TWISTD, "-n", "--pidfile=", *options)
    assert ran.returncode == python(TWISTD, "-n", "--pidfile=", "web", "--nonsense").returncode
    assert words in ran.stdout + ran.stderr
    assert "Traceback (most" not in ran.stdout + ran.stderr
