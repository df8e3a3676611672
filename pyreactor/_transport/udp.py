"""
Datagram transports: Twisted's own classes over the C half, :class:`_core.DatagramPort`.

Receiving and sending are C; binding, connecting, closing and multicast options are
Twisted's own Python.  The classes have the names of Twisted's, which messages of errors show.
"""

from __future__ import annotations

from twisted.internet import udp, unix

from pyreactor import _core
from pyreactor._standin import stand_in


@stand_in
class Port(_core.DatagramPort, udp.Port):  # type: ignore[misc]
    """A UDP port.  Mirrors :class:`twisted.internet.udp.Port`."""

    _kind = "UDP"


@stand_in
class MulticastPort(Port, udp.MulticastPort):  # type: ignore[misc]
    """A UDP port for multicast.  Mirrors :class:`twisted.internet.udp.MulticastPort`."""


@stand_in
class DatagramPort(_core.DatagramPort, unix.DatagramPort):  # type: ignore[misc]
    """A UNIX datagram port.  Mirrors :class:`twisted.internet.unix.DatagramPort`."""

    _kind = "UNIX"


@stand_in
class ConnectedDatagramPort(  # type: ignore[misc]
    _core.DatagramPort, unix.ConnectedDatagramPort
):
    """
    A connected UNIX datagram port.

    Mirrors :class:`twisted.internet.unix.ConnectedDatagramPort`.
    """

    _kind = "connected UNIX"
