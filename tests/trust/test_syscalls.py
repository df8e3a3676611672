"""Each system call fails with each errno: connections end as on stock, and the loop goes on."""

from __future__ import annotations

import errno
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support import CHECKOUT, PYREACTOR, STOCK, python

#: Where stock hears of the same fault: C makes other calls in other orders, or once more.
SAME = ["receive", "send"]
#: How a connection that had a fault may end, whichever that was.
ENDS = {"ConnectionDone", "ConnectionLost", "ConnectError", "TimeoutError", "UnknownHostError"}
ENDS |= {"ConnectionRefusedError", "NoRouteError", "TCPTimedOutError", "ConnectBindError"}


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment that has the library loaded."""
    library = tmp_path_factory.mktemp("shim") / "syscalls.so"
    source = CHECKOUT / "tests" / "trust" / "syscalls.c"
    command = ["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", str(source), "-o", str(library), "-ldl"]
    subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(Path(library))}


def heard(shim: dict[str, str], kind: str, functions: list[str], stock: bool = False) -> list[str]:
    """What the program tells, which has to come to its end."""
    runner = STOCK if stock else PYREACTOR
    result = python("-m", "tests.trust.syscalls", kind, *functions, runner=runner, env=shim)
    assert result.returncode == 0, result.stdout[-1000:] + result.stderr[-3000:]
    lines = result.stdout.splitlines()
    assert lines[-1] == "done"
    return lines[:-1]


@pytest.mark.parametrize("function", SAME)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_ends_are_those_of_stock(kind: str, function: str, shim: dict[str, str]) -> None:
    expected = heard(shim, kind, [function], stock=True)
    assert len(expected) > 15
    assert heard(shim, kind, [function]) == expected


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_socket_without_options_is_as_on_stock(kind: str, shim: dict[str, str]) -> None:
    expected = heard(shim, kind, ["getsockopt"], stock=True)
    assert heard(shim, kind, ["getsockopt"])[: len(expected)] == expected


@pytest.mark.parametrize("function", ["accept", "connect", "others"])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_each_connection_ends_once(kind: str, function: str, shim: dict[str, str]) -> None:
    several = {"others": ["setsockopt", "shutdown", "epoll_wait", "close"]}
    lines = heard(shim, kind, several.get(function, [function]))
    assert len(lines) > 3
    for line in lines:
        fault, _, ends = line.partition(": ")
        said = set(ends.replace(";", "").replace(",", " ").split())
        assert said - {"client", "server", "failed", "True", "False"} <= ENDS, line
        if " EINTR " in fault and function != "connect":
            assert ends == lines[0].partition(": ")[2], line


def test_a_descriptor_that_the_kernel_does_not_watch(shim: dict[str, str]) -> None:
    """The port raises it, a client fails, and a server's connection is closed at once."""
    lines = heard(shim, "tcp", ["epoll_ctl"])
    assert len(lines) == 7
    for line in lines:
        said = set(line.partition(": ")[2].replace(";", "").split())
        assert said - {"client", "server", "failed", "True", "False", "OSError"} <= ENDS, line


def test_a_descriptor_that_the_kernel_gives_up_later(shim: dict[str, str]) -> None:
    """What is asked for besides is refused: the selectable ends with the errno."""
    code = """if True:
        import ctypes, errno, socket
        from twisted.internet import reactor

        class End:
            def __init__(self):
                self.end, self.other = socket.socketpair()
            def fileno(self):
                return self.end.fileno()
            def logPrefix(self):
                return "end"
            def doWrite(self):
                print("writes")
            def connectionLost(self, reason):
                print("lost", reason.type.__name__, errno.errorcode[reason.value.errno])

        end = End()
        reactor.addReader(end)
        reactor.iterate(0)
        reactor.addWriter(end)
        # The call before tells whether the queue is the loop's.
        ctypes.CDLL(None).fault_arm(b"epoll_ctl", errno.ENOMEM, 2, 0)
        reactor.iterate(0)
        print(end in reactor.getReaders() + reactor.getWriters())
    """
    result = python("-c", code, runner=PYREACTOR, env=shim)
    assert (result.stdout, result.stderr) == ("lost OSError ENOMEM\nFalse\n", "")


def test_a_look_at_the_queue_for_which_there_is_no_memory(shim: dict[str, str]) -> None:
    """The queue is the loop's all the same: no other one is made, which would cost descriptors."""
    code = """if True:
        import ctypes, errno, os
        from twisted.internet import reactor

        reactor.iterate(0)
        before = os.listdir("/proc/self/fd")
        for _ in range(3):
            reactor.callLater(0.01, int)
            ctypes.CDLL(None).fault_arm(b"epoll_ctl", errno.ENOMEM, 1, 0)
            reactor.iterate(1)
            print(ctypes.CDLL(None).fault_disarm(), os.listdir("/proc/self/fd") == before)
    """
    result = python("-c", code, runner=PYREACTOR, env=shim)
    assert (result.stdout, result.stderr) == ("1 True\n" * 3, "")


