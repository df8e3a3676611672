"""What of receiving strings behind their length is rare: C calls this where it leaves off."""

from __future__ import annotations

from struct import unpack
from typing import Any


def continue_strings(
    protocol: Any, data: bytes, offset: int, layout: str, size: int, received: bool
) -> None:
    """
    Receive the rest of a call as Twisted's ``IntNStringReceiver.dataReceived`` does.

    :param protocol: whose attributes C does not know any more.
    :param data: all that the call began with, which Twisted calls ``alldata``.
    :param offset: what comes before this in `data` was handed out.
    :param layout: the ``structFormat`` that the call began with.
    :param size: the ``prefixLength`` that it began with.
    :param received: whether `protocol` has just received a string, and may have set ``recvd``.
    """
    own = protocol.__dict__
    while True:
        if received and "recvd" in own:
            data = own.pop("recvd")
            protocol._unprocessed = data
            protocol._compatibilityOffset = offset = 0
            if not data:
                return
        if len(data) < offset + size or protocol.paused:
            break
        start = offset + size
        (length,) = unpack(layout, data[offset:start])
        if length > protocol.MAX_LENGTH:
            protocol._unprocessed = data
            protocol._compatibilityOffset = offset
            protocol.lengthLimitExceeded(length)
            return
        if len(data) < start + length:
            break
        offset = start + length
        protocol._compatibilityOffset = offset
        protocol.stringReceived(data[start:offset])
        received = True
        own = protocol.__dict__
    protocol._unprocessed = data[offset:]
    protocol._compatibilityOffset = 0
