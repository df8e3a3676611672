"""Pseudo-terminals, standard I/O, serial ports: the same on stock and here, and in C."""

from __future__ import annotations

import json

import pytest

from tests.both import check_same_on_both, each_of
from tests.support import PYREACTOR, check, python

CASES = [
    *(
        ("terminals.py", (case,), point)
        for case, point in {
            "one_mib_both_ways": "intact True",
            "streaming_producer": "paused True resumed True",
            "pull_producer": "intact True",
            "paused": "after 200000",
            "window_size": "size [b'33', b'77']",
            "killed": "ended None 9",
            "lose_connection": "taken True",
            "lose_in_callback": "calls 1",
            "iterate_in_callback": "deepest 2",
            "callback_raises": "logged RuntimeError",
            "own_class": "Telling",
            "hang_up_reading": "lost ConnectionDone",
            "hang_up_writing": "lost ConnectionDone",
            "hang_up_paused_and_writing": "lost ConnectionLost",
            "hang_up_paused_then_writing": "lost ConnectionLost",
            "hang_up_with_more_to_read": "lost ConnectionLost",
            "hang_up_then_writing": "ended 6 None",
            "given_terminal": "name True",
            "replaced": "['class read', 'class write', 'own read', 'own write']",
            "refused": "Using childFDs is not supported",
            "released": "alive 0 of 8",
        }.items()
    ),
    *(
        ("standard_io_cases.py", (case,), point)
        for case, point in {
            "one_mib_both_ways": "intact True",
            "lines": "lines 50004 ConnectionDone",
            "peer_stops_reading": "write lost",
            "peer_stops_reading_with_data_queued": "write lost",
            "lose_write_connection": "write lost",
            "lose_connection": "sent 1048576 True",
            "lose_in_callback": "b'good bye'",
            "callback_raises": "logged RuntimeError",
            "iterate_in_callback": "inside b'firstsecond' b'first'",
            "another_protocol": "received 6 b'second'",
            "streaming_producer": "paused True resumed True",
            "pull_producer": "sent 1048576 True",
            "producer_is_stopped": "stopped",
            "paused": "before b''",
            "sockets": "read lost",
            "one_descriptor": "write b''",
            "two_on_one": "b'who gets this?' b''",
            "another_reader": "own read b'second'",
            "terminal_hangs_up": "read lost",
            "terminal_hangs_up_whole": "lost ConnectionDone",
            "main_side_hangs_up": "lost ConnectionDone",
            "main_side_hangs_up_with_data_queued": "write lost",
            "files": "intact True",
            "file_paused": "intact True True",
            "made_blocking": "taken b'more'",
            "made_blocking_for_a_thread": "taken True",
            "made_blocking_and_interrupted": "heard",
            "reactor_that_passes_on": "'removeWriter'",
            "classes_put_back": "ProcessReader twisted.internet.process True",
            "full_device": "write lost",
            "closed": "[Errno 9] Bad file descriptor",
            "own_classes": "own writeSomeData b'answer'",
            "released": "alive 0 of 40",
        }.items()
    ),
    *(
        ("serial_port_cases.py", (case,), point)
        for case, point in {
            "lines": "115200 b'kept'",
            "strings": "string b'abc'",
            "own_classes": "context own prefix",
            "opened_anew": "b'first second' b'answer'",
            "opened_anew_on_the_same_number": "same number True",
            "opened_anew_while_reading": "b'first second'",
            "own_watching": "b'answer' ['instance']",
            "own_attribute": "mine b'hello'",
            "hang_up_idle": "lost ConnectionDone b''",
            "hang_up_writing": "lost ConnectionDone b''",
            "hang_up_paused": "still open",
            "hang_up_paused_then_writing": "lost ConnectionLost b''",
            "lose_in_callback": "b'good bye'",
            "callback_raises": "logged RuntimeError",
            "producer": "paused True resumed True",
            "released": "alive 0 of 10",
        }.items()
    ),
]


