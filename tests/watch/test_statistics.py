"""What a reactor has done: as a dict, on a screen, for prometheus_client."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from pyreactor._watch import statistics, top
from tests.serving import free_port, is_there, wait_for
from tests.support import CHECKOUT, PYREACTOR, TIMEOUT, environment, python

ECHO = """
import json, sys
from twisted.internet import defer, protocol, reactor
import pyreactor

ROUNDS = 200

class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

class Client(protocol.Protocol):
    received = 0
    def connectionMade(self):
        self.transport.write(b"x" * 100)
    def dataReceived(self, data):
        self.received += len(data)
        if self.received < 100 * ROUNDS:
            self.transport.write(data)
        else:
            done()

class Datagrams(protocol.DatagramProtocol):
    def datagramReceived(self, data, address):
        reactor.callFromThread(from_a_thread)

def in_time():
    pass

def from_a_thread():
    reactor.connectTCP("127.0.0.1", port.getHost().port, factory)

def done():
    print(json.dumps(pyreactor.stats()))
    reactor.stop()

port = reactor.listenTCP(0, protocol.Factory.forProtocol(Echo), interface="127.0.0.1")
factory = protocol.ClientFactory.forProtocol(Client)
udp = reactor.listenUDP(0, Datagrams(), interface="127.0.0.1")
for _ in range(7):
    reactor.callLater(0, in_time)
reactor.callLater(0, lambda: udp.write(b"y" * 30, ("127.0.0.1", udp.getHost().port)))
fired = defer.Deferred()
for _ in range(5):
    fired.addCallback(lambda result: result)
reactor.callLater(0, fired.callback, 1)
"""


def test_everything_is_counted() -> None:
    """Calls, events, bytes of both directions, and what took the time, by name."""
    ran = python("-c", f"{ECHO}\npyreactor.stats()\nreactor.run()", runner=PYREACTOR)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["timed_calls"] >= 9
    assert found["thread_calls"] == 1
    assert found["deferred_callbacks"] >= 5
    assert found["events"] >= 2 * 200
    assert found["iterations"] > 0 and found["seconds"] > 0
    assert sum(found["working"]["up_to"].values()) == found["iterations"]
    assert sum(found["late"]["up_to"].values()) == found["timed_calls"]
    assert found["working"]["seconds"] + found["asleep"]["seconds"] <= found["seconds"]
    transports = found["transports"]
    assert transports["TCP"] == {"received": 40_000 - 100 + 100, "sent": 40_000, "open": 2}
    assert transports["UDP"] == {"received": 30, "sent": 30, "open": 1}
    assert transports["UNIX"] == {"received": 0, "sent": 0, "open": 0}
    calls = {cost["what"]: cost["count"] for cost in found["costliest"]}
    assert len(calls) <= 10
    assert calls["event, __main__.Echo"] == 200
    assert calls["event, __main__.Client"] >= 199


def test_bytes_that_bring_descriptors_are_counted(tmp_path: Path) -> None:
    text = f"""
import pyreactor
from twisted.internet import protocol, reactor

class Taking(protocol.Protocol):
    def fileDescriptorReceived(self, descriptor):
        import os
        os.close(descriptor)
    def connectionLost(self, reason):
        print(pyreactor.stats()["transports"]["UNIX"]["received"])
        reactor.stop()

class Giving(protocol.Protocol):
    def connectionMade(self):
        self.transport.sendFileDescriptor(0)
        self.transport.write(b"x" * 100)
        self.transport.loseConnection()

pyreactor.stats()
servers = protocol.Factory.forProtocol(Taking)
clients = protocol.ClientFactory.forProtocol(Giving)
reactor.listenUNIX({str(tmp_path / "s")!r}, servers)
reactor.connectUNIX({str(tmp_path / "s")!r}, clients)
reactor.run()
"""
    ran = python("-c", text, runner=PYREACTOR)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "100\n"


def test_stats_are_printed_at_the_end_and_on_a_signal() -> None:
    """On stderr; without the option, SIGUSR2 is the program's own."""
    text = f"{ECHO}\nimport os, signal\nreactor.callLater(0, os.kill, os.getpid(), signal.SIGUSR2)"
    ran = python("-c", f"{text}\nreactor.run()", runner=(*PYREACTOR, "--stats"))
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("costliest callbacks") == 2
    assert re.search(r"^timed calls +\d+ +[\d.,]+$", ran.stderr, re.M)
    assert all(len(line) <= 80 for line in ran.stderr.splitlines())
    for by in ("signal.signal(", "reactor.callWhenRunning(signal.signal, "):
        own = f"{by}signal.SIGUSR2, print)"
        kept = f"{ECHO}\nimport signal\n{own}\nreactor.run()"
        kept += "\nassert signal.getsignal(signal.SIGUSR2) is print"
        assert python("-c", kept, runner=(*PYREACTOR, "--stats")).returncode == 0
    assert python("-c", f"{text}\nreactor.run()", runner=PYREACTOR).returncode == -signal.SIGUSR2


