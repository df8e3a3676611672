"""
Line and length-prefixed framing in C: the API of ``twisted.protocols.basic``, and more.

The classes named as in Twisted are subclasses of Twisted's own and behave like them; only
``dataReceived`` runs in C.  They work whether or not the drop-in is active.

On top of that come the batch receivers, which get all whole messages of a chunk in one
call, and `HeaderReceiver` for packets with a fixed header that states a length.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.internet.protocol import Protocol
from twisted.protocols import basic as _stock
from twisted.protocols.basic import (
    FileSender,
    IncompleteNetstring,
    NetstringParseError,
    StatefulStringProtocol,
    StringTooLongError,
)

from pyreactor._framing.attributes import FramingAttribute
from pyreactor._framing.members import members, original, receiving

__all__ = [
    "BatchInt8StringReceiver",
    "BatchInt16StringReceiver",
    "BatchInt32StringReceiver",
    "BatchIntNStringReceiver",
    "BatchLineReceiver",
    "BatchNetstringReceiver",
    "FileSender",
    "HeaderReceiver",
    "IncompleteNetstring",
    "Int8StringReceiver",
    "Int16StringReceiver",
    "Int32StringReceiver",
    "IntNStringReceiver",
    "LineOnlyReceiver",
    "LineReceiver",
    "NetstringParseError",
    "NetstringReceiver",
    "StatefulStringProtocol",
    "StringTooLongError",
]


class LineReceiver(_stock.LineReceiver):
    """`twisted.protocols.basic.LineReceiver`, parsing in C."""

    if TYPE_CHECKING:
        delimiter: bytes
        MAX_LENGTH: int

        def dataReceived(self, data: bytes) -> Any: ...
        def lineReceived(self, line: bytes) -> Any: ...
        def rawDataReceived(self, data: bytes) -> Any: ...
        def lineLengthExceeded(self, line: bytes) -> Any: ...
        def sendLine(self, line: bytes) -> Any: ...
        def clearLineBuffer(self) -> bytes: ...
        def setLineMode(self, extra: bytes = b"") -> Any: ...
        def setRawMode(self) -> None: ...
    else:
        locals().update(members(_stock.LineReceiver))


class LineOnlyReceiver(_stock.LineOnlyReceiver):
    """`twisted.protocols.basic.LineOnlyReceiver`, parsing in C."""

    if TYPE_CHECKING:
        delimiter: bytes
        MAX_LENGTH: int

        def dataReceived(self, data: bytes) -> Any: ...
        def lineReceived(self, line: bytes) -> Any: ...
        def lineLengthExceeded(self, line: bytes) -> Any: ...
        def sendLine(self, line: bytes) -> Any: ...
    else:
        locals().update(members(_stock.LineOnlyReceiver))


class IntNStringReceiver(_stock.IntNStringReceiver):
    """`twisted.protocols.basic.IntNStringReceiver`, parsing in C."""

    if TYPE_CHECKING:
        structFormat: str
        prefixLength: int
        MAX_LENGTH: int

        def dataReceived(self, data: bytes) -> Any: ...
        def stringReceived(self, string: bytes) -> Any: ...
        def lengthLimitExceeded(self, length: int) -> Any: ...
        def sendString(self, string: bytes) -> None: ...
    else:
        locals().update(members(_stock.IntNStringReceiver))


class Int32StringReceiver(IntNStringReceiver, _stock.Int32StringReceiver):
    """`twisted.protocols.basic.Int32StringReceiver`, parsing in C."""


class Int16StringReceiver(IntNStringReceiver, _stock.Int16StringReceiver):
    """`twisted.protocols.basic.Int16StringReceiver`, parsing in C."""


class Int8StringReceiver(IntNStringReceiver, _stock.Int8StringReceiver):
    """`twisted.protocols.basic.Int8StringReceiver`, parsing in C."""


class NetstringReceiver(_stock.NetstringReceiver):
    """`twisted.protocols.basic.NetstringReceiver`, parsing in C."""

    if TYPE_CHECKING:
        MAX_LENGTH: int
        brokenPeer: int

        def dataReceived(self, data: bytes) -> Any: ...
        def stringReceived(self, string: bytes) -> Any: ...
        def sendString(self, string: bytes) -> None: ...
    else:
        locals().update(members(_stock.NetstringReceiver))


class _Receiver(Protocol, _stock._PauseableMixin):
    """What the receivers that Twisted does not have share: pausing, and a C buffer."""

    #: True while the protocol has paused itself; buffered messages wait for the resume.
    paused: bool = False

    def dataReceived(self, data: bytes) -> Any:
        """Receive bytes, call back with whole messages."""
        raise NotImplementedError

    if TYPE_CHECKING:
        MAX_LENGTH: int

        def pauseProducing(self) -> None: ...
        def resumeProducing(self) -> None: ...
        def stopProducing(self) -> None: ...
    else:
        _buffer = FramingAttribute("_buffer", b"")

    def lengthLimitExceeded(self, length: int) -> None:
        """
        A message of `length` bytes was announced, more than ``MAX_LENGTH``.

        Nothing more is delivered after this.  Closes the connection.
        """
        self._close()

    def _close(self) -> None:
        transport: Any = self.transport
        transport.loseConnection()


class BatchLineReceiver(_Receiver):
    """
    Receive lines, all whole lines of a chunk in one call.

    Like `LineReceiver` without the raw mode.  While a batch is being handled the protocol
    may pause, close the connection, or change ``delimiter`` or ``MAX_LENGTH``: that takes
    effect between batches.  Data that arrives meanwhile makes a further batch.
    """

    #: What ends a line.  Must be bytes, not empty.
    delimiter: bytes = b"\r\n"
    #: The longest line, in bytes without the delimiter.
    MAX_LENGTH: int = 16384

    if not TYPE_CHECKING:
        dataReceived = receiving("batch_line", _Receiver.dataReceived)

    def linesReceived(self, lines: list[bytes]) -> Any:
        """
        Override this: one or more lines came, in order, without their delimiters.

        A true return value stops the receiver until more data comes.
        """
        raise NotImplementedError

    def lineLengthExceeded(self, line: bytes) -> Any:
        """
        A line is longer than ``MAX_LENGTH``; ``line`` is all that was received of it and
        after it.  The lines before it have been delivered.  Closes the connection.
        """
        return self._close()

    def sendLine(self, line: bytes) -> None:
        """
        Send a line.  Mirrors :meth:`twisted.protocols.basic.LineReceiver.sendLine`.

        :param line: the line without a delimiter, which is added.
        """
        transport: Any = self.transport
        transport.write(line + self.delimiter)

    def sendLines(self, lines: Sequence[bytes]) -> None:
        """
        Send lines in one write.

        :param lines: each without a delimiter, which is added; if there is none, nothing is sent.
        """
        if lines:
            transport: Any = self.transport
            transport.write(self.delimiter.join([*lines, b""]))

    def clearLineBuffer(self) -> bytes:
        """Forget what has not been delivered yet, and return it."""
        rest: bytes
        rest, self._buffer = self._buffer, b""
        return rest

    if TYPE_CHECKING:
        _buffer: bytes


class _BatchStringReceiver(_Receiver):
    #: The longest string, in bytes.
    MAX_LENGTH: int = 99999

    def stringsReceived(self, strings: list[bytes]) -> Any:
        """Override this: one or more strings came, in order, without their framing."""
        raise NotImplementedError


class BatchIntNStringReceiver(_BatchStringReceiver):
    """
    Receive strings with an integer prefix, all whole strings of a chunk in one call.

    A subclass sets ``structFormat`` (one unsigned integer, with or without an order
    character) and ``prefixLength`` (its size in bytes), or use `BatchInt8StringReceiver`,
    `BatchInt16StringReceiver`, `BatchInt32StringReceiver`.
    """

    structFormat: str
    prefixLength: int

    if not TYPE_CHECKING:
        dataReceived = receiving("batch_intn", _Receiver.dataReceived)

    def sendString(self, string: bytes) -> None:
        """
        Send a string with its length before it.

        Raises `StringTooLongError` if the length does not fit the prefix.
        """
        original(_stock.IntNStringReceiver, "sendString")(self, string)


class BatchInt32StringReceiver(BatchIntNStringReceiver):
    """Strings of up to 4 GiB (and ``MAX_LENGTH``) with a four-byte length, in batches."""

    structFormat = "!I"
    prefixLength = 4


class BatchInt16StringReceiver(BatchIntNStringReceiver):
    """Strings of up to 64 KiB with a two-byte length, in batches."""

    structFormat = "!H"
    prefixLength = 2


class BatchInt8StringReceiver(BatchIntNStringReceiver):
    """Strings of up to 255 bytes with a one-byte length, in batches."""

    structFormat = "!B"
    prefixLength = 1


class BatchNetstringReceiver(_BatchStringReceiver):
    """
    Receive netstrings, all whole strings of a chunk in one call.

    The strings before an illegal one are delivered; then the connection is closed and
    ``brokenPeer`` is 1.
    """

    #: 1 after the peer has sent something that is not a netstring.
    brokenPeer: int = 0

    if not TYPE_CHECKING:
        dataReceived = receiving("batch_netstring", _Receiver.dataReceived)

    def sendString(self, string: bytes) -> None:
        """
        Send a netstring.  Mirrors :meth:`twisted.protocols.basic.NetstringReceiver.sendString`.

        :param string: what it is to hold.
        """
        original(_stock.NetstringReceiver, "sendString")(self, string)

    def _handleParseError(self) -> None:
        self._close()
        self.brokenPeer = 1


class HeaderReceiver(_Receiver):
    """
    Receive packets: a fixed header that states a length, then that many bytes of payload.

    A subclass declares the header as `struct` knows it and says which of its fields is the
    length::

        class Messages(HeaderReceiver):
            headerFormat = "!HHI"  # version, command, length
            lengthField = 2

            def packetReceived(self, header, payload):
                version, command, length = header

    A declaration that cannot work raises `TypeError` or `struct.error` where the class is
    defined.  After nonsense (see `headerInvalid` and `lengthLimitExceeded`) nothing more
    is delivered.  Packets that came together with one whose callback closed the connection
    are not delivered; those that came before a pause are, after the resume.
    """

    #: The header in the terms of the struct module.  Give an order character ("!"), or
    #: the machine's own sizes and padding apply.
    headerFormat: ClassVar[str]
    #: Which field of the header, counted from 0, is the length.
    lengthField: ClassVar[int]
    #: Whether the length counts the header's own bytes too.
    lengthIncludesHeader: ClassVar[bool] = False
    #: The longest payload, in bytes.
    MAX_LENGTH: int = 99999

    _header: ClassVar[tuple[int, int, bool, Any] | None] = None
    _struct: ClassVar[struct.Struct]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if hasattr(cls, "headerFormat") and hasattr(cls, "lengthField"):
            cls._declare()

    @classmethod
    def _declare(cls) -> None:
        """Check the declaration and put it in the form that the C code reads."""
        layout = struct.Struct(cls.headerFormat)
        sample = layout.unpack(bytes(layout.size))
        index = cls.lengthField
        if isinstance(index, bool) or not isinstance(index, int):
            raise TypeError(f"lengthField must be the index of a field, not {index!r}")
        if not 0 <= index < len(sample):
            raise TypeError(f"lengthField {index}: the header has fields 0 to {len(sample) - 1}")
        if isinstance(sample[index], bool) or not isinstance(sample[index], int):
            raise TypeError(f"field {index} of {cls.headerFormat!r} is not an integer")
        cls._struct = layout
        cls._header = (layout.size, index, bool(cls.lengthIncludesHeader), layout.unpack)

    if not TYPE_CHECKING:
        dataReceived = receiving("header", _Receiver.dataReceived)

    def packetReceived(self, header: tuple[Any, ...], payload: bytes) -> Any:
        """
        Override this: a packet came.

        :param header: all fields of the header, the length included.
        :param payload: what follows the header.
        """
        raise NotImplementedError

    def headerInvalid(self, header: tuple[Any, ...], reason: str) -> None:
        """
        The length is negative, or counts the header and is smaller than it.

        Nothing more is delivered after this.  Closes the connection.
        """
        self._close()

    def sendPacket(self, header: Sequence[Any], payload: bytes) -> None:
        """
        Send a packet.

        ``header`` has a value for every field; that of the length is not looked at, the
        right one is put in.  Raises `StringTooLongError` if the length does not fit its
        field, and `struct.error` if another value does not.
        """
        if self._header is None:
            raise TypeError("the header is not declared: set headerFormat and lengthField")
        size, index, counts_header, _ = self._header
        fields = list(header)
        fields[index] = 0
        self._struct.pack(*fields)  # an error now is about the other fields
        fields[index] = len(payload) + (size if counts_header else 0)
        try:
            packed = self._struct.pack(*fields)
        except struct.error as error:
            raise StringTooLongError(
                f"{fields[index]} does not fit the length field: {error}"
            ) from None
        transport: Any = self.transport
        transport.write(packed + payload)
