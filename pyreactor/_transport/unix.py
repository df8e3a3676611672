"""
UNIX stream transports: Twisted's own classes over the C half, :class:`_core.StreamConnection`.

Receiving, sending and accepting are C, as for TCP.  What descriptors that are passed need
is Twisted's own Python: :class:`twisted.internet.unix._SendmsgMixin`.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

from twisted.internet import unix
from twisted.python import log

from pyreactor import _core
from pyreactor._standin import stand_in
from pyreactor._transport import tcp as _tcp


@stand_in
class Connection(_tcp.Connection):
    """A connected UNIX transport.  Mirrors :class:`twisted.internet.unix._SendmsgMixin`."""

    _kind = "UNIX"
    _stockDoRead = unix._SendmsgMixin.doRead
    _stockWriteSomeData = unix._SendmsgMixin.writeSomeData
    _sendmsgQueue = _core.StreamConnection._descriptors
    _isSendBufferFull = unix._SendmsgMixin._isSendBufferFull
    protocol: Any
    _ancillaryLevelSOLSOCKETTypeSCMRIGHTS: Any

    def _ancillaryReceived(self, ancillary: Iterable[tuple[int, int, bytes]]) -> None:
        """
        Give the protocol the descriptors that were received, or log what else came.

        :param ancillary: level, type and data of each control message.
        """
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._ancillaryLevelSOLSOCKETTypeSCMRIGHTS(data)
            else:
                log.msg(
                    format=(
                        "%(protocolName)s (on %(hostAddress)r) "
                        "received unsupported ancillary data "
                        "(level=%(cmsgLevel)r, type=%(cmsgType)r) "
                        "from %(peerAddress)r."
                    ),
                    hostAddress=self.getHost(),
                    peerAddress=self.getPeer(),
                    protocolName=self._getLogPrefix(self.protocol),
                    cmsgLevel=level,
                    cmsgType=kind,
                )


@stand_in
class Server(Connection, _tcp.Server, unix.Server):  # type: ignore[misc]
    """A server's transport.  Mirrors :class:`twisted.internet.unix.Server`."""

    _base = Connection

    @classmethod
    def _accepted(
        cls, fd: int, protocol: Any, client: Any, server: _tcp.AcceptingPort, sessionno: int
    ) -> _tcp.Server:
        """
        What the constructor does, for a descriptor that has no Python socket yet.

        :param client: the peer's address: a path, an abstract name (bytes), or "".
        """
        return super()._accepted(fd, protocol, (client, None), server, sessionno)


class Port(_tcp.AcceptingPort, unix.Port):
    """A listening UNIX port.  Mirrors :class:`twisted.internet.unix.Port`."""

    _ownTransport = Server
    transport = Server


@stand_in
class Client(Connection, unix.Client):  # type: ignore[misc]
    """A client's transport.  Mirrors :class:`twisted.internet.unix.Client`."""

    _base = Connection
    _commonConnection = Connection

    connectionLost = unix.Client.connectionLost


class Connector(unix.Connector):
    """Connects, and connects again.  Mirrors :class:`twisted.internet.unix.Connector`."""

    def _makeTransport(self) -> Any:
        return Client(self.address, self, self.reactor, self.checkPID)
