"""What a thread does ends the loop's sleep, at whatever moment it comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import PROGRAMS, PYREACTOR, STOCK, check, outcome, python


def test_wake_up_while_the_loop_falls_asleep() -> None:
    """
    The thread asks for the GIL while a function in C holds it, so it gets it at the very
    moment the loop gives it up to sleep, and calls before the loop sleeps.
    """
    output = check(
        """if True:
        import threading, time
        from twisted.internet import reactor

        def work():
            woken = 0
            for _ in range(30):
                reactor.callFromThread(reactor.callLater, 0.01, sum, range(1_000_000))
                time.sleep(0.012)
                called = threading.Event()
                reactor.callFromThread(called.set)
                if not called.wait(20):
                    break
                woken += 1
            print(woken)
            # Two calls: should the first one get lost, the process must end all the same.
            reactor.callFromThread(reactor.stop)
            time.sleep(0.1)
            reactor.callFromThread(int)

        reactor.callWhenRunning(threading.Thread(target=work).start)
        reactor.run()
        """,
        runner=PYREACTOR,
    )
    assert output == "30\n"


@pytest.mark.parametrize("side", [STOCK, PYREACTOR])
def test_a_thread_iterates_while_the_loop_sleeps(side: tuple[str, ...]) -> None:
    """The sleeper is woken all the same by what comes after that."""
    output = check(
        """if True:
        import threading, time
        from twisted.internet import reactor

        def work():
            time.sleep(0.2)
            reactor.iterate(0)
            time.sleep(0.2)
            reactor.callFromThread(reactor.stop)

        reactor.callWhenRunning(threading.Thread(target=work).start)
        reactor.run()
        print("ended")
        """,
        runner=side,
    )
    assert output == "ended\n"


FORGIVEN_BY_STOCK = [
    (("write",), "write b'hello'"),
    (("write", "unix"), "write b'hello'"),
    (("writeSequence",), "writeSequence b'hello'"),
    (("registerProducer",), "registerProducer b'hello'"),
    (("loseConnection",), "loseConnection b''"),
    (("pauseProducing",), "nothing was received"),
    (("resumeProducing",), "received b'hello'"),
    (("stdin",), "child said b\"'hello'\\n\""),
    (("closeStdin",), "child said b\"''\\n\""),
    (("addReader",), "readable b'hello'"),
    (("addWriter",), "writable"),
    (("listenTCP",), "received b'hello'"),
    (("listenUDP",), "datagram b'hello'"),
]

# Stock notices these when something else happens.
NOTICED_HERE = [
    (("abortConnection",), "abortConnection ConnectionResetError"),
    (("callLater",), "called"),
    (("abortConnection",), "abortConnection ConnectionResetError"),
    (("reset",), "called early"),
    (("connectTCP",), "connected"),
    (("stopListening",), "refused"),
    (("stop",), ""),
]


@pytest.mark.parametrize(
    ("side", "arguments", "line"),
    [
        *((STOCK, *case) for case in FORGIVEN_BY_STOCK),
        *((PYREACTOR, *case) for case in FORGIVEN_BY_STOCK + NOTICED_HERE),
    ],
)
def test_what_another_thread_does(
    side: tuple[str, ...], arguments: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    """The reactor sleeps, and nothing but what the thread does ends that."""
    result = python(PROGRAMS / "from_another_thread.py", *arguments, runner=side, cwd=tmp_path)
    assert outcome(result) == (0, "\n".join(filter(None, [line, "ended"])) + "\n", "")


def test_a_wake_up_that_cannot_be_sent_is_none() -> None:
    """The next one is sent, where the loop has its descriptor again."""
    code = """if True:
        import os, threading, time
        from twisted.internet import reactor

        def number_of(kind):
            for name in os.listdir("/proc/self/fd"):
                try:
                    if kind in os.readlink(f"/proc/self/fd/{name}"):
                        return int(name)
                except OSError:
                    pass

        def work():
            while number_of("eventfd") is None:
                time.sleep(0.01)
            time.sleep(0.2)  # it falls asleep
            wake = number_of("eventfd")
            kept = os.dup(wake)
            os.close(wake)
            reactor.callFromThread(int)
            os.dup2(kept, wake)
            reactor.callFromThread(reactor.stop)
            time.sleep(20)
            os._exit(1)

        reactor.callWhenRunning(threading.Thread(target=work, daemon=True).start)
        reactor.run()
        print("stopped")
        """
    assert check(code, runner=PYREACTOR) == "stopped\n"
