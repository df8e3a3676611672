"""
What Twisted's own benchmarks of its web client and server, its timers and its SSH measure, in
other words: ``twisted_own.py WORK SECONDS``.

No bytes go through the kernel but for SSH, which makes a connection, exchanges keys and
disconnects.  Prints microseconds per operation: the median of many short runs.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from string import ascii_letters
from time import perf_counter
from typing import Any, cast

from twisted.conch.ssh import factory, keys, transport
from twisted.internet import base, defer, endpoints, task
from twisted.internet import reactor as default_reactor
from twisted.internet.testing import StringTransport
from twisted.web import resource, server
from twisted.web._newclient import HTTP11ClientProtocol, Request
from twisted.web.http_headers import Headers

reactor = cast(Any, default_reactor)
work, seconds = sys.argv[1], float(sys.argv[2])
RUNS = 25


class ByHand(base.ReactorBase):
    """A reactor without descriptors, whose clock is set by hand."""

    now = 0.0

    def seconds(self) -> float:
        return self.now

    def installWaker(self) -> None:
        pass


def spaced_calls(times: list[int]) -> None:
    """Schedule calls that are due one after the other, then run each at its time."""
    own = ByHand()
    for when in times:
        own.callLater(when, int)
    for _ in times:
        own.now += own.timeout() or 0
        own.runUntilCurrent()
    assert not own.getDelayedCalls()


def call_later() -> Callable[[], object]:
    """Scheduled in the order in which they are due."""
    times = list(range(100))
    return lambda: spaced_calls(times)


def call_later_reversed() -> Callable[[], object]:
    """Scheduled the last one first."""
    times = list(reversed(range(100)))
    return lambda: spaced_calls(times)


def lines(*each: bytes) -> bytes:
    """A head: these lines and an empty one."""
    return b"\r\n".join([*each, b"", b""])


RESPONSE = lines(b"HTTP/1.1 200 OK", b"Server: it", b"X-A: b", b"Content-Length: 3") + b"abc"


def web_client() -> Callable[[], object]:
    """A request, and a small response to it."""

    def once() -> None:
        client = HTTP11ClientProtocol()
        client.makeConnection(StringTransport())
        host = Headers({b"Host": [b"example.com"]})
        response = client.request(Request(b"GET", b"/some/path", host, None))
        client.dataReceived(RESPONSE)
        got: list[object] = []
        response.addCallback(got.append)
        assert got

    return once


class Text(resource.Resource):
    """A hundred bytes of text."""

    isLeaf = True
    content = b"twenty bytes of text" * 5

    def render_GET(self, request: server.Request) -> bytes:
        request.setHeader(b"content-type", b"text/plain")
        request.setHeader(b"content-length", b"%d" % len(self.content))
        return self.content


class Demanding(Text):
    """Asks and tells more of the request."""

    def render_GET(self, request: server.Request) -> bytes:
        request.setLastModified(1000)
        request.setETag(b"etag")
        request.getRequestHostname()
        request.setHost(b"example.com", 80)
        return super().render_GET(request)


class Pieces(resource.Resource):
    """52 pieces of a KiB, which go out as chunks."""

    isLeaf = True

    def render_GET(self, request: server.Request) -> int:
        request.setHeader(b"content-type", b"application/octet-stream")
        for letter in ascii_letters:
            request.write(letter.encode() * 1024)
        request.finish()
        return server.NOT_DONE_YET


class Nowhere(StringTransport):
    """Forgets what is written."""

    def write(self, data: bytes) -> None:
        pass

    def writeSequence(self, data: Any) -> None:
        pass


def web_server(
    leaf: resource.Resource, request: bytes, make: type[StringTransport] = StringTransport
) -> Callable[[], object]:
    """A connection, one request, and its response."""
    site = server.Site(leaf)

    def once(made: type[StringTransport] = make) -> StringTransport:
        written = made()
        channel = site.buildProtocol(None)
        channel.makeConnection(written)
        channel.dataReceived(request)
        return written

    assert once(StringTransport).value().startswith(b"HTTP/1.1 200 OK\r\n")
    return once


GET = (b"GET / HTTP/1.1", b"Host: example.com")


def web_empty() -> Callable[[], object]:
    """A request without a body."""
    return web_server(Text(), lines(*GET, b"User-Agent: it", b"Content-Length: 0"))


def web_demanding() -> Callable[[], object]:
    """The same with a resource that does more."""
    return web_server(Demanding(), lines(*GET, b"User-Agent: it", b"Content-Length: 0"))


def web_many_headers() -> Callable[[], object]:
    """60 headers, most of them cookies."""
    few = [b"X-%d: some value" % number for number in range(8)]
    cookies = [b"Cookie: %c=%s" % (letter, b"v" * 26) for letter in ascii_letters.encode()]
    return web_server(Text(), lines(*GET, *few, *cookies))


def web_chunked_request() -> Callable[[], object]:
    """A body that comes in 100 chunks."""
    head = lines(*GET, b"Transfer-Encoding: chunked")
    return web_server(Text(), head + b"d\r\nHello, world!\r\n" * 100 + b"0\r\n\r\n")


def web_chunked_response() -> Callable[[], object]:
    """A body that goes out in 52 chunks, and is then forgotten."""
    return web_server(Pieces(), lines(*GET, b"Accept: *"), Nowhere)


class SSHClient(transport.SSHClientTransport):
    """Leaves as soon as the keys are exchanged."""

    def verifyHostKey(self, host_key: object, fingerprint: object) -> Any:
        return defer.succeed(True)

    def connectionSecure(self) -> None:
        self.transport.loseConnection()

    def connectionLost(self, reason: object = None) -> None:
        self.left.callback(None)


def ssh_factory() -> factory.SSHFactory:
    """A server with a new key."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = keys.Key(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    made = factory.SSHFactory()
    made.privateKeys = {b"ssh-rsa": key}
    made.publicKeys = {b"ssh-rsa": key.public()}
    return made


async def ssh(upto: float) -> list[float]:
    """Seconds of each connection, from connecting to the client's end."""
    listening = endpoints.TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    port = await listening.listen(ssh_factory())
    connecting = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    taken = []
    while not taken or sum(taken) < upto:
        began = perf_counter()
        client = SSHClient()
        client.left = defer.Deferred()
        await endpoints.connectProtocol(connecting, client)
        await client.left
        taken.append(perf_counter() - began)
    await port.stopListening()
    return taken


def repeated(once: Callable[[], object], upto: float) -> list[float]:
    """Seconds per operation of several runs, which take so long together."""
    began = perf_counter()
    once()
    each = max(1, int(upto / RUNS / (perf_counter() - began)))
    taken = []
    for _ in range(RUNS):
        began = perf_counter()
        for _ in range(each):
            once()
        taken.append((perf_counter() - began) / each)
    return taken


WORKS: dict[str, Callable[[], Callable[[], object]]] = {
    "call_later": call_later,
    "call_later_reversed": call_later_reversed,
    "web_client": web_client,
    "web_empty": web_empty,
    "web_demanding": web_demanding,
    "web_many_headers": web_many_headers,
    "web_chunked_request": web_chunked_request,
    "web_chunked_response": web_chunked_response,
}


async def measure(_: object) -> None:
    """Print what came out."""
    taken = await ssh(seconds) if work == "ssh" else repeated(WORKS[work](), seconds)
    name = f"{type(reactor).__module__}.{type(reactor).__qualname__}"
    print(json.dumps({"value": 1e6 * statistics.median(taken), "runs_on": name}), flush=True)


task.react(lambda reactor: defer.ensureDeferred(measure(reactor)))
