"""
Serial ports: Twisted's own class over the C half, :class:`_core.FileStream`.

Reading and writing is C, on any reactor; opening, closing and the line's settings are
Twisted's and pyserial's.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pyreactor import _core
from pyreactor._standin import stand_in
from pyreactor._transport.process import UnlessReplaced


@cache
def accelerated(stock: Any) -> type:
    """
    The class to stand in the place of Twisted's.

    :param stock: :class:`twisted.internet.serialport.SerialPort`.
    :return: a subclass of it, of the same name.
    """

    @stand_in
    class SerialPort(_core.FileStream, stock):
        __doc__ = stock.__doc__
        __module__ = stock.__module__
        __qualname__ = stock.__qualname__

        _kind = "serial port"
        _stockWriteSomeData = stock.writeSomeData
        doRead = UnlessReplaced(stock, "doRead", _core.FileStream.doRead)
        fileno = stock.fileno

    return SerialPort


def is_accelerated(found: object) -> bool:
    """Whether it is such a class."""
    return isinstance(found, type) and issubclass(found, _core.FileStream)
