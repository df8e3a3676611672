"""Twisted's servers, run by twistd and twist and asked by real clients, on both sides."""

from __future__ import annotations

import ftplib
import io
import socket
import struct
from pathlib import Path

import pytest

from tests.serving import Program, Starter, client, run, script, wait_for

LOOPBACK = "tcp:0:interface=127.0.0.1"


def twistd(start: Starter, side: str, *arguments: str | Path) -> Program:
    return start(side, script("twistd"), "--nodaemon", "--pidfile=", *arguments)


def curl(*arguments: str) -> str:
    result = run(client("curl"), "-sS", "--max-time", "60", *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A folder for a web server to show."""
    folder = tmp_path / "pages"
    (folder / "below").mkdir(parents=True)
    (folder / "index.html").write_text("<p>hello</p>")
    (folder / "below" / "a.txt").write_text("0123456789")
    (folder / "large").write_bytes(bytes(range(256)) * 8192)
    return folder


class TestWeb:
    """``twistd web`` and ``twist web``, asked by curl."""

    def test_files(self, start: Starter, side: str, pages: Path, tmp_path: Path) -> None:
        server = twistd(start, side, "web", "--listen", LOOPBACK, "--path", pages)
        url = f"http://127.0.0.1:{server.port('Site')}"
        assert curl(f"{url}/") == "<p>hello</p>"
        # Two requests on one connection.
        assert curl(f"{url}/below/a.txt", f"{url}/", "-w", "[%{num_connects}]") == (
            "0123456789[1]<p>hello</p>[0]"
        )
        assert curl("-r", "2-4", f"{url}/below/a.txt", "-w", "%{http_code}") == "234206"
        assert "No Such Resource" in curl(f"{url}/nothing", "-w", "%{http_code}")
        assert "a.txt" in curl(f"{url}/below/")
        head = curl("--head", f"{url}/below/a.txt")
        assert head.startswith("HTTP/1.1 200 OK\n")
        assert {"Server", "Content-Length", "Content-Type"} <= {
            line.partition(":")[0] for line in head.splitlines()
        }
        curl(f"{url}/large", "-o", str(tmp_path / "got"))
        assert (tmp_path / "got").read_bytes() == (pages / "large").read_bytes()
        server.check_side()
        server.stop()
        log = server.text()
        assert "GET /below/a.txt HTTP/1.1" in log
        assert "Received SIGTERM, shutting down." in log
        assert "Traceback" not in log

    def test_wsgi(self, start: Starter, side: str, tmp_path: Path) -> None:
        """A WSGI application runs in the reactor's threads."""
        (tmp_path / "hello_wsgi.py").write_text(
            "import threading\n"
            "def application(environ, respond):\n"
            "    body = environ['wsgi.input'].read()\n"
            "    respond('200 OK', [('Content-Type', 'text/plain')])\n"
            "    main = threading.current_thread() is threading.main_thread()\n"
            "    return [body * 3, b' %d' % main]\n"
        )
        server = start(
            side,
            script("twistd"),
            "--nodaemon",
            "--pidfile=",
            *("web", "--listen", LOOPBACK, "--wsgi", "hello_wsgi.application"),
            env={"PYTHONPATH": f"{start.environment()['PYTHONPATH']}:{tmp_path}"},
        )
        url = f"http://127.0.0.1:{server.port('Site')}"
        assert curl("--data", "x" * 100_000, f"{url}/") == "x" * 300_000 + " 0"
        server.check_side()

    def test_twist(self, start: Starter, side: str, pages: Path) -> None:
        server = start(side, script("twist"), "web", "--listen", LOOPBACK, "--path", pages)
        url = f"http://127.0.0.1:{server.port('Site')}"
        assert curl(f"{url}/below/a.txt") == "0123456789"
        server.check_side()
        server.stop()
        assert "Traceback" not in server.text()

    @pytest.mark.parametrize("command", ["twistd", "twist"])
    def test_reactor_by_name(self, start: Starter, pages: Path, command: str) -> None:
        """``--reactor=pyreactor``, without `pyreactor` in front."""
        options = ["--nodaemon", "--pidfile="] if command == "twistd" else []
        server = start(
            "plugin",
            script(command),
            "--reactor=pyreactor",
            *options,
            *("web", "--listen", LOOPBACK, "--path", pages),
        )
        url = f"http://127.0.0.1:{server.port('Site')}"
        assert curl(f"{url}/below/a.txt") == "0123456789"
        server.check_side()


ZONE = """
zone = [
    SOA("example.test", mname="ns.example.test", rname="root.example.test",
        serial=1, refresh=60, retry=60, expire=60, minimum=60),
    NS("example.test", "ns.example.test"),
    A("www.example.test", "192.0.2.7"),
    A("www.example.test", "192.0.2.8"),
    AAAA("www.example.test", "2001:db8::7"),
    MX("example.test", 10, "mail.example.test"),
    TXT("text.example.test", b"a" * 200, b"b" * 200, b"c" * 200),
]
"""


def test_dns(start: Starter, side: str, tmp_path: Path) -> None:
    """``twistd dns``, asked by dig over UDP and TCP."""
    (tmp_path / "zone").write_text(ZONE)
    server = twistd(
        start, side, "dns", "--interface=127.0.0.1", "--port=0", f"--pyzone={tmp_path / 'zone'}"
    )
    udp, tcp = server.port("DNSDatagramProtocol"), server.port("DNSServerFactory")

    def dig(*words: str) -> list[str]:
        result = run(client("dig"), "@127.0.0.1", "+short", "+tries=1", "+timeout=60", *words)
        assert result.returncode == 0, result.stdout + result.stderr
        return sorted(result.stdout.split())

    def both(name: str, kind: str) -> list[str]:
        by_udp = dig("-p", str(udp), "+ignore", name, kind)
        assert dig("-p", str(tcp), "+tcp", name, kind) == by_udp
        return by_udp

    assert both("www.example.test", "A") == ["192.0.2.7", "192.0.2.8"]
    assert both("www.example.test", "AAAA") == ["2001:db8::7"]
    assert both("example.test", "MX") == ["10", "mail.example.test."]
    assert both("nothing.example.test", "A") == []
    # Larger than a datagram may be.
    long = [f'"{letter * 200}"' for letter in "abc"]
    assert dig("-p", str(tcp), "+tcp", "text.example.test", "TXT") == long
    server.check_side()
    assert "Traceback" not in server.text()


FTP = """
from twisted.application import internet, service
from twisted.cred import checkers, portal
from twisted.protocols import ftp

users = checkers.InMemoryUsernamePasswordDatabaseDontUse()
users.users = {"alice": "secret"}
realm = ftp.FTPRealm("shared", userHome=".")
factory = ftp.FTPFactory(portal.Portal(realm, [checkers.AllowAnonymousAccess(), users]))
application = service.Application("ftp")
internet.TCPServer(0, factory, interface="127.0.0.1").setServiceParent(application)
"""


class TestFTP:
    """Twisted's FTP server, asked by ftplib and curl."""

    def test_plugin(self, start: Starter, side: str, pages: Path) -> None:
        """``twistd ftp`` for anonymous users.  It cannot be told an interface."""
        server = twistd(start, side, "ftp", "--port=0", "--root", pages, "--userAnonymous=guest")
        port = server.port("FTPFactory")
        assert curl(f"ftp://guest@127.0.0.1:{port}/below/a.txt") == "0123456789"
        assert "index.html" in curl(f"ftp://guest@127.0.0.1:{port}/")
        server.check_side()

    @pytest.mark.parametrize("passive", [True, False], ids=["passive", "active"])
    def test_session(self, start: Starter, side: str, tmp_path: Path, passive: bool) -> None:
        (tmp_path / "ftp.tac").write_text(FTP)
        (tmp_path / "alice").mkdir()
        (tmp_path / "shared").mkdir()
        server = twistd(start, side, "-y", "ftp.tac")
        large = bytes(range(256)) * 4096
        with ftplib.FTP(timeout=60) as ftp:
            ftp.connect("127.0.0.1", server.port("FTPFactory"))
            with pytest.raises(ftplib.error_perm):
                ftp.login("alice", "wrong")
            ftp.login("alice", "secret")
            ftp.set_pasv(passive)
            ftp.storbinary("STOR large", io.BytesIO(large))
            assert (tmp_path / "alice" / "large").read_bytes() == large
            got = io.BytesIO()
            ftp.retrbinary("RETR large", got.write)
            assert got.getvalue() == large
            ftp.mkd("folder")
            ftp.rename("large", "folder/moved")
            ftp.cwd("folder")
            assert ftp.nlst(".") == ["moved"]
            assert ftp.size("moved") == len(large)
            ftp.delete("moved")
            assert ftp.nlst(".") == []
        server.check_side()
        assert "Traceback" not in server.text()


class IRC:
    """An IRC client by hand."""

    def __init__(self, port: int, name: str, password: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.lines = self.socket.makefile("r", newline="\r\n")
        self.say(f"PASS {password}", f"NICK {name}", f"USER {name} 0 * :{name}")

    def say(self, *lines: str) -> None:
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def hear(self, word: str) -> str:
        """The next line with `word` in it."""
        for line in self.lines:
            if word in line:
                return line.rstrip()
        raise AssertionError(f"the server hung up before {word}")

    def __enter__(self) -> IRC:
        return self

    def __exit__(self, *exception: object) -> None:
        self.lines.close()
        self.socket.close()


WORDS = """
from twisted.application import service, strports
from twisted.cred import checkers, portal
from twisted.words.service import InMemoryWordsRealm, IRCFactory

users = checkers.InMemoryUsernamePasswordDatabaseDontUse()
users.users = {"alice": "one", "bob": "two"}
realm = InMemoryWordsRealm("irc.test")
realm.createGroupOnRequest = True
factory = IRCFactory(realm, portal.Portal(realm, [users]))
application = service.Application("words")
strports.service("tcp:0:interface=127.0.0.1", factory).setServiceParent(application)
"""


class TestWords:
    """Twisted's IRC server, with two clients."""

    def test_plugin(self, start: Starter, side: str) -> None:
        """``twistd words``, whose channels have to be made by hand."""
        server = twistd(
            start,
            side,
            *("words", "--irc-port", LOOPBACK, "--hostname=irc.test"),
            *("--auth", "memory:alice:one:bob:two"),
        )
        port = server.port("IRCFactory")
        with IRC(port, "alice", "one") as alice, IRC(port, "bob", "two") as bob:
            alice.hear(" 376 ")
            bob.hear(" 376 ")
            bob.say("JOIN #room", "PRIVMSG alice :hello, you")
            assert bob.hear(" 403 ") == ":irc.test 403 bob #room :No such channel."
            assert alice.hear("PRIVMSG") == ":bob!bob@irc.test PRIVMSG alice :hello, you"
        with IRC(port, "alice", "wrong") as alice:
            assert "Goodbye" in alice.hear("Login failed")
        server.check_side()

    def test_channel(self, start: Starter, side: str, tmp_path: Path) -> None:
        (tmp_path / "words.tac").write_text(WORDS)
        server = twistd(start, side, "-y", "words.tac")
        port = server.port("IRCFactory")
        with IRC(port, "alice", "one") as alice, IRC(port, "bob", "two") as bob:
            for one in (alice, bob):
                one.hear(" 376 ")
                one.say("JOIN #room")
                one.hear(" 366 ")
            assert alice.hear("JOIN") == ":bob!bob@irc.test JOIN #room"
            bob.say("PRIVMSG #room :hello, all")
            assert alice.hear("PRIVMSG") == ":bob!bob@irc.test PRIVMSG #room :hello, all"
            bob.say("NAMES #room")
            assert set(bob.hear(" 353 ").rpartition(":")[2].split()) == {"alice", "bob"}
            bob.say("QUIT :enough")
            assert alice.hear("PART").startswith(":bob!bob@irc.test PART #room")
        server.check_side()
        assert "Traceback" not in server.text()


class TestSOCKS:
    """``twistd socks``, asked by curl and by hand."""

    @pytest.fixture
    def proxy(self, start: Starter, side: str) -> Program:
        return twistd(start, side, "socks", "--port=0")

    def test_connect(self, start: Starter, side: str, proxy: Program, pages: Path) -> None:
        web = twistd(start, side, "web", "--listen", LOOPBACK, "--path", pages)
        url = f"http://127.0.0.1:{web.port('Site')}/below/a.txt"
        port = proxy.port("SOCKSv4Factory")
        assert curl("--socks4", f"127.0.0.1:{port}", url) == "0123456789"
        # The proxy looks the name up, in a thread.
        named = url.replace("127.0.0.1", "localhost")
        assert curl("--socks4a", f"127.0.0.1:{port}", named) == "0123456789"
        proxy.check_side()

    def test_refused(self, proxy: Program) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            address = ("127.0.0.1", proxy.port("SOCKSv4Factory"))
            with socket.create_connection(address, timeout=60) as asking:
                asking.sendall(request(1, unused.getsockname()[1]))
                assert reply(asking)[0] == 91


def request(code: int, port: int) -> bytes:
    """A SOCKS 4 request about a port of 127.0.0.1."""
    return struct.pack("!BBH4s", 4, code, port, socket.inet_aton("127.0.0.1")) + b"me\0"


def reply(skt: socket.socket) -> tuple[int, int]:
    """The code and the port of a SOCKS 4 reply."""
    data = b""
    while len(data) < 8:
        part = skt.recv(8 - len(data))
        assert part, "the proxy hung up"
        data += part
    _, code, port = struct.unpack("!BBH", data[:4])
    return code, port


def test_portforward(start: Starter, side: str, pages: Path) -> None:
    """``twistd portforward`` to ``twistd web``."""
    web = twistd(start, side, "web", "--listen", LOOPBACK, "--path", pages)
    destination = str(web.port("Site"))
    forward = twistd(
        start,
        side,
        *("portforward", "--port", LOOPBACK, "--host=127.0.0.1", "--dest_port", destination),
    )
    port = forward.port("ProxyFactory")
    assert curl(f"http://127.0.0.1:{port}/below/a.txt") == "0123456789"
    curl(f"http://127.0.0.1:{port}/large", "-o", str(start.folder / "got"))
    assert (start.folder / "got").read_bytes() == (pages / "large").read_bytes()
    forward.check_side()


def test_procmon(start: Starter, side: str, tmp_path: Path) -> None:
    """``twistd procmon`` starts a program again that has ended."""
    started = tmp_path / "started"
    server = twistd(
        start,
        side,
        *("procmon", "--threshold=0", "--minrestartdelay=0.05", "--maxrestartdelay=0.05"),
        *("/bin/sh", "-c", f"echo $$ >>{started}; echo hello"),
    )
    wait_for(lambda: started.exists() and len(started.read_text().split()) >= 3, "a restart")
    server.find("(hello)")
    server.check_side()
    server.stop()
    assert "Traceback" not in server.text()