def test_counting_begins_anew_inside_a_finalizer_of_what_was_counted() -> None:
    """Nothing of what is counted there is left in memory once it is no more."""
    text = """if True:
        import gc, weakref
        from twisted.internet import reactor
        loop = reactor._loop

        class Counted:
            def __call__(self):
                pass

        class CountsAnew(Counted):
            def __del__(self):
                loop.count(True)
                inner = Counted()
                found.append(weakref.ref(inner))
                reactor.callLater(0, inner)
                del inner
                while reactor.getDelayedCalls():
                    reactor.iterate(0)

        found = []
        loop.count(True)
        reactor.callLater(0, CountsAnew())
        while reactor.getDelayedCalls():
            reactor.iterate(0)
        for on in SWITCHES:
            loop.count(on)
        gc.collect()
        print([one() for one in found], loop.statistics())
    """
    for switches in ((True, False), (False, False)):
        ran = python("-c", text.replace("SWITCHES", repr(switches)), runner=PYREACTOR)
        assert (ran.stdout, ran.stderr) == ("[None] None\n", "")


def test_nothing_is_counted_unless_asked() -> None:
    """The loop has no statistics then."""
    text = "from twisted.internet import reactor\nprint(reactor._loop.statistics())\n"
    text += "reactor.callLater(0, reactor.stop)\nreactor.run()\nprint(reactor._loop.statistics())"
    ran = python("-c", text, runner=PYREACTOR)
    assert ran.stdout == "None\nNone\n"


def test_many_kinds_of_callbacks_find_room_together() -> None:
    """What has no place in the table is counted as all others; nothing is lost."""
    text = """
from twisted.internet import reactor
loop = reactor._loop
loop.count(True)
for number in range(2000):
    exec(f"def f{number}(): pass\\nreactor.callLater(0, f{number})")
reactor.callLater(0.001, reactor.stop)
reactor.run()
costs, numbers = loop.statistics()
print(sum(count for kind, key, count, *_ in costs if kind in (0, 2)) >= 2001, len(costs) <= 520)
loop.count(False)
print(loop.statistics())
"""
    ran = python("-c", text, runner=PYREACTOR)
    assert ran.stdout == "True True\nNone\n", ran.stderr


def test_rates_are_of_the_time_between_two_looks() -> None:
    """The totals are of all the time."""
    times = {"seconds": 1.0, "longest": 0.5, "up_to": dict.fromkeys("abcdef", 0)}
    before = {
        "pid": 1,
        "seconds": 10.0,
        "iterations": 100,
        "working": times,
        "late": times,
        "asleep": times,
        "events": 0,
        "timed_calls": 0,
        "thread_calls": 0,
        "deferred_callbacks": 0,
        "transports": {"TCP": {"received": 1000, "sent": 1000, "open": 1}},
        "costliest": [],
    }
    now = {
        **before,
        "seconds": 12.0,
        "iterations": 300,
        "working": {**times, "seconds": 1.5},
        "transports": {"TCP": {"received": 3000, "sent": 1000, "open": 1}},
    }
    shown = statistics.text(now, before)
    assert "at work for 25.0 % of the last 2.0 s" in shown
    assert re.search(r"^iterations +300 +100\.0$", shown, re.M)
    assert re.search(r"^TCP +1 +3\.0 kB +1\.0 kB +1\.0 kB$", shown, re.M)


# -- top ----------------------------------------------------------------------------------------

SERVES = """
from twisted.internet import reactor
reactor.callLater(120, reactor.stop)
reactor.callWhenRunning(print, "running", flush=True)
reactor.run()
"""


def look(pid: int, *options: str) -> subprocess.CompletedProcess[str]:
    """Run ``pyreactor top``."""
    return python("top", *options, str(pid), runner=PYREACTOR)


def test_top_shows_a_running_process() -> None:
    """By a socket that is its user's alone, and is gone with the process."""
    command = [sys.executable, *PYREACTOR, "--top", "-c", SERVES]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "running\n"
        path = top.path_of(process.pid, os.geteuid())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        ran = look(process.pid, "--once")
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.startswith(f"pid {process.pid}, counted for ")
        screen = subprocess.Popen(
            [sys.executable, *PYREACTOR, "top", "--interval", "0.1", str(process.pid)],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert screen.stdout is not None
        pages = 0
        for line in screen.stdout:
            pages += line.startswith("\x1b[H\x1b[2J")
            if pages == 3:
                break
        screen.send_signal(signal.SIGINT)
        assert "of the last" in line
        assert screen.wait(TIMEOUT) == 0
        screen.stdout.close()
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT)
    assert not path.exists()


