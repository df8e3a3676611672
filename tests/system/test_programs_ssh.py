"""
ssh between Twisted and OpenSSH: each one's clients at the other's server, on both sides.

Twisted's clients are ``conch`` and ``cftp``; its servers conch and manhole.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving import Program, Starter, client, descendants, free_port, run, script, wait_for
from tests.support import python

LOOPBACK = "tcp:0:interface=127.0.0.1"

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

    def test_openssh_forwards(
        self, server: Program, port: str, user: str, start: Starter, tmp_path: Path
    ) -> None:
        """OpenSSH's -L, through Twisted's server: 2 MB each way, and the end."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            near = free_port()
            target = f"127.0.0.1:{near}:127.0.0.1:{listener.getsockname()[1]}"
            ssh = [client("ssh"), *self.openssh(tmp_path), "-p", port, "-N", "-L", target]
            start.command("", [*ssh, f"{user}@127.0.0.1"])
            exchange(listener, near)
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
            local = free_port()
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


def exchange(listener: socket.socket, near_port: int) -> None:
    """Connect to a port that is forwarded to `listener`: 2 MB each way, then one side ends."""
    data = os.urandom(2_000_000)
    listener.settimeout(60)
    near = wait_for(lambda: connected(near_port), "the forwarding")
    far, _ = listener.accept()
    with near, far:
        for sender, receiver in ((near, far), (far, near)):
            receiver.settimeout(60)
            writing = threading.Thread(target=sender.sendall, args=(data,), daemon=True)
            writing.start()
            received = bytearray()
            while len(received) < len(data):
                part = receiver.recv(65536)
                assert part
                received += part
            assert received == data
            writing.join(60)
        far.close()
        assert near.recv(1) == b""


def connected(port: int) -> socket.socket | None:
    """A connection to a port of 127.0.0.1, if somebody listens there."""
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=60)
    except ConnectionRefusedError:
        return None


TWISTD = ("twistd", "--nodaemon", "--pidfile=")


def by_password(start: Starter, user: str) -> tuple[list[str], dict[str, str]]:
    """OpenSSH's client that answers "secret" to whoever asks: its command, its environment."""
    answer = start.folder / "askpass"
    answer.write_text("#!/bin/sh\necho secret\n")
    answer.chmod(0o700)
    variables = {
        **start.environment(),
        "SSH_ASKPASS": str(answer),
        "SSH_ASKPASS_REQUIRE": "force",
        "TERM": "dumb",
    }
    command = [
        *(client("ssh"), "-F", "none", "-oStrictHostKeyChecking=no", "-oLogLevel=ERROR"),
        *(f"-oUserKnownHostsFile={start.folder / 'other'}", "-l", user, "127.0.0.1"),
    ]
    return command, variables


@pytest.mark.parametrize("starter", [TWISTD, ("twist",)], ids=["twistd", "twist"])
def test_conch_plugin(
    start: Starter, side: str, keys: Path, user: str, tmp_path: Path, starter: tuple[str, ...]
) -> None:
    """The server as it comes, by password: a command, and a shell on a terminal."""
    if os.geteuid() != 0:
        pytest.skip("the server becomes the user who logs in, which only root may")
    (tmp_path / "passwords").write_text(f"{user}:secret\n")
    server = start(
        side,
        *(script(starter[0]), *starter[1:], "conch", "--port", LOOPBACK, "--data", keys),
        *("--auth", f"file:{tmp_path / 'passwords'}"),
    )
    port = str(server.port("OpenSSHFactory"))
    command, variables = by_password(start, user)
    command += ["-p", port]
    result = run(*command, "id -un", env=variables)
    # Before it, Twisted warns of becoming the user that one is.
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith(f"{user}\n")
    shell = run(*command, "-tt", env=variables, input="tty && echo sum $((40 + 2))\nexit 5\n")
    assert shell.returncode == 5, shell.stdout + shell.stderr
    assert re.search(r"/dev/pts/\d+", shell.stdout)
    assert "sum 42" in shell.stdout
    server.check_side()


# --- manhole ----------------------------------------------------------------------------------


