"""
The receivers that Twisted does not have, in plain Python: what the C ones must do.

Only for comparison: every message costs a copy of the rest here.
"""

from __future__ import annotations

import struct
from typing import Any, ClassVar

from twisted.internet.protocol import Protocol
from twisted.protocols import basic as stock

TOO_SMALL = "the length is smaller than the header it counts, or negative"


class Receiver(Protocol, stock._PauseableMixin):
    """Data that arrives in a callback waits for the loop that made the callback."""

    paused = False
    _buffer = b""
    busy = False
    broken = False

    def dataReceived(self, data: bytes) -> Any:
        if self.broken:
            return None
        self._buffer += data
        if self.busy:
            return None
        self.busy = True
        try:
            return self.parse()
        finally:
            self.busy = False

    def parse(self) -> Any:
        raise NotImplementedError

    def give_up(self) -> None:
        self.broken = True
        self._buffer = b""

    def close(self) -> None:
        transport: Any = self.transport
        transport.loseConnection()


class BatchLineReceiver(Receiver):
    delimiter = b"\r\n"
    MAX_LENGTH = 16384

    def parse(self) -> Any:
        transport: Any
        while self._buffer and not self.paused:
            lines = []
            at = self._buffer.find(self.delimiter)
            while 0 <= at <= self.MAX_LENGTH:
                lines.append(self._buffer[:at])
                self._buffer = self._buffer[at + len(self.delimiter) :]
                at = self._buffer.find(self.delimiter)
            if lines:
                why = self.linesReceived(lines)
                transport = self.transport
                if why or (transport and transport.disconnecting):
                    return why
            elif at < 0 and len(self._buffer) - len(self.delimiter) < self.MAX_LENGTH:
                return None
            else:
                rest, self._buffer = self._buffer, b""
                return self.lineLengthExceeded(rest)
        return None

    def linesReceived(self, lines: list[bytes]) -> Any:
        raise NotImplementedError

    def lineLengthExceeded(self, line: bytes) -> Any:
        return self.close()  # type: ignore[func-returns-value]


class BatchIntNStringReceiver(Receiver):
    structFormat: str
    prefixLength: int
    MAX_LENGTH = 99999

    def parse(self) -> None:
        while self._buffer and not self.paused:
            strings = []
            length = self.length()
            while length is not None and length <= self.MAX_LENGTH and self.holds(length):
                end = self.prefixLength + length
                strings.append(self._buffer[self.prefixLength : end])
                self._buffer = self._buffer[end:]
                length = self.length()
            if strings:
                self.stringsReceived(strings)
            elif length is None or length <= self.MAX_LENGTH:
                return
            else:
                self.give_up()
                self.lengthLimitExceeded(length)
                return

    def length(self) -> int | None:
        if len(self._buffer) < self.prefixLength:
            return None
        [length] = struct.unpack(self.structFormat, self._buffer[: self.prefixLength])
        return int(length)

    def holds(self, length: int) -> bool:
        return len(self._buffer) >= self.prefixLength + length

    def stringsReceived(self, strings: list[bytes]) -> None:
        raise NotImplementedError

    def lengthLimitExceeded(self, length: int) -> None:
        self.close()


class Netstrings(stock.NetstringReceiver):
    """Stock's parser, on behalf of a batch receiver."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.strings: list[bytes] = []
        self.makeConnection(None)  # type: ignore[no-untyped-call]

    @property
    def MAX_LENGTH(self) -> int:  # type: ignore[override]
        return int(self.owner.MAX_LENGTH)

    def stringReceived(self, string: bytes) -> None:
        self.strings.append(string)

    def _handleParseError(self) -> None:
        self.brokenPeer = 1


class BatchNetstringReceiver(Receiver):
    MAX_LENGTH = 99999
    brokenPeer = 0

    def parse(self) -> None:
        if "parser" not in self.__dict__:
            self.parser = Netstrings(self)
        while self._buffer and not self.paused:
            data, self._buffer = self._buffer, b""
            if self.parser.brokenPeer == 0:
                self.parser.dataReceived(data)  # type: ignore[no-untyped-call]
            strings, self.parser.strings = self.parser.strings, []
            if strings:
                self._buffer = b"bad" if self.parser.brokenPeer else b""
                self.stringsReceived(strings)
            elif self.parser.brokenPeer:
                self.give_up()
                self._handleParseError()
                return

    def stringsReceived(self, strings: list[bytes]) -> None:
        raise NotImplementedError

    def _handleParseError(self) -> None:
        self.close()
        self.brokenPeer = 1


class HeaderReceiver(Receiver):
    headerFormat: ClassVar[str]
    lengthField: ClassVar[int]
    lengthIncludesHeader: ClassVar[bool] = False
    MAX_LENGTH = 99999
    header: tuple[Any, ...] | None = None

    def parse(self) -> None:
        transport: Any
        while not self.broken and (self._buffer or self.header is not None):
            transport = self.transport
            if self.paused:
                return
            if transport is not None and transport.disconnecting:
                self._buffer = b""
                self.header = None
                return
            if self.header is None and not self.read_header():
                return
            if self.header is None or len(self._buffer) < self.expected:
                return
            payload = self._buffer[: self.expected]
            self._buffer = self._buffer[self.expected :]
            header, self.header = self.header, None
            self.packetReceived(header, payload)

    def read_header(self) -> bool:
        layout = struct.Struct(self.headerFormat)
        if len(self._buffer) < layout.size:
            return False
        header = layout.unpack(self._buffer[: layout.size])
        extra = layout.size if self.lengthIncludesHeader else 0
        length = header[self.lengthField]
        if length < extra:
            self.give_up()
            self.headerInvalid(header, TOO_SMALL)
            return False
        if length - extra > self.MAX_LENGTH:
            self.give_up()
            self.lengthLimitExceeded(length)
            return False
        self._buffer = self._buffer[layout.size :]
        self.header = header
        self.expected = length - extra
        return True

    def packetReceived(self, header: tuple[Any, ...], payload: bytes) -> None:
        raise NotImplementedError

    def headerInvalid(self, header: tuple[Any, ...], reason: str) -> None:
        self.close()

    def lengthLimitExceeded(self, length: int) -> None:
        self.close()
