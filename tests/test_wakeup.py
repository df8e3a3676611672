"""A call from a thread ends the loop's sleep, at whatever moment it comes."""

from __future__ import annotations

from tests.support import PYREACTOR, check


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
                woken += called.wait(3)
                if woken == 0:
                    break
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