@each_of(CASES)
def test_same_on_both(program: str, arguments: tuple[str, ...], point: str) -> None:
    check_same_on_both(program, arguments, point)


def test_pseudo_terminals_are_in_c() -> None:
    """Unless a program put its own class in the place of Twisted's."""
    assert check(
        """
import pyreactor; pyreactor.install()
from twisted.internet import process, protocol, reactor
from pyreactor import _core

class Teller(protocol.ProcessProtocol):
    def connectionMade(self):
        print(type(self.transport).__name__, isinstance(self.transport, process.PTYProcess),
              isinstance(self.transport, _core.FileStream))

    def processEnded(self, reason):
        if process.PTYProcess is not stock:
            return reactor.stop()
        class Own(process.PTYProcess): ...
        process.PTYProcess = Own
        start()

def start():
    reactor.spawnProcess(Teller(), "/bin/true", ["true"], {}, usePTY=True)

stock = process.PTYProcess
start()
reactor.run()
"""
    ) == ("PTYProcess True True\nOwn True False\n")


STDIO_IN_C = "pyreactor._transport.stdio"
STDIO = """
import os, sys
from twisted.internet import process, protocol

def kinds(transport):
    return [type(pipe).__module__ for pipe in (transport._reader, transport._writer)]

def once(make, **options):
    stdin, stdout = os.pipe()
    return kinds(make(protocol.Protocol(), stdin, stdout, **options))
"""


def test_standard_io_is_in_c() -> None:
    """Whether its class was imported, or derived from, before or after activation."""
    assert check(
        STDIO
        + """
from twisted.internet.stdio import StandardIO as before
class Derived(before): ...
import pyreactor; pyreactor.install()
from twisted.internet.stdio import StandardIO
print(StandardIO is before, *once(before), *once(Derived))
stock, process.ProcessReader = process.ProcessReader, type("Own", (process.ProcessReader,), {})
print(*once(before))
process.ProcessReader = stock
print(*once(before))
"""
    ) == (
        f"True {STDIO_IN_C} {STDIO_IN_C} {STDIO_IN_C} {STDIO_IN_C}\n"
        f"__main__ {STDIO_IN_C}\n"
        f"{STDIO_IN_C} {STDIO_IN_C}\n"
    )


@pytest.mark.parametrize(
    ("reactor", "env"),
    [
        ("epollreactor.EPollReactor()", {}),
        ("Double()", {}),
        ("epollreactor.EPollReactor()", {"PYREACTOR_DISABLE": "reactor"}),
    ],
)
def test_standard_io_is_stock_on_other_reactors(reactor: str, env: dict[str, str]) -> None:
    """Those of Twisted, test doubles, and where the part is switched off."""
    assert (
        check(
            STDIO
            + f"""
import pyreactor; pyreactor.install()
from twisted.internet import epollreactor
from twisted.internet.stdio import StandardIO

class Double:
    def __getattr__(self, name):
        return lambda *args: None

print(*once(StandardIO, reactor={reactor}))
""",
            env=env,
        )
        == "twisted.internet.process twisted.internet.process\n"
    )


SERIAL = """
import os, pty, tty
from twisted.internet import protocol

def once(make, reactor):
    main, other = pty.openpty()
    tty.setraw(main)
    tty.setraw(other)

    class Echo(protocol.Protocol):
        def dataReceived(self, data):
            self.transport.write(data.upper())
            self.transport.loseConnection()

        def connectionLost(self, reason):
            print(reason.type.__name__)
            reactor.stop()

    port = make(Echo(), os.ttyname(other), reactor)
    os.write(main, b"hello")
    reactor.run()
    print(os.read(main, 100))
    return port
"""


