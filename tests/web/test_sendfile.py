"""Files by sendfile: the same bytes, counts and ends as stock's."""

from __future__ import annotations

import gc
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import protocol, task
from twisted.internet.testing import StringTransport
from twisted.protocols.basic import FileSender
from twisted.web import server, static

from pyreactor.reactor import PyReactor
from tests.both import check_same_on_both
from tests.loop.test_reactor import reactor, spin
from tests.web.sides import places

assert list(places())
__all__ = ["reactor"]  # a fixture


def test_same_on_both() -> None:
    check_same_on_both("web_files.py", (), "all files went out")


@pytest.mark.parametrize("kind", ["bytes", "file"])
def test_other_consumers_get_what_they_got(kind: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc" * 30000)
    file: Any = io.BytesIO(b"abc" * 30000) if kind == "bytes" else (tmp_path / "f").open("rb")
    wire = StringTransport()
    sender = FileSender()
    done = sender.beginFileTransfer(file, wire)
    while wire.producer is not None:
        sender.resumeProducing()
    last: list[Any] = []
    done.addCallback(last.append)
    assert wire.value() == b"abc" * 30000
    assert last == [b"c"]
    file.close()


def test_a_producer_that_was_stopped() -> None:
    producer = static.NoRangeStaticProducer(None, None)
    assert producer.resumeProducing() is None  # type: ignore[func-returns-value]


def test_a_file_behind_another_is_read(tmp_path: Path) -> None:
    """Its descriptor has other bytes: they must not go out."""
    check_same_on_both("web_files_read.py", (), "read through")


class Client(protocol.Protocol):
    """Asks for a file, and counts what comes."""

    size = 0

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.size += len(data)


class Site(server.Site):
    """Keeps the transports of its connections."""

    def __init__(self, resource: Any, reactor: Any) -> None:
        super().__init__(resource, reactor=reactor)
        self.transports: list[Any] = []
        self.log = lambda request: self.transports.append(request.transport)  # type: ignore


@pytest.fixture
def cooperating(reactor: PyReactor, monkeypatch: pytest.MonkeyPatch) -> PyReactor:
    """A reactor that the tasks of the global cooperator run on."""
    later = reactor.callLater
    monkeypatch.setattr(task._theCooperator, "_scheduler", lambda call: later(0.0, call))
    return reactor


def serve(reactor: PyReactor, path: Path) -> tuple[Site, int]:
    """A file is asked for, and comes: the site, and how many times it was read from."""
    file = static.File(str(path))
    file.isLeaf = True  # type: ignore[attr-defined]
    site = Site(file, reactor)
    port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")
    client = Client()
    creator = protocol.ClientCreator(reactor, lambda: client)
    reads = 0

    def count(frame: Any, event: str, function: Any) -> None:
        nonlocal reads
        if event == "c_call" and function.__name__ == "read":
            reads += isinstance(function.__self__, io.BufferedReader)

    creator.connectTCP("127.0.0.1", port.getHost().port)
    sys.setprofile(count)
    try:
        spin(reactor, lambda: site.transports and client.size > path.stat().st_size)
    finally:
        sys.setprofile(None)
    port.stopListening()
    assert client.transport is not None
    client.transport.loseConnection()
    return site, reads


@pytest.mark.parametrize("size", [65537, 1 << 20, 30_000_000])
def test_what_is_sent_so_is_not_read(cooperating: PyReactor, tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    assert serve(cooperating, path)[1] == 1  # its end


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there each instance has a dict")
def test_a_connection_that_was_served_has_no_dict(cooperating: PyReactor, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    for transport in serve(cooperating, path)[0].transports:
        assert not [held for held in gc.get_referents(transport) if type(held) is dict]
