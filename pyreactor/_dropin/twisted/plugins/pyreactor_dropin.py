"""
Makes ``twistd --reactor=pyreactor`` and ``trial --reactor=pyreactor`` work, and the service
``twistd --reactor=pyreactor pyreactor --slow 0.1 web …``.
"""

from twisted.application.reactors import Reactor
from twisted.application.service import ServiceMaker

__all__ = ["pyreactor", "watched"]

pyreactor = Reactor(
    "pyreactor", "pyreactor", "libuv based reactor in C, with Deferred and framing in C."
)

watched = ServiceMaker(
    "pyreactor",
    "pyreactor._watch.service",
    "Another service, watched: pyreactor --slow 0.1 --top web ...",
    "pyreactor",
)
