"""
Files by ``static.File`` and ``FileSender``, over plain TCP, to clients of every kind.

Shows digests of what came, what the server counted and logged, and how each transfer ended.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import tempfile
from functools import partial
from typing import Any

from twisted.internet import defer, protocol, reactor, task
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.protocols.basic import FileSender
from twisted.web import http, resource, server, static

SIZES = {"empty": 0, "one": 1, "small": 1000, "chunk": 65536, "more": 65537, "large": 5_000_000}
BYTES = random.Random(1).randbytes(max(SIZES.values()))


class Client(protocol.Protocol):
    """Sends its requests, and takes what comes until the end, with pauses or none."""

    def __init__(self, requests: bytes, pauses: int = 0, leaves: bool = False) -> None:
        self.requests = requests
        self.pauses = pauses
        self.leaves = leaves
        self.received: list[bytes] = []
        self.done: defer.Deferred[None] = defer.Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self.requests)

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        self.received.append(data)
        if self.leaves:
            transport.abortConnection()
        elif self.pauses:
            self.pauses -= 1
            transport.pauseProducing()
            task.deferLater(reactor, 0.01, transport.resumeProducing)

    def connectionLost(self, reason: Any = None) -> None:
        self.done.callback(None)

    def shown(self) -> str:
        data = re.sub(rb"\r\n(Date|Last-Modified): [^\r]*", b"", b"".join(self.received))
        head, _, body = data.partition(b"\r\n\r\n")
        start = head[:300].decode("latin-1") if body else len(head)
        return f"{start!r} {len(data)} {len(body)} {hashlib.sha256(data).hexdigest()[:16]}"


class Counted(FileSender):
    """Counts the steps that it is asked for."""

    steps = 0

    def resumeProducing(self) -> None:
        self.steps += 1
        super().resumeProducing()


class Sender(protocol.Protocol):
    """Sends a file to whoever connects."""

    def __init__(self, path: str, before: bytes, transform: Any) -> None:
        self.path = path
        self.before = before
        self.transform = transform

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(self.before)
        file = open(self.path, "rb")  # noqa: SIM115
        sender = Counted() if self.before == b"counted " else FileSender()
        sent = sender.beginFileTransfer(file, transport, self.transform)
        sent.addCallback(lambda last: print("last byte", last, getattr(sender, "steps", "")))
        sent.addErrback(lambda failure: print("not sent:", failure.value))
        sent.addBoth(lambda _: (file.close(), transport.loseConnection()))


@defer.inlineCallbacks
def transfer(port: int, client: Client) -> Any:
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    yield connectProtocol(endpoint, client)
    yield client.done


def request(path: str, *lines: str, method: str = "GET", last: bool = True) -> bytes:
    close = ["Connection: close"] if last else []
    return "\r\n".join([f"{method} /{path} HTTP/1.1", "Host: x", *lines, *close, "", ""]).encode()


@defer.inlineCallbacks
def files(folder: str) -> Any:
    site: Any = server.Site(static.File(folder))
    logged: list[Any] = []
    site.log = lambda request: logged.append((request.code, request.sentLength))
    listening = yield TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(site)
    port = listening.getHost().port
    for name in SIZES:
        client = Client(request(name))
        yield transfer(port, client)
        print(name, client.shown(), logged)
        logged.clear()
    for client in (
        Client(request("large"), pauses=20),
        Client(request("large", method="HEAD")),
        Client(request("large", "Range: bytes=5-4000000")),
        Client(request("large", "Range: bytes=5-4000000"), pauses=20),
        Client(request("large", "Range: bytes=4000000-9000000")),
        Client(request("large", "Range: bytes=-65537", last=False) + request("one")),
        Client(request("large", "Range: bytes=70000-70009")),
        Client(request("more", "Range: bytes=1-65536", method="HEAD")),
        Client(request("more", last=False) + request("large", last=False) + request("one")),
    ):
        yield transfer(port, client)
        print(client.shown(), logged)
        logged.clear()
    yield transfer(port, Client(request("large"), leaves=True))
    yield transfer(port, Client(request("large", "Range: bytes=1-"), leaves=True))
    print("left", logged)
    yield listening.stopListening()


class Counting(server.Request):
    """Has a ``write`` of its own."""

    written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)
        super().write(data)

    def finish(self) -> None:
        print("written through a request", self.written)
        super().finish()


class Plain(http.Request):
    """One of ``twisted.web.http``'s, which knows nothing of resources."""

    def process(self) -> None:
        file = open(self.channel.factory.path, "rb")  # noqa: SIM115
        static.NoRangeStaticProducer(self, file).start()


