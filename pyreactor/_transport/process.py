"""
Child processes: Twisted's own classes over the C half, :class:`_core.FileStream`.

Reading and writing the pipes or the pseudo-terminal is C.  Starting a process, signals,
reaping and all else are Twisted's own :class:`twisted.internet.process.Process` and
:class:`twisted.internet.process.PTYProcess`.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from twisted.internet import process
from twisted.python.failure import Failure

from pyreactor import _core
from pyreactor._core import StandIn
from pyreactor._standin import stand_in

#: What spawnProcess starts in stock; a program may have put another class in its place.
STOCK = process.Process
STOCK_PTY = process.PTYProcess


class UnlessReplaced:
    """
    What a class here has in the place of what one of Twisted's has.

    If a program has put something else into that class since, that is found.

    :param stock: Twisted's class.
    :param name: the name of the method, or of another attribute.
    :param value: the C method, or the other value.
    """

    def __init__(self, stock: type, name: str, value: Any) -> None:
        self._class = stock
        self._name = name
        self._stock = getattr(stock, name)
        self._value = StandIn(value, self._stock) if type(self._stock) is FunctionType else value

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        found = getattr(self._class, self._name)
        if found is self._stock:
            found = self._value
        bind = None if instance is None else getattr(type(found), "__get__", None)
        return found if bind is None else bind(found, instance)


@stand_in
class ProcessReader(_core.FileStream, process.ProcessReader):  # type: ignore[misc]
    """Reads a child's output.  Mirrors :class:`twisted.internet.process.ProcessReader`."""

    _kind = "reader"
    _stockWriteSomeData = process.ProcessWriter.writeSomeData
    fd = _core.FileStream._fd
    doRead = UnlessReplaced(process.ProcessReader, "doRead", _core.FileStream.doRead)

    def connectionLost(self, reason: Failure) -> None:
        """
        Let go of the pipe and tell the process, which closes it.

        :param reason: why it ended.
        """
        self._forgetDescriptor()
        process.ProcessReader.connectionLost(self, reason)


@stand_in
class ProcessWriter(_core.FileStream, process.ProcessWriter):
    """Writes a child's input.  Mirrors :class:`twisted.internet.process.ProcessWriter`."""

    _kind = "writer"
    _stockWriteSomeData = process.ProcessWriter.writeSomeData
    fd = _core.FileStream._fd
    enableReadHack = _core.FileStream._readsWhenSent
    doRead = process.ProcessWriter.doRead

    def connectionLost(self, reason: Failure) -> None:
        """
        Let go of the pipe and tell the process, which closes it.

        :param reason: why it ended.
        """
        self._forgetDescriptor()
        process.ProcessWriter.connectionLost(self, reason)


class Process(process.Process):
    """A child process with pipes.  Mirrors :class:`twisted.internet.process.Process`."""

    processReaderFactory = UnlessReplaced(process.Process, "processReaderFactory", ProcessReader)
    processWriterFactory = UnlessReplaced(process.Process, "processWriterFactory", ProcessWriter)


@stand_in
class PTYProcess(_core.FileStream, process.PTYProcess):
    """
    A child process with a pseudo-terminal.

    Mirrors :class:`twisted.internet.process.PTYProcess`.
    """

    _kind = "terminal"
    _stockWriteSomeData = process.PTYProcess.writeSomeData
    fd = _core.FileStream._fd
    doRead = UnlessReplaced(process.PTYProcess, "doRead", _core.FileStream.doRead)
