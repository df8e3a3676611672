"""Transports as Python objects: what an instance is made of, and which classes have any."""

from __future__ import annotations

import abc
import gc
import sys
from typing import Any

import pytest
from twisted.internet import tcp

from pyreactor._transport.tcp import Server
from pyreactor.reactor import PyReactor
from tests.loop.test_reactor import Pair, spin
from tests.support import check


@pytest.mark.skipif(
    sys.version_info[:2] in ((3, 10), (3, 13)),
    reason="there each connection has a dict from its beginning",
)
def test_an_accepted_connection_that_echoes_has_no_dict() -> None:
    """In a process of its own: what other tests set counts for the room in its class."""
    check(
        "from pyreactor.reactor import PyReactor\n"
        "from tests.transport.test_instances import echo\n"
        "echo(PyReactor())\n",
        env={"PYTHONWARNINGS": "ignore"},  # debug builds tell of what is open
    )


def echo(reactor: PyReactor) -> None:
    pair = Pair(reactor)
    transport: Any = pair.server.transport
    pair.client.transport.write(b"x")
    spin(reactor, lambda: pair.server.received)
    transport.write(b"x")
    spin(reactor, lambda: pair.client.received)
    assert not [held for held in gc.get_referents(transport) if type(held) is dict]
    attributes = vars(transport)
    assert {"server", "client"} <= attributes.keys()
    attributes["own"] = transport
    assert transport.own is transport
    transport.loseConnection()
    spin(reactor, lambda: pair.client.lost and pair.server.lost)
    assert transport.own is attributes.pop("own")
    assert not hasattr(transport, "own")


def refusal(base: type) -> str:
    """Why a class that derives from `base` and is abstract has no instances."""

    class Abstract(base, metaclass=abc.ABCMeta):  # type: ignore[misc]
        @abc.abstractmethod
        def promised(self) -> None: ...

    with pytest.raises(TypeError) as found:
        Abstract(None, None, ("127.0.0.1", 1), None, 0, None)
    return str(found.value)


def test_an_abstract_class_has_no_instances() -> None:
    assert refusal(Server) == refusal(tcp.Server)