class TestManhole:
    """The Python prompt inside a server, by ssh and by telnet."""

    @pytest.fixture
    def server(self, start: Starter, side: str, tmp_path: Path) -> Program:
        (tmp_path / "passwords").write_text("alice:secret\n")
        return start(
            side,
            *(script(TWISTD[0]), *TWISTD[1:], "manhole", "--passwd", tmp_path / "passwords"),
            *("--telnetPort", LOOPBACK, "--sshPort", LOOPBACK),
            *("--sshKeyDir", tmp_path, "--sshKeySize", "2048"),
        )

    def test_ssh(self, start: Starter, server: Program, tmp_path: Path) -> None:
        """Values, errors, several lines, a Deferred that fires later; the end by Ctrl-D."""
        command, variables = by_password(start, "alice")
        command += ["-tt", "-p", str(server.port("ConchFactory"))]
        program = start.command("", command, env=variables, terminal=True)
        # What the manhole sends to move the cursor and for colours comes in between.
        between = r"(?:\x1b\[[0-9;]*[A-Za-z]|\s)*"
        program.find("(>>> )")
        program.type("6 * 7\r")
        assert program.find(rf"\n{between}(42){between}>>> ") == "42"
        program.type("1 / 0\r")
        program.find(r"(ZeroDivisionError): division by zero")
        program.type("def double(x):\r    return 2 * x\r\rdouble('ab')\r")
        program.find("('abab')")
        program.type("from twisted.internet import reactor, task\r")
        program.type("task.deferLater(reactor, 0.05, lambda: 'lat' + 'er')\r")
        program.find(r"(<Deferred #0>)")
        program.find(r"(Deferred #0 called back: 'later')")
        program.type("\x04")
        # A manhole ends without an exit code.
        assert program.wait() == 255
        server.check_side()
        assert "Traceback" not in server.text()

    def test_telnet(self, server: Program) -> None:
        port = server.port("ServerFactory")
        with socket.create_connection(("127.0.0.1", port), timeout=60) as skt:
            received = b""
            # What a client answers to WILL, WONT and DO: DO, DONT and WONT.
            answers = {b"\xfb": b"\xfd", b"\xfc": b"\xfe", b"\xfd": b"\xfc"}

            def expect(text: bytes) -> None:
                nonlocal received
                while text not in received:
                    part = skt.recv(4096)
                    assert part, received
                    received += part
                    for offer, what in re.findall(rb"\xff([\xfb-\xfd])(.)", received, re.S):
                        skt.sendall(b"\xff" + answers[offer] + what)
                    received = re.sub(rb"\xff[\xfb-\xfe].", b"", received, flags=re.S)
                received = received.partition(text)[2]

            expect(b"Username: ")
            skt.sendall(b"alice\r\n")
            expect(b"Password: ")
            skt.sendall(b"secret\r\n")
            expect(b">>> ")
            skt.sendall(b"'-'.join(map(str, range(5)))\r\n")
            expect(b"'0-1-2-3-4'")
            skt.sendall(b"\x04")
            while skt.recv(4096):
                pass
        server.check_side()


# --- The rest of conch ------------------------------------------------------------------------


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


# --- OpenSSH's server -------------------------------------------------------------------------