@pytest.mark.parametrize("first", ["hook.activate()", "from twisted.internet import serialport"])
@pytest.mark.parametrize(
    "install",
    [
        "pass",
        "asyncio.set_event_loop(asyncio.new_event_loop()); asyncioreactor.install()",
    ],
)
def test_serial_ports_are_in_c(first: str, install: str) -> None:
    """On any reactor; a class that was derived from Twisted's before activation stays stock."""
    assert (
        check(
            SERIAL
            + f"""
import asyncio, sys
from pyreactor import _core
from pyreactor._activation import hook
{first}
stock = getattr(sys.modules.get("twisted.internet.serialport"), "SerialPort", None)
hook.activate()
from twisted.internet import asyncioreactor
{install}
from twisted.internet import reactor, serialport

class Derived(serialport.SerialPort): ...

port = once(Derived, reactor)
print(isinstance(port, _core.FileStream), isinstance(port, stock or serialport.SerialPort))
print(issubclass(serialport.SerialPort, _core.FileStream), serialport.SerialPort.__module__)
"""
        )
        == "ConnectionDone\nb'HELLO'\nTrue True\nTrue twisted.internet._posixserialport\n"
    )


def test_serial_ports_stay_stock_where_the_part_is_switched_off() -> None:
    assert (
        check(
            """
import pyreactor; pyreactor.install()
from pyreactor import _core
from twisted.internet import serialport
print(issubclass(serialport.SerialPort, _core.StreamConnection))
""",
            env={"PYREACTOR_DISABLE": "reactor"},
        )
        == "False\n"
    )


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("", False),
        ("from twisted.internet import _posixstdio, process; _posixstdio.process = process", True),
    ],
)
def test_doctor_tells_whether_standard_io_is_in_c(spoil: str, told: bool) -> None:
    result = python(
        "-c",
        "import pyreactor; pyreactor.install()\n"
        f"{spoil}\n"
        "from pyreactor._command.doctor import doctor; doctor(as_json=True)",
    )
    part = json.loads(result.stdout)["parts"]["reactor"]
    assert part["c"]
    assert ("not in C: StandardIO" in part["reason"]) == told


def test_a_forked_child_leaves_the_terminal_to_its_parent() -> None:
    """A child of the program itself, not of its terminal, changes nothing for the parent."""
    program = """
import os
from twisted.internet import protocol, reactor

class Terminal(protocol.ProcessProtocol):
    received = b""

    def childDataReceived(self, fd, data):
        self.received += data
        if self.received == b"ready":
            if os.fork() == 0:
                self.transport.write(b"from the child")
                for _ in range(3):
                    reactor.iterate(0.01)
                os._exit(0)
            os.wait()
            self.transport.write(b"x")

    def processEnded(self, reason):
        print(self.received[:5], reason.value.exitCode)
        reactor.stop()

command = "stty raw -echo; printf ready; head -c 15 >/dev/null; exit 9"
reactor.spawnProcess(Terminal(), "/bin/sh", ["sh", "-c", command], os.environ, usePTY=True)
reactor.run()
"""
    result = python("-c", program, runner=PYREACTOR)
    assert (result.stdout, result.stderr) == ("b'ready' 9\n", "")


def test_standard_output_that_is_closed_is_told() -> None:
    """Stock raises this out of write(); here it is logged when the bytes should go."""
    program = """
import os
from twisted.internet import protocol, reactor, stdio
from twisted.python import log

def told(event):
    if event["isError"]:
        print(event["failure"].value, flush=True)
        os._exit(0)

log.addObserver(told)
stdin, to = os.pipe()
back, stdout = os.pipe()
transport = stdio.StandardIO(protocol.Protocol(), stdin, stdout)
reactor.callLater(0.01, os.close, stdout)
reactor.callLater(0.02, transport.write, b"lost")
reactor.callLater(60, reactor.stop)
reactor.run()
"""
    result = python("-c", program, runner=PYREACTOR)
    assert result.stdout == "[Errno 9] Bad file descriptor\n"
