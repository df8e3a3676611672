"""Examples that trial and twistd start, on stock Twisted and on pyreactor, with equal results."""

from __future__ import annotations

import os
import re
import signal
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.names import dns

from tests.serving import Program, Starter, script, wait_for
from tests.support import CHECKOUT, PYREACTOR, STOCK, python

EXAMPLES = CHECKOUT / "examples"
CALCULATOR = EXAMPLES / "calculator"
APPLICATION = EXAMPLES / "application"


@pytest.mark.parametrize("module", ["test_calculation", "test_server", "test_client"])
def test_trial(module: str, tmp_path: Path) -> None:
    path = {"PYTHONPATH": os.pathsep.join(map(str, (CHECKOUT, CALCULATOR)))}

    def trial(runner: tuple[str, ...]) -> tuple[int, str, str]:
        result = python("-m", "twisted.trial", module, runner=runner, cwd=tmp_path, env=path)
        return result.returncode, re.sub(r"in [\d.]+s", "in TIME", result.stdout), result.stderr

    stock = trial(STOCK)
    ours = trial(PYREACTOR)
    assert ours == stock
    assert (ours[0], ours[2]) == (0, "")
    assert "PASSED" in ours[1]


def log_of(program: Program) -> list[str]:
    """What the program logged, without what differs from run to run and from side to side."""
    lines = []
    for line in program.text().splitlines():
        line = re.sub(r"^[\d-]{10}T[\d:.]{8}[\d:+-]* ", "", line)
        line = re.sub(r"\[\d\d/\w+/[\d: +]+\]", "[TIME]", line)
        line = re.sub(r"0x[0-9a-f]+", "ADDRESS", line)
        line = re.sub(r"\d{4,5}", "PORT", line)
        if "reactor class" not in line and "twistd" not in line:
            lines.append(line)
    return lines


def same_on_both(start: Starter, name: str, talk: Callable[[Program], object], **env: str) -> str:
    """Run a .tac file by twistd on each side, talk to it, and compare; the log."""
    logs, answers = [], []
    for side in ("stock", "pyreactor"):
        tac = APPLICATION / name
        program = start(side, script("twistd"), "--nodaemon", "--pidfile=", "-y", tac, env=env)
        answers.append(talk(program))
        program.check_side()
        # twistd ends by the signal it was sent.
        assert program.stop() == -signal.SIGTERM
        logs.append(log_of(program))
    assert answers[0] == answers[1]
    assert logs[0] == logs[1]
    assert not any("Traceback" in line for line in logs[0])
    return "\n".join(logs[0])


def datagram(port: int, content: bytes) -> bytes:
    """The answer to a datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(60)
        client.sendto(content, ("127.0.0.1", port))
        return client.recv(65536)


def stream(port: int, content: bytes, missing: Callable[[bytes], int]) -> bytes:
    """The answer on a connection: it is read until nothing of it is `missing`."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(content)
        answer = b""
        while missing(answer) > 0:
            part = client.recv(65536)
            assert part
            answer += part
        return answer


def test_echo_services(start: Starter) -> None:
    def talk(program: Program) -> object:
        tcp, udp = program.port("EchoFactory"), program.port("DatagramEcho")
        hello = stream(tcp, b"hello", lambda answer: 5 - len(answer))
        program.find("echoes so far: (1)")
        by_udp = datagram(udp, b"hello by UDP")
        program.find("echoes so far: (2)")
        return hello, by_udp

    log = same_on_both(start, "echo_services.tac", talk, ECHO_PORT="0")
    assert "echoes so far: 2" in log


def test_log_observer(start: Starter) -> None:
    """twistd with a log of its own."""
    texts = []
    for side in ("stock", "pyreactor"):
        env = start.environment({"ECHO_PORT": "0"})
        env["PYTHONPATH"] += os.pathsep + str(APPLICATION)
        tac = APPLICATION / "echo_services.tac"
        options = ("--nodaemon", "--pidfile=", "--logger=log_observer.terse", "-y", tac)
        program = start(side, script("twistd"), *options, env=env)
        port = program.port("EchoFactory")
        assert stream(port, b"hello", lambda answer: 5 - len(answer)) == b"hello"
        program.find("I (echoes) so far: 1")
        program.stop()
        texts.append(log_of(program))
    assert texts[0] == texts[1]
    assert "I Server Shut Down." in texts[0]


def test_web_server(start: Starter, tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "index.html").write_text("<p>hello</p>")
    (pages / "data").write_bytes(bytes(range(256)) * 4096)

    def talk(program: Program) -> object:
        url = f"http://127.0.0.1:{program.port('Site')}"
        answers = []
        for name in ("", "data"):
            with urllib.request.urlopen(f"{url}/{name}", timeout=60) as answer:
                answers.append((answer.status, answer.headers["Content-Type"], answer.read()))
        assert answers[0][2] == b"<p>hello</p>"
        assert answers[1][2] == (pages / "data").read_bytes()
        return answers

    same_on_both(start, "web_server.tac", talk, WEB_PORT="0", WEB_FOLDER=str(pages))


def test_name_server(start: Starter, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("192.0.2.1 one.example.test\n192.0.2.2 two.example.test\n")

    def ask(name: str) -> bytes:
        message = dns.Message(id=1, recDes=1)
        message.addQuery(name.encode(), dns.A)
        return bytes(message.toStr())

    def addresses(answer: bytes) -> list[str]:
        message = dns.Message()
        message.fromStr(answer)
        return [record.payload.dottedQuad() for record in message.answers]

    def missing(answer: bytes) -> int:
        """A message on a connection has its length in front."""
        if len(answer) < 2:
            return 2 - len(answer)
        return 2 + int.from_bytes(answer[:2], "big") - len(answer)

    def talk(program: Program) -> object:
        udp, tcp = program.port("DNSDatagramProtocol"), program.port("DNSServerFactory")
        question = ask("two.example.test")
        answers = [
            addresses(datagram(udp, ask("one.example.test"))),
            addresses(datagram(udp, ask("three.example.test"))),
            addresses(stream(tcp, len(question).to_bytes(2, "big") + question, missing)[2:]),
        ]
        assert answers == [["192.0.2.1"], [], ["192.0.2.2"]]
        return answers

    same_on_both(start, "name_server.tac", talk, DNS_PORT="0", HOSTS_FILE=str(tmp_path / "hosts"))


def test_daily_log(start: Starter, tmp_path: Path) -> None:
    heads = []
    for side in ("stock", "pyreactor"):
        folder = tmp_path / side
        folder.mkdir()
        options = ("--nodaemon", "--pidfile=", "-y", APPLICATION / "daily_log.tac")
        program = start(side, script("twistd"), *options, env={"LOG_FOLDER": str(folder)})
        path = folder / "counter.log"
        program.find("number (3)", path)
        program.stop()
        wait_for(lambda path=path: "Server Shut Down." in path.read_text(), "the end of the log")  # type: ignore[misc]
        lines = [line.partition(" ")[2] for line in path.read_text().splitlines()]
        heads.append([line for line in lines if re.search(r"number [123]$", line)])
        # Nothing went to the terminal.
        assert program.text() == ""
    assert heads[0] == heads[1]
    assert len(heads[0]) == 3
