"""Twisted's other commands, run to their end on both sides: ssh, mail, keys, HTML, trial."""

from __future__ import annotations

import getpass
import os
import re
import smtplib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Program, Starter, client, run, script, wait_for
from tests.support import python

LOOPBACK = "tcp:0:interface=127.0.0.1"


# --- ssh ------------------------------------------------------------------------------------

# A server for whoever runs the tests, root or not: it does not try to become another user.
CONCH = """
from twisted.application import service, strports
from twisted.conch import checkers, unix
from twisted.conch.openssh_compat import factory
from twisted.conch.ssh import keys
from twisted.cred import portal

class User(unix.UnixConchUser):
    def _runAsUser(self, f, *args, **kw):
        calls = [(f, args, kw)] if callable(f) else f
        for call in calls:
            result = call[0](*(call[1] if len(call) > 1 else ()))
        return result

    def getUserGroupId(self):
        return None, None

    def getHomeDir(self):
        return home

class Realm:
    def requestAvatar(self, name, mind, *interfaces):
        user = User(name.decode())
        return interfaces[0], user, user.logout

from twisted.python import components
components.registerAdapter(unix.SFTPServerForUnixConchUser, User, unix.ISFTPServer)
components.registerAdapter(unix.SSHSessionForUnixConchUser, User, unix.session.ISession)

import os

class Home(str):
    path = property(str)

home = Home(os.path.abspath("home"))
server = factory.OpenSSHFactory()
server.dataRoot = server.moduliRoot = "keys"
known = checkers.InMemorySSHKeyDB({USER: [keys.Key.fromFile("id_ed25519.pub")]})
server.portal = portal.Portal(Realm(), [checkers.SSHPublicKeyChecker(known)])
application = service.Application("conch")
strports.service("tcp:0:interface=127.0.0.1", server).setServiceParent(application)
"""


