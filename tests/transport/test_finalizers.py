"""Code that a garbage collection runs in the middle of a connection's methods."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import socket
import threading
import types
from typing import Any

import pytest
from twisted.internet import protocol
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from pyreactor._transport import reports
from pyreactor.asyncioreactor import AsyncioReactor
from pyreactor.reactor import PyReactor
from tests.collections_at import finalizer_at_allocation
from tests.loop.test_guest import adopted
from tests.loop.test_reactor import Pair, reactor, spin

__all__ = ["reactor"]  # a fixture


@pytest.mark.parametrize("number", range(8))
def test_what_a_finalizer_writes_inside_a_write_is_sent(reactor: PyReactor, number: int) -> None:
    pair = Pair(reactor)
    transport: Any = pair.server.transport
    transport.write(b"a")
    with finalizer_at_allocation(number, lambda: transport.write(b"[finalizer's]")):
        transport.write(b"b")
    transport.write(b"c")
    spin(reactor, lambda: len(pair.client.received) == 16)
    assert sorted(pair.client.received) == sorted(b"abc[finalizer's]")
    assert b"[finalizer's]" in pair.client.received


@pytest.mark.parametrize("number", range(8))
def test_a_socket_that_a_finalizer_asks_for_as_it_is_made(reactor: PyReactor, number: int) -> None:
    """There is one."""
    pair = Pair(reactor)
    transport: Any = pair.server.transport
    found: list[object] = []
    with finalizer_at_allocation(number, lambda: found.append(transport.socket)):
        found.append(transport.socket)
    assert found == [transport.socket] * 2


def test_a_connection_that_ends_as_its_socket_is_made(
    reactor: PyReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread may ask for it: a number that is another's by then stays that one's."""
    pair = Pair(reactor)
    transport: Any = pair.server.transport
    descriptor = transport.fileno()
    others: list[socket.socket] = []

    def slow(*arguments: Any, **keywords: Any) -> socket.socket:
        made = socket.socket(*arguments, **keywords)
        transport.connectionLost(Failure(ConnectionDone()))
        others.append(socket.socket())
        return made

    module = types.SimpleNamespace(socket=slow, SOCK_STREAM=socket.SOCK_STREAM)
    monkeypatch.setattr(reports, "socket", module)
    asking = threading.Thread(target=lambda: getattr(transport, "socket", None))
    asking.start()
    asking.join()
    gc.collect()
    (other,) = others
    assert other.fileno() == descriptor
    other.setblocking(False)  # it is open
    other.close()


def test_a_connection_that_ends_as_its_watch_is_given_back() -> None:
    """By what its context variables held: the number is closed once, then it may be another's."""
    loop = asyncio.SelectorEventLoop()
    ending: Any = protocol.Protocol()
    far = adopted(AsyncioReactor(loop), ending)
    transport: Any = ending.transport
    descriptor = transport.fileno()
    kept: contextvars.ContextVar[object] = contextvars.ContextVar("kept")
    others: list[int] = []

    class Ends:
        def __del__(self) -> None:
            transport.connectionLost(Failure(ConnectionDone()))
            others.append(os.dup2(far.fileno(), descriptor))

    def begin() -> None:
        kept.set(Ends())
        transport.pauseProducing()
        transport.resumeProducing()

    contextvars.copy_context().run(begin)
    assert others == []
    del transport.socket
    assert others == [descriptor]
    os.close(descriptor)  # it is open
    far.close()
    loop.close()