def test_top_shows_a_daemon_of_twistd(tmp_path: Path) -> None:
    """It offers itself after it has become one."""
    twistd = Path(sys.executable).with_name("twistd")
    options = ("--reactor=pyreactor", "--pidfile=pid", "--logfile=log")
    web = ("web", "--listen=tcp:0:interface=127.0.0.1", "--path=.")
    env = environment({"PYREACTOR_TOP": "1"})
    subprocess.run(
        [sys.executable, twistd, *options, *web], cwd=tmp_path, env=env, timeout=TIMEOUT, check=True
    )
    pid = int((tmp_path / "pid").read_text())
    try:
        wait_for(top.path_of(pid, os.geteuid()).exists, "the socket")
        ran = look(pid, "--once")
        assert ran.returncode == 0, ran.stderr + (tmp_path / "log").read_text()
        assert ran.stdout.startswith(f"pid {pid}, ")
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not is_there(pid), "the end of the daemon")


def test_top_of_what_does_not_offer_itself() -> None:
    """It says what to do."""
    ran = look(os.getpid(), "--once")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "does not offer it: start it with --top, or PYREACTOR_TOP=1" in ran.stderr
    assert "there is no process" in look(4_000_000_000).stderr
    assert python("top", runner=PYREACTOR).returncode == 2
    assert python("top", "--often", "1", runner=PYREACTOR).returncode == 2


def test_a_folder_of_others_is_not_used(tmp_path: Path) -> None:
    """Nor one that others may enter."""
    folder = tmp_path / "folder"
    top._make_folder(folder)
    top._make_folder(folder)
    folder.chmod(0o755)
    with pytest.raises(OSError, match="is not a folder of this user's alone"):
        top._make_folder(folder)
    link = tmp_path / "link"
    folder.chmod(0o700)
    link.symlink_to(folder)
    with pytest.raises(OSError, match="is not a folder of this user's alone"):
        top._make_folder(link)


# -- prometheus_client --------------------------------------------------------------------------


def test_metrics_are_collected() -> None:
    """By prometheus_client's conventions, as its own text format shows."""
    pytest.importorskip("prometheus_client")
    text = ECHO.replace("print(json.dumps(pyreactor.stats()))", "print(exposed())")
    text += """
from prometheus_client import CollectorRegistry, generate_latest
registry = CollectorRegistry()
registry.register(pyreactor.prometheus_collector())
exposed = lambda: generate_latest(registry).decode()
reactor.run()
"""
    ran = python("-c", text, runner=PYREACTOR)
    assert ran.returncode == 0, ran.stderr
    for line in (
        r"pyreactor_thread_calls_total 1\.0",
        r'pyreactor_sent_bytes_total\{kind="TCP"\} 40000\.0',
        r'pyreactor_transports\{kind="UDP"\} 1\.0',
        r'pyreactor_iteration_seconds_bucket\{le="\+Inf"\} [\d.]+',
        r"pyreactor_iteration_seconds_sum [\d.e-]+",
    ):
        assert re.search(f"^{line}$", ran.stdout, re.M), ran.stdout


def test_metrics_are_served(tmp_path: Path) -> None:
    """On a port of 127.0.0.1, which an environment variable says."""
    pytest.importorskip("prometheus_client")
    port = free_port()
    command = [sys.executable, *PYREACTOR, "-c", SERVES]
    env = environment({"PYREACTOR_PROMETHEUS": str(port)})
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "running\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=TIMEOUT) as answer:
            assert b"pyreactor_events_total" in answer.read()
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT)


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    """On stderr; the program runs."""
    text = "from twisted.internet import reactor\nreactor.callLater(0, reactor.stop)\nreactor.run()"
    ran = python("-c", text, runner=PYREACTOR, env={"PYREACTOR_PROMETHEUS": "everywhere"})
    assert ran.returncode == 0
    assert ran.stderr == "pyreactor: PYREACTOR_PROMETHEUS: 'everywhere' is neither 1 nor a port\n"
    (tmp_path / "prometheus_client.py").write_text("raise ImportError('it is broken')")
    path = os.pathsep.join([str(tmp_path), str(CHECKOUT)])
    env = {"PYREACTOR_PROMETHEUS": "1", "PYTHONPATH": path}
    ran = python("-c", text, runner=PYREACTOR, env=env)
    assert (ran.returncode, ran.stderr) == (0, "pyreactor: PYREACTOR_PROMETHEUS: it is broken\n")