class Unsized(static.File):
    """Does not say how long a file is: it goes in chunks."""

    def _setContentHeaders(self, request: Any, size: Any = None) -> None:
        request.setHeader(b"content-type", b"text/plain")


class Watched(static.File):
    """Files go through a ``write`` of the connection's own."""

    def render_GET(self, request: Any) -> Any:
        transport, seen = request.transport, []

        def write(data: bytes) -> None:
            seen.append(len(data))
            type(transport).write(transport, data)

        def show(result: Any) -> None:
            print("written through a connection", sum(seen))
            del transport.write

        transport.write = write
        request.notifyFinish().addBoth(show)
        return super().render_GET(request)


class Between:
    """Stands between a request and what produces a file, and counts its steps."""

    def __init__(self, producer: Any) -> None:
        self.producer = producer
        self.steps = 0

    def start(self) -> None:
        request = self.producer.request
        request.notifyFinish().addBoth(lambda _: print("steps", self.steps))
        request.registerProducer(self, False)

    def resumeProducing(self) -> None:
        self.steps += 1
        self.producer.resumeProducing()

    def stopProducing(self) -> None:
        self.producer.stopProducing()


class Stepwise(static.File):
    """Files go out by steps that are counted."""

    def makeProducer(self, request: Any, fileForReading: Any) -> Any:
        return Between(super().makeProducer(request, fileForReading))


class Inverted(static.File):
    """Files have a ``read`` of their own."""

    def openForReading(self) -> Any:
        file: Any = super().openForReading()
        read = file.read
        file.read = lambda size: bytes(255 - byte for byte in read(size))
        return file


class Changing(static.File):
    """Requests have a ``write`` of their own for the first piece."""

    def render_GET(self, request: Any) -> Any:
        def write(data: bytes) -> None:
            del request.write
            print("first", len(data))
            request.write(data)

        request.write = write
        return super().render_GET(request)


@defer.inlineCallbacks
def unusual(folder: str) -> Any:
    top = resource.Resource()
    for cls in (Unsized, Watched, Stepwise, Inverted, Changing):
        top.putChild(cls.__name__.encode(), cls(folder))
    large = static.File(os.path.join(folder, "large"))
    top.putChild(b"packed", resource.EncodingResourceWrapper(large, [server.GzipEncoderFactory()]))
    site: Any = server.Site(top)
    counting: Any = server.Site(static.File(folder), requestFactory=Counting)
    plain: Any = server.Site(top, requestFactory=Plain)
    plain.path = os.path.join(folder, "large")
    names = ["Unsized/more", "Unsized/large", "Watched/more", "Watched/large", "Inverted/more"]
    for each, paths in (
        (site, [*names, "Stepwise/large", "Changing/large", "packed"]),
        (counting, ["small", "more", "large"]),
        (plain, ["any"]),
    ):
        each.log = lambda request: print("logged", request.code, request.sentLength)
        listening = yield TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(each)
        for path in paths:
            for how in ("HTTP/1.1", "HTTP/1.0"):
                lines = (
                    f"GET /{path} {how}",
                    "Host: x",
                    "Accept-Encoding: gzip",
                    "Connection: close",
                )
                client = Client("\r\n".join([*lines, "", ""]).encode(), pauses=3)
                yield transfer(listening.getHost().port, client)
                print(path, how, client.shown())
        yield listening.stopListening()


@defer.inlineCallbacks
def senders(folder: str) -> Any:
    for name in SIZES:
        path = os.path.join(folder, name)
        for before, transform in (
            (b"", None),
            (b"before ", None),
            (b"counted ", None),
            (b"", bytes.swapcase),
        ):
            factory: Any = protocol.Factory.forProtocol(partial(Sender, path, before, transform))
            listening = yield TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
            for client in (Client(b""), Client(b"", pauses=5)):
                yield transfer(listening.getHost().port, client)
                print(name, before, transform is not None, client.shown())
            yield listening.stopListening()


@defer.inlineCallbacks
def main(folder: str) -> Any:
    for name, size in SIZES.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(BYTES[:size])
    yield files(folder)
    yield unusual(folder)
    yield senders(folder)
    print("all files went out")


def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        task.react(lambda reactor: main(folder))


if __name__ == "__main__":
    run()
