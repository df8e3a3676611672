"""What stands where stock's reactor has its ``select.epoll``."""

from __future__ import annotations

from pyreactor import _core


class Poller:
    """
    Sleeps, for a program that puts an object of its own around it to tell sleep from work.

    Synapse does so.  As long as nothing is put there, the loop sleeps without it.
    Mirrors ``twisted.internet.epollreactor.EPollReactor._poller``.
    """

    def __init__(self, loop: _core.Loop) -> None:
        self._loop = loop

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """
        Wait until something is ready, which the loop has then.

        :param timeout: seconds; None, or less than 0, waits for ever.
        :param maxevents: ignored.
        :return: nothing that anybody else had to handle.
        """
        self._loop.sleep(-1.0 if timeout is None else timeout)
        return []
