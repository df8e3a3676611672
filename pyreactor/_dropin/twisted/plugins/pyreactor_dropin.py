"""Makes ``twistd --reactor=pyreactor`` and ``trial --reactor=pyreactor`` work."""

from twisted.application.reactors import Reactor

__all__ = ["pyreactor"]

pyreactor = Reactor(
    "pyreactor", "pyreactor", "libuv based reactor in C, with Deferred and framing in C."
)
