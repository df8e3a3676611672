"""Twisted's other commands, run to their end on both sides: mail, HTML, trial."""

from __future__ import annotations

import re
import smtplib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Program, Starter, script

# --- Mail -----------------------------------------------------------------------------------

SMTP = """
import os
from zope.interface import implementer
from twisted.application import service, strports
from twisted.internet import defer
from twisted.mail import smtp

@implementer(smtp.IMessage)
class Message:
    def __init__(self):
        self.lines = []
    def lineReceived(self, line):
        # The header that the server adds comes as str.
        self.lines.append(line if isinstance(line, bytes) else line.encode())
    def eomReceived(self):
        with open("message.new", "wb") as file:
            file.write(b"\\n".join(self.lines))
        os.replace("message.new", "message")
        return defer.succeed(None)
    def connectionLost(self):
        pass

@implementer(smtp.IMessageDelivery)
class Delivery:
    def receivedHeader(self, helo, origin, recipients):
        return "Received: from %s to %s" % (origin, ", ".join(map(str, recipients)))
    def validateFrom(self, helo, origin):
        return origin
    def validateTo(self, user):
        if user.dest.local != b"alice":
            raise smtp.SMTPBadRcpt(user)
        return Message

factory = smtp.SMTPFactory()
def build(address):
    protocol = smtp.ESMTP()
    protocol.delivery = Delivery()
    protocol.factory = factory
    return protocol
factory.buildProtocol = build
application = service.Application("smtp")
strports.service("tcp:%s:interface=%s", factory).setServiceParent(application)
"""


class TestMail:
    @pytest.fixture
    def text(self) -> str:
        return "\n".join([*(f"line {number}" for number in range(5000)), ".", "..dots"])

    def test_server(self, start: Starter, side: str, text: str, tmp_path: Path) -> None:
        (tmp_path / "smtp.tac").write_text(SMTP.replace("%s:interface=%s", "0:interface=127.0.0.1"))
        server = start(side, script("twistd"), "--nodaemon", "--pidfile=", "-y", "smtp.tac")
        with smtplib.SMTP("127.0.0.1", server.port("SMTPFactory"), timeout=60) as smtp:
            smtp.sendmail("bob@example.test", "alice@example.test", f"Subject: large\n\n{text}\n")
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                smtp.sendmail("bob@example.test", "nobody@example.test", "hello")
        assert (tmp_path / "message").read_text().endswith(f"Subject: large\n\n{text}")
        server.check_side()
        assert "Traceback" not in server.text()

    @pytest.fixture
    def host(self) -> Iterator[str]:
        """
        An address of the loopback interface of which port 25, mailmail's only one, is free.

        Other tests find it taken, by the UDP port of that number, as long as this one runs.
        """
        for number in range(20, 250):
            address = (f"127.0.25.{number}", 25)
            with socket.socket(type=socket.SOCK_DGRAM) as held:
                try:
                    held.bind(address)
                    with socket.socket() as skt:
                        skt.bind(address)
                except PermissionError:
                    pytest.skip("only root may listen on port 25, the only one mailmail knows")
                except OSError:
                    continue
                yield address[0]
                return
        raise AssertionError("no free port 25")

    def test_mailmail(
        self, start: Starter, side: str, host: str, text: str, tmp_path: Path
    ) -> None:
        """
        A letter that the server takes, and one that it refuses.

        Twisted 26.10's mailmail does not get further than the letter's text: it is str
        where SMTP wants bytes.
        """
        (tmp_path / "smtp.tac").write_text(SMTP.replace("%s:interface=%s", f"25:interface={host}"))
        server = start(side, script("twistd"), "--nodaemon", "--pidfile=", "-y", "smtp.tac")
        assert server.port("SMTPFactory") == 25
        (tmp_path / ".twisted").mkdir()
        (tmp_path / ".twisted" / "mailmail").write_text(f"[addresses]\nsmarthost={host}\n")

        def send(recipient: str) -> Program:
            arguments = ("-oep", "-F", "bob@example.test", recipient)
            letter = f"Subject: greetings\n\n{text}\n"
            program = start(side, script("mailmail"), *arguments, stdin=letter)
            program.wait()
            program.check_side(ended=True)
            return program

        sent = send("alice@example.test")
        if sent.process.returncode == 0:
            assert (tmp_path / "message").read_text().rstrip().endswith(text)
        else:
            assert "TypeError: replace() argument 1 must be str, not bytes" in sent.text()
        refused = send("nobody@example.test")
        assert refused.process.returncode == 1
        assert "550 Cannot receive for specified address" in refused.text()
        server.check_side()


# --- HTML -----------------------------------------------------------------------------------