def test_datagrams(shim: dict[str, str]) -> None:
    """Ports receive again after each error."""
    assert len(heard(shim, "udp", ["receive"])) > 15
    assert len(heard(shim, "udp", ["send", "epoll_wait", "close"])) > 15


@pytest.mark.parametrize("side", [STOCK, PYREACTOR])
def test_a_signal_that_closes_a_port_while_it_sends(
    side: tuple[str, ...], shim: dict[str, str]
) -> None:
    """Nothing is sent by the number, which is another file's by then."""
    code = """if True:
        import ctypes, errno, os, signal, socket
        from twisted.internet import protocol, reactor

        port = reactor.listenUDP(0, protocol.DatagramProtocol(), interface="127.0.0.1")
        port.connect("127.0.0.1", port.getHost().port)
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        other.setblocking(False)

        def close(*_):
            number = port.fileno()
            port.socket.close()
            os.dup2(one.fileno(), number)

        signal.signal(signal.SIGUSR1, close)
        shim = ctypes.CDLL(None)
        shim.fault_signal(signal.SIGUSR1)
        shim.fault_arm(b"send", errno.EINTR, 1, 0)
        try:
            port.write(b"hello")
        except OSError as error:
            print(error)
        print(bool(shim.fault_disarm()))
        try:
            print(other.recv(100))
        except BlockingIOError:
            print("nothing")
    """
    result = python("-c", code, runner=side, env=shim)
    expected = "[Errno 9] Bad file descriptor\nTrue\nnothing\n"
    assert (result.stdout, result.stderr) == (expected, "")


@pytest.mark.parametrize("function", ["read", "write"])
def test_pipes_of_a_process(function: str, shim: dict[str, str]) -> None:
    """
    Each pipe ends once, and the process; what passes does no harm.

    How much goes through a pipe at once depends on when the process comes to read: later calls are
    others on stock.
    """
    expected = heard(shim, "pipe", [function], stock=True)
    lines = heard(shim, "pipe", [function])
    firsts = [[line for line in one if " 1: " in line] for one in (expected, lines)]
    assert len(firsts[0]) > 6
    assert firsts[1] == firsts[0]
    for line in lines:
        fault, _, ends = line.partition(": ")
        assert re.fullmatch("0 1 2, (True|False) (ProcessDone|ProcessTerminated)", ends), line
        if "EAGAIN" in fault or "EINTR" in fault:
            assert ends == "0 1 2, True ProcessDone", line


def test_files(shim: dict[str, str]) -> None:
    """What sendfile does not send is read and written, as by stock."""
    lines = heard(shim, "file", ["sendfile"])
    assert len(lines) > 8
    assert {line.partition(": ")[2] for line in lines} == {"HTTP/1.1 200 OK, whole True"}


def test_a_file_of_which_the_socket_takes_a_part(shim: dict[str, str]) -> None:
    """It is not asked again at once: that would take an error that the next read has to meet."""
    code = """if True:
        import ctypes, errno, os, socket, tempfile
        from twisted.internet import protocol, reactor
        from twisted.protocols.basic import FileSender
        from twisted.web import static

        class Sender(protocol.Protocol):
            def connectionMade(self):
                option = socket.SOL_SOCKET, socket.SO_SNDBUF, 10_000
                self.transport.getHandle().setsockopt(*option)
                shim = ctypes.CDLL(None)
                for number in 1, 2:
                    sender = FileSender()
                    shim.fault_arm(b"sendfile", errno.EAGAIN, number, 0)
                    sender.beginFileTransfer(file, self.transport).addErrback(lambda _: None)
                    print("more than", number - 1, bool(shim.fault_disarm()))
                    self.transport.unregisterProducer()
                reactor.stop()

        with tempfile.TemporaryFile() as made:
            made.truncate(20_000_000)
            file = open(made.fileno(), "rb", closefd=False)
            factory = protocol.Factory.forProtocol(Sender)
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")
            client = socket.create_connection(("127.0.0.1", port.getHost().port))
            reactor.run()
            client.close()
    """
    result = python("-c", code, runner=PYREACTOR, env=shim)
    assert (result.stdout, result.stderr) == ("more than 0 True\nmore than 1 False\n", "")


def test_beginnings(shim: dict[str, str]) -> None:
    """A reactor without a kernel queue or a wake-up raises that, and another one works."""
    well, *lines = heard(shim, "start", ["epoll_create1", "eventfd"])
    assert well == "well: well"
    assert len(lines) >= 7
    for line in lines:
        fault, _, ends = line.partition(": ")
        number = getattr(errno, fault.split()[1])
        assert ends == f"raised OSError: [Errno {number}] {os.strerror(number)}"