@pytest.fixture
def user() -> str:
    return getpass.getuser()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A host key, and the key of a user, made by OpenSSH."""
    (tmp_path / "keys").mkdir()
    for path in (tmp_path / "keys" / "ssh_host_ed25519_key", tmp_path / "id_ed25519"):
        made = run(client("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(path))
        assert made.returncode == 0, made.stderr
    return tmp_path / "keys"


class TestSSH:
    """conch and cftp, and OpenSSH's ssh and sftp, against Twisted's server."""

    @pytest.fixture
    def server(self, start: Starter, side: str, keys: Path, user: str, tmp_path: Path) -> Program:
        (tmp_path / "conch.tac").write_text(CONCH.replace("USER", repr(user.encode())))
        (tmp_path / "home").mkdir()
        return start(side, script("twistd"), "--nodaemon", "--pidfile=", "-y", "conch.tac")

    @pytest.fixture
    def port(self, server: Program, keys: Path, tmp_path: Path) -> str:
        port = str(server.port("OpenSSHFactory"))
        public = (keys / "ssh_host_ed25519_key.pub").read_text().split()
        known = "".join(f"{host} {public[0]} {public[1]}\n" for host in ("127.0.0.1",))
        (tmp_path / "known_hosts").write_text(known)
        return port

    def openssh(self, folder: Path) -> list[str]:
        return [
            *("-F", "none", "-i", str(folder / "id_ed25519"), "-oBatchMode=yes"),
            *("-oIdentitiesOnly=yes", "-oStrictHostKeyChecking=no"),
            f"-oUserKnownHostsFile={folder / 'other_known_hosts'}",
        ]

    def options(self, port: str, user: str, folder: Path) -> list[str]:
        return [
            *("--port", port, "--user", user, "--identity", str(folder / "id_ed25519")),
            *("--known-hosts", str(folder / "known_hosts"), "--noagent"),
            *("--user-authentications", "publickey", "--host-key-algorithms", "ssh-ed25519"),
        ]

    def test_openssh_client(self, server: Program, port: str, user: str, tmp_path: Path) -> None:
        ssh = [client("ssh"), *self.openssh(tmp_path), "-p", port, f"{user}@127.0.0.1"]
        result = run(*ssh, "echo out; echo err >&2; exit 3")
        assert (result.returncode, result.stdout) == (3, "out\n"), result.stderr
        assert result.stderr.endswith("err\n")
        large = "x" * 1_000_000
        result = run(*ssh, "cat", input=large)
        assert (result.returncode, result.stdout) == (0, large), result.stderr
        server.check_side()

    def test_openssh_sftp(self, server: Program, port: str, user: str, tmp_path: Path) -> None:
        (tmp_path / "large").write_bytes(os.urandom(1_000_000))
        home = tmp_path / "home"
        sftp = [client("sftp"), *self.openssh(tmp_path), "-P", port, "-b", "-"]
        orders = f"put {tmp_path}/large {home}/up\nget {home}/up {tmp_path}/down\nrm {home}/up\n"
        result = run(*sftp, f"{user}@127.0.0.1", input=orders)
        assert result.returncode == 0, result.stdout + result.stderr
        assert (tmp_path / "down").read_bytes() == (tmp_path / "large").read_bytes()
        assert list(home.iterdir()) == []
        server.check_side()

    def test_conch(
        self, start: Starter, side: str, server: Program, port: str, user: str, tmp_path: Path
    ) -> None:
        """Runs a command: its output, its input from a file, its exit code."""
        program = start(
            side,
            script("conch"),
            *self.options(port, user, tmp_path),
            *("--notty", "127.0.0.1", "head -n 5000 | tr a-z A-Z; exit 3"),
            # Conch drops what it has not shown yet when its input ends.
            stdin="from afar\n" * 5_000,
            hold_stdin=True,
        )
        assert program.wait() == 3, program.text()
        assert program.text() == "FROM AFAR\n" * 5_000
        program.check_side(ended=True)
        server.check_side()

    def test_conch_forwards(
        self, start: Starter, side: str, server: Program, port: str, user: str, tmp_path: Path
    ) -> None:
        """A local port, forwarded through conch and the server to a listener here."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(60)
            with socket.create_server(("127.0.0.1", 0)) as free:
                local = free.getsockname()[1]
            target = f"{local}:127.0.0.1:{listener.getsockname()[1]}"
            program = start(
                side,
                script("conch"),
                *self.options(port, user, tmp_path),
                *("--notty", "--noshell", "--localforward", target, "127.0.0.1"),
                hold_stdin=True,
            )
            near = wait_for(lambda: connected(local), "the forwarding")
            far, _ = listener.accept()
            with near, far:
                near.settimeout(60)
                far.settimeout(60)
                near.sendall(b"to the far side")
                assert far.recv(100) == b"to the far side"
                far.sendall(b"and back")
                assert near.recv(100) == b"and back"
            program.check_side()
            server.check_side()

    def test_conch_unknown_host(
        self, start: Starter, side: str, port: str, user: str, tmp_path: Path
    ) -> None:
        """Without a terminal to ask at, conch gives up."""
        (tmp_path / "known_hosts").write_text("")
        program = start(
            side,
            script("conch"),
            *self.options(port, user, tmp_path),
            *("--notty", "127.0.0.1", "echo no"),
        )
        assert program.wait() == 1
        assert "conch: exiting with error" in program.text()
        assert "No such device or address" in program.text()

    def test_cftp(
        self, start: Starter, side: str, server: Program, port: str, user: str, tmp_path: Path
    ) -> None:
        home = tmp_path / "home"
        (home / "there").write_bytes(os.urandom(300_000))
        (tmp_path / "here").write_bytes(os.urandom(300_000))
        orders = [
            f"cd {home}",
            "pwd",
            f"get there {tmp_path / 'got'}",
            f"put {tmp_path / 'here'} {home / 'put'}",
            "mkdir folder",
            "rename put folder/moved",
            "ls folder",
            "rm there",
        ]
        (tmp_path / "orders").write_text("\n".join(orders) + "\n")
        program = start(
            side,
            script("cftp"),
            *self.options(port, user, tmp_path),
            *("--batchfile", str(tmp_path / "orders"), "127.0.0.1"),
            hold_stdin=True,
        )
        assert program.wait() == 0, program.text()
        assert f"cftp> pwd\n{home}\n" in program.text()
        assert "moved" in program.text()
        assert (home / "folder" / "moved").read_bytes() == (tmp_path / "here").read_bytes()
        assert (tmp_path / "got").stat().st_size == 300_000
        assert [path.name for path in home.iterdir()] == ["folder"]
        program.check_side(ended=True)
        server.check_side()


