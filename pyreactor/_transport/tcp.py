"""
TCP transports: Twisted's own classes over the C half, :class:`_core.StreamConnection`.

What is hot (receiving, sending, starting and stopping) is C; what is rare (closing,
half-close, connecting, TLS) is Twisted's own Python, with the few changes below.
"""

from __future__ import annotations

import os
from types import MethodType
from typing import Any

from twisted.internet import abstract, address, error, tcp
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol
from twisted.python import log
from twisted.python.failure import Failure

from pyreactor import _core
from pyreactor._standin import stand_in
from pyreactor._transport.reports import SOCKET

try:
    from twisted.internet import _newtls
except ImportError:
    # No pyOpenSSL: as in stock, transports have no startTLS then.
    _newtls = None  # type: ignore[assignment]


_UNSET = object()
_NOT_ABORTED = (error.ConnectionDone, error.ConnectionLost)
_STOCK_PREFIX = Protocol.logPrefix
_GETATTRIBUTE: Any = object.__getattribute__
_new = object.__new__


class _BelowTLS(abstract.FileDescriptor):
    """The methods by which a TLS protocol sends its records, after startTLS."""

    write = _core.StreamConnection._writePlain  # type: ignore[assignment]
    writeSequence = _core.StreamConnection._writeSequencePlain  # type: ignore[assignment]


@stand_in
class Connection(_core.StreamConnection, tcp.Connection):  # type: ignore[misc]
    """A connected TCP transport.  Mirrors :class:`twisted.internet.tcp.Connection`."""

    _kind = "TCP"
    _stockDoRead = tcp.Connection.doRead
    _stockWriteSomeData = tcp.Connection.writeSomeData
    TLS = _core.StreamConnection._TLS
    # Each interface that is called with a connection asks for it: an AttributeError would cost
    # several times what is left to do (HTTPChannel.isSecure).
    __conform__ = None

    if _newtls is not None:

        def startTLS(self, ctx: Any, normal: bool = True) -> None:
            """
            Start TLS on this connection.

            :param ctx: the context factory (``IOpenSSLContextFactory``).
            :param normal: whether the TLS client is the TCP client.
            """
            _newtls.startTLS(self, ctx, normal, _BelowTLS)

    _ANSWERS, _PROGRAM = 1, 2  # values of _noDelay

    def getTcpNoDelay(self) -> bool:
        """Whether the program has switched Nagle's algorithm off."""
        if self._noDelay == self._ANSWERS:
            return False
        asked: bool = super().getTcpNoDelay()
        return asked

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        Switch Nagle's algorithm off, or on for answers, too.

        :param enabled: whether to send small segments without delay.
        """
        super().setTcpNoDelay(enabled)
        self._noDelay = self._PROGRAM

    def _closeSocket(self, orderly: bool) -> None:
        if not self._closeDescriptor(orderly):
            tcp.Connection._closeSocket(self, orderly)

    def connectionLost(self, reason: Failure) -> None:
        """
        Close the descriptor and tell the protocol, once.

        :param reason: why the connection ended.
        """
        if not self._markLost():
            return
        # The rest of FileDescriptor.connectionLost.
        if self.producer is not None:
            self.producer.stopProducing()
            self.producer = None
        self.stopReading()
        self.stopWriting()
        # What check() finds of these, by the names of their bases, is known.
        plain = type(reason) is Failure and reason.type in _NOT_ABORTED
        self._closeSocket(plain or not reason.check(error.ConnectionAborted))
        protocol = self.protocol
        del self.protocol
        del self.socket
        fileno = self.fileno
        if type(fileno) is not MethodType or fileno.__self__ is not self:
            self.__dict__.pop("fileno", None)  # the program's own; else make no dict
        protocol.connectionLost(reason)


@stand_in
class Client(Connection, tcp.Client):  # type: ignore[misc]
    """A client's transport.  Mirrors :class:`twisted.internet.tcp.Client`."""

    _base = Connection
    _commonConnection = Connection

    connectionLost = tcp.Client.connectionLost


