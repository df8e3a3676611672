"""
Proves a wheel in the environment that it was installed into, which has neither compiler nor libuv.

To be run by that environment's Python in a folder of its own, with nothing but the environment's
commands on PATH.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import unittest
from pathlib import Path

ECHO = """
from twisted.internet import defer, endpoints, protocol, reactor, task

class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

class Client(protocol.Protocol):
    def connectionMade(self):
        self.received = b""
        self.done = defer.Deferred()
        self.transport.write(b"hello" * 1000)

    def dataReceived(self, data):
        self.received += data
        if len(self.received) == 5000:
            self.transport.loseConnection()

    def connectionLost(self, reason):
        self.done.callback(self.received)

async def main(reactor):
    server = endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port = await server.listen(protocol.Factory.forProtocol(Echo))
    address = f"tcp:127.0.0.1:{port.getHost().port}"
    client = await endpoints.connectProtocol(
        endpoints.clientFromString(reactor, address), Client()
    )
    assert await client.done == b"hello" * 1000
    await port.stopListening()
    print(type(reactor).__qualname__)

task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
"""

DEFERRED = """
from twisted.internet import defer

@defer.inlineCallbacks
def add(first, second):
    return (yield first) + (yield second)

fired = defer.Deferred().addCallback(lambda result: result * 2)
sums = defer.gatherResults([add(fired, defer.succeed(1)), defer.maybeDeferred(int, "5")])
sums.addCallback(print)
fired.callback(20)
print(type(defer.Deferred.addCallback) is type(lambda: None))
"""

LINES = """
from twisted.internet.testing import StringTransport
from twisted.protocols import basic

class Lines(basic.LineReceiver):
    def lineReceived(self, line):
        self.sendLine(line.upper())
        if line == b"raw":
            self.setRawMode()

    def rawDataReceived(self, data):
        self.transport.write(b"<" + data + b">")

lines = Lines()
lines.makeConnection(StringTransport())
for piece in (b"on", b"e\\r\\ntwo\\r", b"\\nraw\\r\\nthe rest"):
    lines.dataReceived(piece)
print(lines.transport.value())
print(type(basic.LineReceiver.dataReceived) is type(lambda: None))
"""

TRIAL = """
from twisted.internet import reactor, task
from twisted.trial.unittest import TestCase

class Tests(TestCase):
    def test_reactor(self):
        self.assertEqual(type(reactor).__qualname__, "PyReactor")
        return task.deferLater(reactor, 0.001, lambda: None)
"""

MAPPED = """
import pyreactor._core
print(open("/proc/self/maps").read())
"""


def run(*command: str) -> str:
    """Run a program, which has to succeed, and give back what it prints."""
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if result.returncode:
        raise AssertionError(f"{command}: {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def run_script(text: str) -> str:
    """Run a program, given as text, by the `pyreactor` command."""
    script = Path("script.py")
    script.write_text(text, encoding="utf-8")
    return run("pyreactor", str(script))


class Smoke(unittest.TestCase):
    def test_nothing_here_compiles(self) -> None:
        found = [shutil.which(name) for name in ("cc", "gcc", "clang", "pkg-config", "ld")]
        self.assertEqual(found, [None] * 5)

    def test_its_own_libuv_is_the_one_loaded(self) -> None:
        mapped = set(re.findall(r"\S*/libuv\S*", run(sys.executable, "-c", MAPPED)))
        self.assertEqual(len(mapped), 1, mapped)
        libraries = Path(sysconfig.get_path("platlib")).resolve() / "pyreactor.libs"
        self.assertEqual(Path(mapped.pop()).parent, libraries)

    def test_licenses(self) -> None:
        metadata = importlib.metadata.metadata("pyreactor")
        found = sorted(metadata.get_all("License-File") or [])
        self.assertEqual(found, ["LICENSE", "LICENSE.libuv"])

    def test_doctor_finds_everything_in_c(self) -> None:
        findings = json.loads(run("pyreactor", "doctor", "--json"))
        self.assertEqual({name for name, part in findings["parts"].items() if not part["c"]}, set())
        self.assertIs(findings["healthy"], True)
        version = importlib.metadata.version("pyreactor")
        self.assertEqual(findings["pyreactor"], version)
        self.assertEqual(run("pyreactor", "--version"), f"pyreactor {version}\n")
        print(run("pyreactor", "doctor"))

    def test_echo(self) -> None:
        self.assertEqual(run_script(ECHO), "PyReactor\n")

    def test_deferred(self) -> None:
        self.assertEqual(run_script(DEFERRED), "[41, 5]\nFalse\n")

    def test_lines(self) -> None:
        self.assertEqual(run_script(LINES), "b'ONE\\r\\nTWO\\r\\nRAW\\r\\n<the rest>'\nFalse\n")

    def test_bench(self) -> None:
        rows = "TCP echo, 10 x 1 KB;10 callbacks"
        output = run("pyreactor", "bench", "--quick", "--only", rows, "--html", "page.html")
        self.assertIn("TCP echo, 10 x 1 KB (per message)", output)
        self.assertIn("</html>", Path("page.html").read_text(encoding="utf-8"))

    def test_twistd(self) -> None:
        self.assertIn("libuv based reactor in C", run("twistd", "--help-reactors"))
        self.assertIn("Usage: twistd", run("twistd", "--reactor=pyreactor", "--help"))

    def test_trial(self) -> None:
        Path("test_it.py").write_text(TRIAL, encoding="utf-8")
        output = run(sys.executable, "-m", "twisted.trial", "--reactor=pyreactor", "test_it")
        self.assertIn("PASSED (successes=1)", output)


if __name__ == "__main__":
    unittest.main()