def connected(port: int) -> socket.socket | None:
    """A connection to a port of 127.0.0.1, if somebody listens there."""
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=60)
    except ConnectionRefusedError:
        return None


def test_twistd_conch(start: Starter, side: str, keys: Path, user: str, tmp_path: Path) -> None:
    """``twistd conch`` as it comes, by password: a command, and a shell on a terminal."""
    if os.geteuid() != 0:
        pytest.skip("twistd conch becomes the user who logs in, which only root may")
    (tmp_path / "passwords").write_text(f"{user}:secret\n")
    server = start(
        side,
        script("twistd"),
        *("--nodaemon", "--pidfile=", "conch", "--port", LOOPBACK, "--data", keys),
        *("--auth", f"file:{tmp_path / 'passwords'}"),
    )
    port = str(server.port("OpenSSHFactory"))
    (tmp_path / "askpass").write_text("#!/bin/sh\necho secret\n")
    (tmp_path / "askpass").chmod(0o700)
    variables = {
        **start.environment(),
        "SSH_ASKPASS": str(tmp_path / "askpass"),
        "SSH_ASKPASS_REQUIRE": "force",
        "TERM": "dumb",
    }
    command = [
        *(client("ssh"), "-F", "none", "-oStrictHostKeyChecking=no", "-oLogLevel=ERROR"),
        *(f"-oUserKnownHostsFile={tmp_path / 'other'}", "-p", port, f"{user}@127.0.0.1"),
    ]
    result = run(*command, "id -un", env=variables)
    # Before it, Twisted warns of becoming the user that one is.
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith(f"{user}\n")
    shell = run(*command, "-tt", env=variables, input="tty && echo sum $((40 + 2))\nexit 5\n")
    assert shell.returncode == 5, shell.stdout + shell.stderr
    assert re.search(r"/dev/pts/\d+", shell.stdout)
    assert "sum 42" in shell.stdout
    server.check_side()


def test_tkconch(start: Starter, side: str) -> None:
    """It can be imported where there is tkinter, and says so where there is none."""
    program = start(side, "-c", "import twisted.conch.scripts.tkconch")
    has_tkinter = python("-c", "import tkinter").returncode == 0
    assert program.wait() == (0 if has_tkinter else 1)
    assert program.text() == "" if has_tkinter else "tkinter" in program.text()


def test_ckeygen(start: Starter, side: str, tmp_path: Path) -> None:
    """Its keys are OpenSSH's."""
    path = tmp_path / "key"
    program = start(side, script("ckeygen"), "-t", "ed25519", "-f", path, "--no-passphrase")
    assert program.wait() == 0, program.text()
    public = run(client("ssh-keygen"), "-y", "-f", str(path))
    assert public.returncode == 0, public.stderr
    assert path.with_suffix(".pub").read_text().split()[:2] == public.stdout.split()[:2]
    told = start(side, script("ckeygen"), "-l", "-f", path)
    assert told.wait() == 0
    fingerprint = run(client("ssh-keygen"), "-l", "-f", str(path)).stdout.split()[1]
    assert fingerprint.removeprefix("SHA256:") in told.text()


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
        """An address of the loopback interface of which port 25, mailmail's only one, is free."""
        for number in range(20, 250):
            with socket.socket() as skt:
                try:
                    skt.bind((f"127.0.25.{number}", 25))
                except PermissionError:
                    pytest.skip("only root may listen on port 25, the only one mailmail knows")
                except OSError:
                    continue
            yield f"127.0.25.{number}"
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
        (r"pyreactor\._tcp\.", "twisted.internet.tcp."),  # docs/differences.md
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

    @pytest.mark.parametrize("options", [(), ("-j2",)], ids=["one", "two-workers"])
    def test_reactor_by_name(self, start: Starter, options: tuple[str, ...]) -> None:
        """``--reactor=pyreactor``, which trial also hands on to its workers."""
        tests = TESTS + (
            "\n"
            "    def tearDown(self):\n"
            "        assert type(reactor).__name__ == 'PyReactor'\n"
            "        assert type(defer.Deferred.callback).__name__ == 'method_descriptor'\n"
        )
        program = self.trial(start, "plugin", tests, "--reactor=pyreactor", *options)
        assert program.process.returncode == 0, program.text()
        assert PASSED in program.text()
        program.check_side(ended=True)