@stand_in
class Server(Connection, tcp.Server):  # type: ignore[misc]
    """A server's transport.  Mirrors :class:`twisted.internet.tcp.Server`."""

    _base = Connection
    sessionno = _core.StreamConnection._sessionno
    _protocolClass: type | None = None  # that the protocol was of when it was accepted
    _logPrefix: str  # what logstr begins with
    _hostname: Any = _UNSET

    @property
    def hostname(self) -> Any:
        """The peer's host, as stock has it."""
        return self.client[0] if self._hostname is _UNSET else self._hostname

    @hostname.setter
    def hostname(self, value: Any) -> None:
        self._hostname = value

    @classmethod
    def _accepted(
        cls, fd: int, protocol: Any, client: Any, server: AcceptingPort, sessionno: int
    ) -> Server:
        """
        What the constructor does, for a descriptor that has no Python socket yet.

        :param fd: the accepted descriptor, now this transport's.
        :param client: the peer's address, as ``_core.accept`` gives it.
        :param server: the port that accepted.
        :param sessionno: the number of the connection on that port.
        """
        self = cls.__new__(cls)
        self._adopt(fd, server.addressFamily, protocol, sessionno)
        self.reactor = server.reactor
        if len(client) != 2:
            self._addressType = address.IPv6Address
        self.server = server
        self.client = client
        kind = self._protocolClass = protocol.__class__
        if (
            getattr(kind, "logPrefix", None) is _STOCK_PREFIX
            and (kind is server._plainKind or server._isPlain(kind))
            and type(own := protocol.logPrefix) is MethodType
            and own.__func__ is _STOCK_PREFIX
        ):
            self._logPrefix = kind.__name__  # without the question what it provides
        else:
            self._logPrefix = self._getLogPrefix(protocol)
        self.startReading()
        self.connected = 1
        return self

    def _makeLogstr(self) -> str:
        return f"{self._logPrefix},{self.sessionno},{self.client[0]}"

    @property
    def repstr(self) -> str:
        """The repr, made when it is asked for."""
        given: str | None = self.__dict__.get("_repstr")
        if given is not None:
            return given
        name = (self._protocolClass or self.protocol.__class__).__name__
        port: Any = self.server
        return f"<{name} #{self.sessionno} on {port._firstPortNumber}>"

    @repstr.setter
    def repstr(self, value: str) -> None:
        self._repstr = value


class AcceptingPort(tcp.Port):
    """
    What accepts, in a listening port.  Mirrors :class:`twisted.internet.tcp.Port`.

    :cvar transport: the class of the transports; where it was replaced, or the socket is not
        Python's own, stock accepts.
    """

    _ownTransport: type[Server] = Server
    transport: Any = Server
    factory: Any
    _firstPortNumber: int | None = None  # where we listen, or listened
    _plainKind: type | None = None  # the class of protocols that _isPlain last said yes to

    def doRead(self) -> None:
        """Accept the connections that wait, up to ``numberAccepts`` of them."""
        own = self.transport is self._ownTransport
        if not own or type(getattr(self, "socket", None)) is not SOCKET:
            tcp.Port.doRead(self)
            return
        try:
            accepted = self._acceptSome()
        except BaseException:
            log.err()
            return
        if accepted == self.numberAccepts:
            self.numberAccepts += 20
        else:
            self.numberAccepts = max(1, accepted)

    def _acceptSome(self) -> int:
        accepted = 0
        for _ in range(self.numberAccepts):
            # stopListening by buildProtocol takes effect only later, as in stock.
            found = _core.accept(self.fileno())
            if found is None:
                break
            if isinstance(found, int):
                # Out of descriptors, or worse: stock knows what to do.
                tcp.Port.doRead(self)
                break
            accepted += 1
            self._serve(*found)
        return accepted

    def _isPlain(self, kind: type) -> bool:
        """
        Whether no code of the class runs where an attribute of an instance is asked for.

        :param kind: a class of protocols.
        """
        plain = not hasattr(kind, "__getattr__") and kind.__getattribute__ is _GETATTRIBUTE
        self._plainKind = kind if plain else None
        return plain

    def _serve(self, fd: int, addr: Any) -> None:
        try:
            protocol: Any = self.factory.buildProtocol(self._buildAddr(addr))
        except BaseException:
            os.close(fd)
            raise
        if protocol is None:
            os.close(fd)
            return
        sessionno = self.sessionno
        self.sessionno = sessionno + 1
        transport = self._ownTransport._accepted(fd, protocol, addr, self, sessionno)
        protocol.makeConnection(transport)


class Port(AcceptingPort):
    """A listening TCP port.  Mirrors :class:`twisted.internet.tcp.Port`."""

    def startListening(self) -> None:
        """
        Bind and listen.

        :raise CannotListenError: if the address cannot be bound.
        """
        tcp.Port.startListening(self)
        self._firstPortNumber = self._realPortNumber

    def _buildAddr(self, address: Any) -> Any:
        if self._addressType is not IPv4Address:
            return tcp.Port._buildAddr(self, address)
        # Without the look at what the kernel gives that the constructor takes.
        built = _new(IPv4Address)
        built.type = "TCP"
        built.host, built.port = address
        return built


class Connector(tcp.Connector):
    """Connects, and connects again.  Mirrors :class:`twisted.internet.tcp.Connector`."""

    def _makeTransport(self) -> Client:
        return Client(self.host, self.port, self.bindAddress, self, self.reactor)
