"""Files by sendfile: the same bytes, counts and ends as stock's."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import protocol, task
from twisted.internet.testing import StringTransport
from twisted.protocols.basic import FileSender
from twisted.web import http, server, static

from pyreactor.reactor import PyReactor
from tests.both import check_same_on_both
from tests.loop.test_reactor import Pair, reactor, spin
from tests.support import check
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


class Channel(StringTransport):
    """What a request of ``twisted.web.http`` needs of its channel."""

    factory = None
    transport = None
    done = False

    def writeHeaders(self, *args: Any) -> None:
        self.write(b"head;")

    def requestDone(self, request: Any) -> None:
        self.done = True


@pytest.mark.parametrize("size", [3, 200_000])
def test_other_requests_get_what_they_got(tmp_path: Path, size: int) -> None:
    (tmp_path / "f").write_bytes(b"x" * size)
    channel: Any = Channel()
    request: Any = http.Request(channel, False)
    request.clientproto, request.method = b"HTTP/1.0", b"GET"
    request.gotLength(0)
    request.registerProducer = lambda producer, streaming: None
    request.unregisterProducer = lambda: None
    producer: Any = static.NoRangeStaticProducer(request, (tmp_path / "f").open("rb"))
    steps = 0
    while producer.request is not None:
        producer.resumeProducing()
        steps += 1
    assert channel.value() == b"head;" + b"x" * size
    assert channel.done
    assert steps == size // static.NoRangeStaticProducer.bufferSize + 2


def test_a_file_that_is_closed_while_the_head_is_written(
    reactor: PyReactor, tmp_path: Path
) -> None:
    """Another one gets its descriptor, and none of that one is sent."""
    secret = tmp_path / "secret"
    (tmp_path / "f").write_bytes(b"x" * 200_000)
    secret.write_bytes(b"secret" * 50_000)
    others: list[Any] = []
    pair = Pair(reactor)
    channel: Any = http.HTTPChannel()
    channel.site = channel.factory = server.Site(static.File(str(tmp_path)), reactor=reactor)
    channel.makeConnection(pair.server.transport)
    request: Any = server.Request(channel, False)
    request.clientproto, request.method = b"HTTP/1.0", b"GET"
    request.responseHeaders.setRawHeaders(b"content-length", [b"200000"])
    producer: Any = static.NoRangeStaticProducer(request, (tmp_path / "f").open("rb"))
    request.producer = producer
    number = producer.fileObject.fileno()

    class Pausing:
        """Closes the file as the queue fills, and opens another one."""

        def pauseProducing(self) -> None:
            producer.fileObject.close()
            others.append(secret.open("rb"))

        def resumeProducing(self) -> None: ...
        def stopProducing(self) -> None: ...

    pair.server.transport.unregisterProducer()
    pair.server.transport.registerProducer(Pausing(), True)
    pair.server.transport.bufferSize = 1
    with pytest.raises(ValueError, match="closed file"):
        producer.resumeProducing()
    assert [other.fileno() for other in others] == [number]
    pair.server.transport.unregisterProducer()
    pair.server.transport.loseConnection()
    spin(reactor, lambda: pair.client.lost)
    assert b"secret" not in pair.client.received


def test_a_file_behind_another_is_read(tmp_path: Path) -> None:
    """Its descriptor has other bytes: they must not go out."""
    check_same_on_both("web_files_read.py", (), "read through")


class Client(protocol.Protocol):
    """Asks for a file, and counts what comes."""

    size = 0

    def __init__(self, lines: bytes) -> None:
        self.lines = lines

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"GET / HTTP/1.1\r\nHost: x\r\n" + self.lines + b"\r\n")

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


def serve(
    reactor: PyReactor, path: Path, lines: bytes = b"", size: int | None = None
) -> tuple[Site, int]:
    """
    A file is asked for, and comes, or so much of it: the site, and how many times it was read from.
    """
    expected = path.stat().st_size if size is None else size
    file = static.File(str(path))
    file.isLeaf = True  # type: ignore[attr-defined]
    site = Site(file, reactor)
    port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")
    client = Client(lines)
    creator = protocol.ClientCreator(reactor, lambda: client)
    reads = 0

    def count(frame: Any, event: str, function: Any) -> None:
        nonlocal reads
        if event == "c_call" and function.__name__ == "read":
            reads += isinstance(function.__self__, io.BufferedReader)

    creator.connectTCP("127.0.0.1", port.getHost().port)
    sys.setprofile(count)
    try:
        spin(reactor, lambda: site.transports and client.size > expected)
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


def test_a_range_that_is_sent_so_is_not_read(cooperating: PyReactor, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 30_000_000)
    lines = b"Range: bytes=5-20000004\r\n"
    assert serve(cooperating, path, lines, 20_000_000)[1] == 1  # no bytes, at its end


@pytest.mark.parametrize(
    ("size", "done"), [(None, 0), (5.0, 0), (10**30, 0), (3, 4), (3, -1), (3, 3)]
)
def test_a_range_of_any_size(tmp_path: Path, size: Any, done: int) -> None:
    """Of a producer that a program has changed."""
    (tmp_path / "f").write_bytes(b"x" * 70_000)

    def run(own: bool) -> Any:
        channel: Any = Channel()
        request: Any = http.Request(channel, False)
        request.clientproto, request.method = b"HTTP/1.0", b"GET"
        request.gotLength(0)
        request.registerProducer = lambda producer, streaming: None
        request.unregisterProducer = lambda: None
        with (tmp_path / "f").open("rb") as file:
            producer: Any = static.SingleRangeStaticProducer(request, file, 2, size)
            producer.start()
            producer.bytesWritten = done
            step: Any = static.SingleRangeStaticProducer.resumeProducing
            try:
                (step if own else step.__wrapped__)(producer)
            except Exception as error:
                return type(error), str(error)
            return channel.value(), producer.bytesWritten, channel.done

    assert run(True) == run(False)


def test_a_range_that_was_not_started(tmp_path: Path) -> None:
    producer: Any = static.SingleRangeStaticProducer(http.Request(Channel(), False), None, 0, 1)  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match="bytesWritten|read"):
        producer.resumeProducing()


@pytest.mark.skipif(
    sys.version_info[:2] in ((3, 10), (3, 13)),
    reason="there each connection has a dict from its beginning",
)
def test_a_connection_that_was_served_has_no_dict(tmp_path: Path) -> None:
    """In a process of its own: what other tests set counts for the room in its class."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    check(
        "import gc, pathlib\n"
        "from twisted.internet import task\n"
        "from pyreactor.reactor import PyReactor\n"
        "from tests.web.test_sendfile import serve\n"
        "reactor = PyReactor()\n"
        "task._theCooperator._scheduler = lambda call: reactor.callLater(0.0, call)\n"
        f"site, reads = serve(reactor, pathlib.Path({str(path)!r}))\n"
        "[transport] = site.transports\n"
        "assert not [held for held in gc.get_referents(transport) if type(held) is dict]\n",
        env={"PYTHONWARNINGS": "ignore"},  # debug builds tell of what is open
    )