SSHD = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/keys/ssh_host_ed25519_key
AuthorizedKeysFile {folder}/id_ed25519.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PermitUserRC no
PrintMotd no
PrintLastLog no
PidFile none
Subsystem sftp internal-sftp
SetEnv HOME={folder}/home PROBE={folder}
LogLevel VERBOSE
{more}
"""


class OpenSSH:
    """sshd, for whoever runs the tests; a home of its own keeps his shell's settings out."""

    def __init__(self, start: Starter, more: str) -> None:
        self.start = start
        self.more = more
        (start.folder / "home").mkdir()
        if os.geteuid() == 0:
            # Debian makes it when it starts a server of its own.
            os.makedirs("/run/sshd", 0o755, exist_ok=True)
        self.port = ""
        while not self.port:
            self.program = self.attempt()
        public = start.folder / "keys" / "ssh_host_ed25519_key.pub"
        kind, key, *_ = public.read_text().split()
        (start.folder / "known_hosts").write_text(f"127.0.0.1 {kind} {key}\n")

    def attempt(self) -> Program:
        """Start it on a port that was free a moment ago."""
        port = free_port()
        config = self.start.folder / "sshd_config"
        config.write_text(SSHD.format(port=port, folder=self.start.folder, more=self.more))
        program = self.start.command("", [client("sshd"), "-D", "-e", "-f", str(config)])
        if program.find(f"(listening on 127.0.0.1 port {port}|Address already in use)") != (
            "Address already in use"
        ):
            self.port = str(port)
        return program

    def stop(self) -> None:
        """End it and all who are logged in: what serves them are processes of their own."""
        for pid in descendants(self.program.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.program.stop(signal.SIGKILL)


@pytest.fixture
def openssh(request: pytest.FixtureRequest, start: Starter, keys: Path) -> Iterator[OpenSSH]:
    server = OpenSSH(start, getattr(request, "param", ""))
    yield server
    server.stop()


class TestOpenSSHServer:
    """conch and cftp at OpenSSH's server: the same on both sides."""

    @pytest.fixture
    def conch(
        self, start: Starter, side: str, openssh: OpenSSH, tmp_path: Path
    ) -> Callable[..., Program]:
        """Starts a client that is logged in as who runs the tests."""

        def run_client(
            name: str, *arguments: str, identity: str = "id_ed25519", **how: object
        ) -> Program:
            options = (
                *("--port", openssh.port, "--user", pwd.getpwuid(os.getuid()).pw_name),
                *("--identity", str(tmp_path / identity), "--noagent"),
                *("--known-hosts", str(tmp_path / "known_hosts")),
                *("--user-authentications", "publickey", "--host-key-algorithms", "ssh-ed25519"),
            )
            return start(side, script(name), *options, *arguments, **how)  # type: ignore[arg-type]

        return run_client

    def test_command(self, conch: Callable[..., Program]) -> None:
        """Its output and exit code; then conch is through by itself."""
        orders = "echo some output; echo on error >&2; exit 7"
        program = conch("conch", "--notty", "127.0.0.1", orders, hold_stdin=True)
        assert program.wait() == 7
        assert sorted(program.text().splitlines()) == ["on error", "some output"]
        program.check_side(ended=True)

    def test_much_output(self, conch: Callable[..., Program]) -> None:
        """More than what OpenSSH may send without being told that it was read."""
        orders = "seq 400000; read line"
        program = conch("conch", "--notty", "127.0.0.1", orders, hold_stdin=True)
        # Conch drops what it has not shown yet when the command ends.
        program.find("\n(400000)\n")
        program.type("\n")
        assert program.wait() == 0
        assert program.text() == "".join(f"{n}\n" for n in range(1, 400_001))
        program.check_side(ended=True)

    def test_input(self, conch: Callable[..., Program], tmp_path: Path) -> None:
        """Standard input, and that it ends."""
        text = "to the other side\n" * 3_000
        orders = f"cat >{tmp_path}/new; mv {tmp_path}/new {tmp_path}/received; exit 3"
        program = conch("conch", "--notty", "127.0.0.1", orders, stdin=text)
        program.wait()
        wait_for((tmp_path / "received").exists, "the file")
        assert (tmp_path / "received").read_text() == text
        program.check_side(ended=True)

    def test_dialogue(self, conch: Callable[..., Program]) -> None:
        """Line by line, through pipes."""
        orders = "while read line && test $line != bye; do echo got $line; done; exit 6"
        program = conch("conch", "--notty", "127.0.0.1", orders, hold_stdin=True)
        for word in ("one", "two", "three"):
            program.type(f"{word}\n")
            program.find(f"(got {word})\n")
        program.type("bye\n")
        assert program.wait() == 6
        program.check_side(ended=True)

    def test_terminal(self, conch: Callable[..., Program]) -> None:
        """A command on a terminal there, of this one's size, also when that changes."""
        orders = "tty; stty size; read line; echo got $line; stty size; exit 4"
        program = conch("conch", "--tty", "127.0.0.1", orders, terminal=True, env={"TERM": "vt100"})
        assert program.find(r"/dev/pts/\d+\r\n(.*)\r\n") == "24 80"
        program.resize(30, 100)
        program.type("a line\r")
        assert program.wait() == 4
        assert program.text().endswith("a line\r\ngot a line\r\n30 100\r\n")
        program.check_side(ended=True)

    def test_shell(self, conch: Callable[..., Program]) -> None:
        program = conch("conch", "127.0.0.1", terminal=True, env={"TERM": "vt100"})
        program.type("trap 'echo interrupted' INT; echo sum $((40 + 2)) $TERM\r")
        # Ctrl-C is for the shell there, once it has shown its prompt again.
        assert program.find(r"sum (\d+) vt100\r\n[^\n]*[#$] ") == "42"
        program.type("\x03")
        program.find("(interrupted)\r\n")
        program.type("exit 5\r")
        assert program.wait() == 5
        assert program.text().endswith("Connection to 127.0.0.1 closed.\r\n")
        program.check_side(ended=True)

    @pytest.mark.parametrize("to_here", [False, True])
    def test_forwards(self, conch: Callable[..., Program], openssh: OpenSSH, to_here: bool) -> None:
        """A port here to one there, or one there to one here: 2 MB each way, and the ends."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            near_port = free_port()
            target = f"{near_port}:127.0.0.1:{listener.getsockname()[1]}"
            option = "--remoteforward" if to_here else "--localforward"
            program = conch(
                *("conch", "--notty", "--noshell", option, target, "127.0.0.1"), hold_stdin=True
            )
            exchange(listener, near_port)
            program.check_side()

    def test_cftp_files(self, conch: Callable[..., Program], tmp_path: Path) -> None:
        """Files of some MB, there and back."""
        home = tmp_path / "home"
        data = os.urandom(3_000_000)
        (home / "there").write_bytes(data)
        (tmp_path / "here").write_bytes(data[::-1])
        orders = [
            f"cd {home}",
            "mkdir folder",
            f"put {tmp_path / 'here'} {home / 'folder' / 'put'}",
            f"get there {tmp_path / 'got'}",
            "ls",
            "ls folder",
            "rename there moved",
        ]
        (tmp_path / "orders").write_text("".join(f"{order}\n" for order in orders))
        batch = ("--batchfile", str(tmp_path / "orders"))
        program = conch("cftp", *batch, "127.0.0.1", hold_stdin=True)
        assert program.wait() == 0, program.text()
        assert "cftp> ls\nfolder\nthere\ncftp> ls folder\nput\n" in program.text()
        assert (home / "folder" / "put").read_bytes() == data[::-1]
        assert (tmp_path / "got").read_bytes() == data
        assert (home / "moved").read_bytes() == data
        program.check_side(ended=True)

    def test_cftp_dialogue(self, conch: Callable[..., Program], tmp_path: Path) -> None:
        """Orders by hand, one of which fails, and the progress of a transfer."""
        (tmp_path / "here").write_bytes(bytes(500_000))
        program = conch("cftp", "127.0.0.1", terminal=True)
        program.find("(cftp> )$")
        program.type(f"cd {tmp_path / 'home'}\n")
        program.find("cd .*\r\n(cftp> )$")
        program.type("get nothing\n")
        program.find("(remote error 2: No such file)")
        program.type(f"put {tmp_path / 'here'} up\n")
        assert program.find(r"here +(\d+)% \d") == "6"
        program.find("(Transferred .*/here to .*/home/up)\r\n")
        program.type("ls -l\n")
        program.find(r" (500000) .* up\r\n")
        program.type("quit\n")
        assert program.wait() == 0, program.text()
        program.check_side(ended=True)

    def test_server_dies(self, conch: Callable[..., Program], openssh: OpenSSH) -> None:
        program = conch("conch", "--notty", "127.0.0.1", "echo started; sleep 600", hold_stdin=True)
        program.find("(started)")
        openssh.stop()
        assert (program.wait(), program.text()) == (0, "started\n")
        program.check_side(ended=True)
