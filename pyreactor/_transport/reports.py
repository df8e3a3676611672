"""
What the C transports call for the rare things: an error of a port, a connection's socket.

The first runs as if inside an ``except`` block.
"""

from __future__ import annotations

import _socket
import socket
import sys
from errno import EAGAIN, ECONNREFUSED, EINTR, EWOULDBLOCK
from typing import Any

from twisted.python import log


def connected_datagram_error(port: Any) -> bool:
    """
    What stock's doRead of a connected UNIX datagram port does with any exception.

    It takes an OSError for one of its socket, even if the protocol's ``datagramReceived``
    raised it, and logs what is none.

    :param port: the port that reads.
    :returns: whether the port is to go on reading.
    :raises OSError: the same, if it ends the port.
    """
    problem = sys.exc_info()[1]
    if not isinstance(problem, OSError):
        log.deferr()
        return True
    number = problem.args[0]
    if number in (EAGAIN, EINTR, EWOULDBLOCK):
        return False
    if number != ECONNREFUSED:
        del problem  # else it would hold this frame, which holds it, by its traceback
        raise
    port.protocol.connectionRefused()
    return True


#: Python's own class of sockets, whatever a program has put in its place: under gevent and
#: eventlet, one that nobody has, so that stock's code uses theirs.
SOCKET = next((cls for cls in socket.socket.__mro__ if cls.__module__ == "socket"), _socket.socket)


def make_socket(family: int, descriptor: int) -> socket.socket:
    """
    The Python socket of an accepted connection, which does not block.

    :param family: such as ``socket.AF_INET``.
    :param descriptor: its number, which is the socket's from now on.
    """
    skt = socket.socket(family, socket.SOCK_STREAM, 0, fileno=descriptor)
    skt.setblocking(False)
    return skt
