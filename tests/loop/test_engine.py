"""The libuv loop below the reactor: its descriptors, and what runs above its functions."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import PROGRAMS, PYREACTOR, STOCK, TIMEOUT, check, environment, outcome, python

STOP_SOON = """if True:
    import os, sys
    from twisted.internet import reactor
    reactor.callLater(0.05, reactor.stop)
    reactor.run()
    report = os.open("report", os.O_WRONLY | os.O_CREAT)
    os.write(report, b"stopped")
"""

FORK_AND_STOP = """if True:
    import os
    from twisted.internet import reactor
    reactor.iterate(0)
    for generation in range(3):
        if os.fork():
            os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
        reactor.iterate(0)
    reactor.callLater(0.05, reactor.stop)
    reactor.run()
    report = os.open("report", os.O_WRONLY | os.O_CREAT)
    os.write(report, b"stopped")
    os._exit(0)
"""


@pytest.mark.parametrize("program", [STOP_SOON, FORK_AND_STOP], ids=["alone", "forks"])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_standard_descriptors(closed: str, program: str, tmp_path: Path) -> None:
    """libuv refuses to close one of the standard descriptors: it must not get one."""
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, *PYREACTOR, "program.py"]
    result = subprocess.run(
        ["sh", "-c", f"exec {shlex.join(command)} {closed}"],
        cwd=tmp_path,
        env=environment(),
        timeout=TIMEOUT,
        check=False,
    )
    assert result.returncode == 0
    assert (tmp_path / "report").read_bytes() == b"stopped"


def test_no_descriptor_before_the_first_use() -> None:
    """The reactor can be imported before a program closes or counts its descriptors."""
    count = "len(os.listdir('/proc/self/fd'))"
    code = f"""if True:
        import os
        import twisted.internet.default, twisted.internet.tcp, twisted.python.log
        import pyreactor.reactor
        before = {count}
        from twisted.internet import reactor
        timed = reactor.callLater(10, int)
        reactor.callFromThread(int)
        print({count} - before)
        reactor.iterate(0)
        print({count} > before)
        """
    assert check(code, runner=PYREACTOR) == "0\nTrue\n"


LOST = [
    *("imported", "opened", "running", "thread", "child"),
    *("imported reuse", "opened reuse", "running reuse", "thread reuse", "child reuse"),
    "own",
]


@pytest.mark.parametrize("when", LOST)
def test_lost_descriptors(when: str) -> None:
    """
    All descriptors were closed: connections that are made later work as ever.

    Stock's epoll is gone for good, and says so in each iteration.
    """
    result = python(PROGRAMS / "lost_descriptors.py", *when.split(), runner=PYREACTOR)
    # What Twisted's own objects had open is theirs to miss, at the end.
    assert result.returncode in (0, 1), result.stderr
    assert "echoed b'hello'" in result.stdout, result.stderr
    assert "somebody wrote" not in result.stdout


READER = """if True:
    import os, select, socket
    from twisted.internet import protocol, reactor
    from twisted.python import log

    class Reader:
        def __init__(self, fd):
            self.fd = fd
        def fileno(self):
            return self.fd
        def logPrefix(self):
            return "reader"
        def doRead(self):
            print("read", os.read(self.fd, 10))
            reactor.stop()
        def connectionLost(self, reason):
            pass

    def queues():
        names = ["/proc/self/fd/" + name for name in os.listdir("/proc/self/fd")]
        return [name for name in names if os.path.lexists(name) and "poll]" in os.readlink(name)]