def test_pyhtmlizer(start: Starter, side: str, tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text("def f(x):\n    # a comment\n    return '<' + x\n")
    program = start(side, script("pyhtmlizer"), "-s", "style.css", "source.py")
    assert (program.wait(), program.text()) == (0, "")
    page = (tmp_path / "source.py.html").read_text()
    assert '<link rel="stylesheet" href="style.css"' in page
    assert '<span class="py-src-comment"># a comment' in page
    assert "&lt;" in page


# --- trial ----------------------------------------------------------------------------------

TESTS = """
from twisted.internet import defer, protocol, reactor, task
from twisted.trial import unittest

class Passing(unittest.TestCase):
    def test_deferred(self):
        return task.deferLater(reactor, 0.01, lambda: None)

    @defer.inlineCallbacks
    def test_inline(self):
        yield task.deferLater(reactor, 0.01, lambda: None)

    async def test_coroutine(self):
        await task.deferLater(reactor, 0.01, lambda: None)

    def test_skipped(self):
        raise unittest.SkipTest("not today")

    def test_todo(self):
        self.fail("later")
    test_todo.todo = "some day"
"""

FAILING = """
class Failing(unittest.TestCase):
    def test_failure(self):
        self.assertEqual(1, 2)

    def test_error(self):
        return task.deferLater(reactor, 0.01, lambda: 1 / 0)

    def test_unhandled(self):
        defer.fail(ValueError("nobody looks"))

    def test_unclean(self):
        reactor.callLater(100, lambda: None)
        reactor.listenTCP(0, protocol.Factory(), interface="127.0.0.1")

    def test_timeout(self):
        return defer.Deferred()
    test_timeout.timeout = 0.1
"""

PASSED = "PASSED (skips=1, expectedFailures=1, successes=3)"


def told(text: str) -> str:
    """What trial tells, without what is different each time: durations, addresses, ports."""
    for pattern, instead in [
        (r"tests in [0-9.]+s", "tests"),
        (r"0x[0-9a-f]+", "0x"),
        (r"\[[0-9.]+s\]", "[]"),
        (r"on \d+>", "on PORT>"),
        (r"of \d+\)", "of PORT)"),
        (r"pyreactor\._transport\.tcp\.", "twisted.internet.tcp."),  # docs/differences.md
    ]:
        text = re.sub(pattern, instead, text)
    # Which frames lead from the reactor to the test is the reactor's matter.
    return re.sub(r'  File "[^"]*/twisted/internet/[^"]*", line .*\n(?:    .*\n)*', "", text)


class TestTrial:
    def trial(self, start: Starter, side: str, tests: str, *options: str) -> Program:
        (start.folder / "test_things.py").write_text(tests)
        env = {"PYTHONPATH": f"{start.environment()['PYTHONPATH']}:{start.folder}"}
        program = start(side, script("trial"), *options, "test_things", env=env)
        program.wait()
        return program

    @pytest.mark.parametrize("options", [(), ("-j2",)], ids=["one", "two-workers"])
    def test_passing(self, start: Starter, side: str, options: tuple[str, ...]) -> None:
        program = self.trial(start, side, TESTS, *options)
        assert program.process.returncode == 0, program.text()
        assert PASSED in program.text()
        program.check_side(ended=True)

    def test_same_output(self, start: Starter) -> None:
        """Failures, errors, tests that leave something behind or do not end: told as on stock."""
        stock = self.trial(start, "stock", TESTS + FAILING)
        ours = self.trial(start, "pyreactor", TESTS + FAILING)
        assert stock.process.returncode == ours.process.returncode == 1
        assert told(ours.text()) == told(stock.text())
        assert "(skips=1, expectedFailures=1, failures=1, errors=5, successes=3)" in ours.text()
        stock.check_side(ended=True)
        ours.check_side(ended=True)

    ACCELERATED = TESTS + (
        "\n"
        "    def tearDown(self):\n"
        "        assert type(reactor).__qualname__ == 'PyReactor'\n"
        "        assert type(defer.Deferred.callback).__name__ == 'StandIn'\n"
    )

    @pytest.mark.parametrize("reactor", [(), ("--reactor=pyreactor",), ("--reactor=default",)])
    def test_workers(self, start: Starter, reactor: tuple[str, ...]) -> None:
        """They are accelerated as trial is."""
        program = self.trial(start, "pyreactor", self.ACCELERATED, "-j2", *reactor)
        assert program.process.returncode == 0, program.text()
        assert PASSED in program.text()
        program.check_side(ended=True)

    @pytest.mark.parametrize("env", [{}, {"PYREACTOR_DISABLE": "deferred"}], ids=["", "env"])
    def test_workers_with_a_part_disabled(self, start: Starter, env: dict[str, str]) -> None:
        tests = TESTS + (
            "\n"
            "    def tearDown(self):\n"
            "        assert type(reactor).__qualname__ == 'EPollReactor'\n"
            "        stock = type(defer.Deferred.callback).__name__ == 'function'\n"
            f"        assert stock == {bool(env)}\n"
        )
        (start.folder / "test_things.py").write_text(tests)
        env = {**env, "PYTHONPATH": f"{start.environment()['PYTHONPATH']}:{start.folder}"}
        command = ("-m", "pyreactor", "--disable=reactor", script("trial"), "-j2", "test_things")
        program = start("stock", *command, env=env)
        assert program.wait() == 0, program.text()
        assert PASSED in program.text()

    def test_workers_of_a_bypassed_trial(self, start: Starter) -> None:
        tests = TESTS + "\n    def tearDown(self):\n        assert 'pyreactor' not in sys.modules\n"
        (start.folder / "test_things.py").write_text("import sys\n" + tests)
        path = f"{start.environment()['PYTHONPATH']}:{start.folder}"
        env = {"PYTHONPATH": path, "PYREACTOR": "0"}
        program = start("pyreactor", script("trial"), "-j2", "test_things", env=env)
        assert program.wait() == 0, program.text()
        assert PASSED in program.text()

    @pytest.mark.parametrize("options", [(), ("-j2",)], ids=["one", "two-workers"])
    def test_reactor_by_name(self, start: Starter, options: tuple[str, ...]) -> None:
        """``--reactor=pyreactor``, which trial also hands on to its workers."""
        program = self.trial(start, "plugin", self.ACCELERATED, "--reactor=pyreactor", *options)
        assert program.process.returncode == 0, program.text()
        assert PASSED in program.text()
        program.check_side(ended=True)