"""


def test_numbers_of_closed_readers_become_the_engines_own() -> None:
    """Readers that were closed with all else are forgotten; the others are heard of at once."""
    code = """
    def close():
        os.closerange(3, 40)
        os.write(theirs, b"x")

    ours, theirs = (os.dup2(end, number) for end, number in zip(os.pipe(), (40, 41)))
    reactor.addReader(Reader(ours))
    os.closerange(3, 40)
    for number in range(3, 20):
        reactor.addReader(Reader(os.dup2(ours, number)))
    reactor.callWhenRunning(reactor.callLater, 0, close)
    reactor.callLater(60, print, "late")
    reactor.callLater(60, os._exit, 1)
    reactor.run(installSignalHandlers=False)
    print(len(queues()))
    """
    assert check(READER + code, runner=PYREACTOR) == "read b'x'\n1\n"


def test_another_queue_that_took_the_number_of_the_engines() -> None:
    """In the middle of events, without a question to the kernel: it is not tampered with."""
    code = (
        READER
        + """
    def pipe_with_data():
        read, write = os.pipe()
        os.write(write, b"data")
        return read

    class Taking(Reader):
        def doRead(self):
            os.read(self.fd, 10)
            reactor.removeReader(self)
            os.dup2(other.fileno(), number)

    last, write = os.pipe()
    reactor.addReader(Reader(last))
    (queue,) = queues()
    number = int(queue.rpartition("/")[2])
    other, ready = select.epoll(), pipe_with_data()
    other.register(ready, select.EPOLLIN)
    reactor.addReader(Taking(pipe_with_data()))
    reactor.callLater(0.1, os.write, write, b"last")
    reactor.run()
    print(other.poll(0) == [(ready, select.EPOLLIN)])
    """
    )
    assert check(code, runner=PYREACTOR) == "read b'last'\nTrue\n"


def test_what_was_to_be_stopped_when_the_process_forked() -> None:
    """A child does not watch on what its parent had just given up."""
    code = """
    class Paused(protocol.Protocol):
        transport = None
        def connectionMade(self):
            self.transport.pauseProducing()

    paused = Paused()
    factory = protocol.Factory()
    factory.buildProtocol = lambda address: paused
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    client = socket.create_connection(("127.0.0.1", port.getHost().port))
    while paused.transport is None:
        reactor.iterate(0.01)
    client.send(b"nobody wants this")
    select.select([paused.transport.fileno()], [], [])
    reactor.iterate(0)
    if os.fork() == 0:
        for _ in range(3):
            reactor.iterate(0)
        [queue] = queues()
        ready, _, _ = select.select([int(os.path.basename(queue))], [], [], 0)
        print("busy" if ready else "sleeps", flush=True)
        os._exit(0)
    os.wait()
    """
    assert check(READER + code, runner=PYREACTOR) == "sleeps\n"


def test_a_child_that_has_no_descriptor_left() -> None:
    """
    With any number of them: the loop keeps none of those that it cannot use.

    It closes its parent's, and makes do with these; where it gets none at all it says so, and
    goes on once it does.
    """
    code = """
    import errno, resource
    reactor.callLater(1000, int)
    reactor.iterate(0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def opened():
        return {fd for fd in range(100) if os.path.exists(f"/proc/self/fd/{fd}")}

    before = opened()
    for limit in (3, *(max(before) + more for more in range(1, 9))):
        if os.fork():
            assert os.wait()[1] == 0
            continue
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        failed = None
        try:
            reactor.doIteration(0)
        except OSError as error:
            failed = error.errno
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        called = []
        reactor.callLater(0, called.append, 1)
        while not called:
            reactor.iterate(0.01)
        more = len(opened()) - len(before)
        print(limit == 3, failed == errno.EMFILE, more, len(queues()), flush=True)
        os._exit(0)
    """
    told = check(READER + code, runner=PYREACTOR).splitlines()
    assert told == ["True True 0 1", *["False False 0 1"] * 8]


def test_an_error_of_the_kernels_does_not_wait_for_an_event() -> None:
    """Of one queue below too many others, libuv hears that only when it is to poll."""
    code = """
    def observe(event):
        if event.get("isError"):
            print(event["failure"].value.strerror, reactor.seconds() < timer.getTime())
            reactor.stop()

    below = [select.epoll()]
    for _ in range(4):
        below.append(select.epoll())
        below[-1].register(below[-2].fileno(), select.EPOLLIN)
    log.startLoggingWithObserver(observe, setStdout=False)
    timer = reactor.callLater(60, int)
    reactor.callWhenRunning(reactor.callLater, 0, reactor.addReader, Reader(below[-1].fileno()))
    reactor.run()
    """
    assert check(READER + code, runner=PYREACTOR) == "Too many levels of symbolic links True\n"


def test_descriptors_closed_by_a_thread_while_they_are_added() -> None:
    """However close the closing comes: libuv is told of none that the kernel refuses."""
    output = check(
        """if True:
        import os, threading
        from twisted.internet import reactor

        class End:
            def __init__(self, fd):
                self.fd = fd
            def fileno(self):
                return self.fd
            def logPrefix(self):
                return "end"
            def doRead(self):
                reactor.removeReader(self)
            def connectionLost(self, reason):
                pass

        closing, done = [], threading.Event()

        def close():
            while not done.is_set():
                if closing:
                    os.close(closing.pop())

        thread = threading.Thread(target=close)
        thread.start()
        for _ in range(3000):
            ends = os.pipe()
            closing.append(ends[0])
            end = End(ends[0])
            try:
                reactor.addReader(end)
            except OSError:
                pass  # already
            reactor.iterate(0)
            reactor.removeReader(end)
            os.close(ends[1])
        done.set()
        thread.join()
        print("survived")
        """,
        runner=PYREACTOR,
    )
    assert output == "survived\n"


@pytest.mark.parametrize("side", [STOCK, PYREACTOR], ids=["stock", "pyreactor"])
def test_no_python_code_above_libuv(side: tuple[str, ...]) -> None:
    """libuv's functions have returned when a callback runs: it may switch C stacks."""
    code, output, errors = outcome(python(PROGRAMS / "frames_below.py", runner=side))
    assert (code, errors) == (0, "")
    assert len(output.splitlines()) == 12
    assert {line.partition(" ")[2] for line in output.splitlines()} == {"fine"}


def test_more_ready_than_libuv_reports_at_once() -> None:
    """Each of 1,500 readable pipes is read once, in the order in which they became so."""
    output = check(
        """if True:
        import os, resource
        from twisted.internet import reactor

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

        class End:
            def __init__(self, number):
                self.number = number
                self.fd, self.other = os.pipe()
            def fileno(self):
                return self.fd
            def logPrefix(self):
                return "end"
            def doRead(self):
                read.append(self.number)
                os.read(self.fd, 10)
            def connectionLost(self, reason):
                pass

        ends, read = [End(number) for number in range(1500)], []
        for end in ends:
            reactor.addReader(end)
        reactor.iterate(0)
        for turn in range(3):
            for end in ends:
                os.write(end.other, b"x")
            for _ in range(4):
                reactor.iterate(0)
            print(read == list(range(1500)))
            read.clear()
        """,
        runner=PYREACTOR,
    )
    assert output == "True\n" * 3
