"""
Nanoseconds per request of clients: ``twisted_clients.py WORK AT_ONCE COUNT``.

WORK is agent, treq, dns, websocket or redis.  The server is in the same process, but for Redis,
which is redis-server.  An ordinary Twisted program; so many requests are under way at any time, on
the loopback interface.
"""

from __future__ import annotations

import socket
import sys
import tempfile
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, cast

from measured import Stopwatch, helper, tell
from twisted.internet import defer, protocol, task
from twisted.internet import reactor as default_reactor

reactor = cast(Any, default_reactor)
work, at_once, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
Ask = Callable[[int], Awaitable[None]]


def site() -> tuple[Any, bytes]:
    """A server of twisted.web: a pool of connections for its clients, and its address."""
    from twisted.web import client, resource, server

    class Hello(resource.Resource):
        """Answers every GET with the same few bytes."""

        isLeaf = True

        def render_GET(self, request: server.Request) -> bytes:
            """The answer."""
            return b"hello world\n"

    port = reactor.listenTCP(0, server.Site(Hello()), interface="127.0.0.1")
    pool = client.HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = at_once
    return pool, b"http://127.0.0.1:%d/" % port.getHost().port


async def agent() -> Ask:
    """twisted.web's Agent with a pool, and its server."""
    from twisted.web import client

    pool, url = site()
    asking = client.Agent(reactor, pool=pool)
    # Of readBody, each time.
    warnings.simplefilter("ignore", DeprecationWarning)

    async def ask(_: int) -> None:
        response = await asking.request(b"GET", url)
        assert await client.readBody(response) == b"hello world\n"

    return ask


async def treq() -> Ask:
    """treq over the same."""
    import treq as requests

    pool, url = site()

    async def ask(_: int) -> None:
        response = await requests.get(url, pool=pool)
        assert await requests.content(response) == b"hello world\n"

    return ask


async def redis() -> Ask:
    """txredisapi: a number is set and asked for by turns, of a server that keeps no files."""
    import txredisapi

    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    folder = tempfile.TemporaryDirectory()
    options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder.name)
    process = helper(["redis-server", "--port", str(port), *options])

    def end() -> None:
        process.kill()
        process.wait()
        folder.cleanup()

    reactor.addSystemEventTrigger("after", "shutdown", end)
    connected = await txredisapi.Connection("127.0.0.1", port)

    async def ask(number: int) -> None:
        key = f"key{number % 100 // 2}"
        if number % 2:
            assert isinstance(await connected.get(key), int)
        else:
            assert await connected.set(key, number) == "OK"

    return ask


async def dns() -> Ask:
    """twisted.names: a resolver that asks a server for an address, by UDP."""
    from twisted.names import client, server
    from twisted.names import dns as names

    class Zone(client.Resolver):
        """Knows one answer to everything."""

        def query(self, query: Any, timeout: object = None) -> Any:
            """The answer."""
            payload = names.Record_A("127.0.0.2", ttl=0)
            answer = names.RRHeader(query.name.name, names.A, payload=payload, ttl=0)
            return defer.succeed(([answer], [], []))

    factory = server.DNSServerFactory(clients=[Zone(servers=[("127.0.0.1", 1)])])
    port = reactor.listenUDP(0, names.DNSDatagramProtocol(factory), interface="127.0.0.1")
    # The protocol makes a port of its own for each query, as it should; this one has its own.
    asking = names.DNSDatagramProtocol(client.Resolver(servers=[("127.0.0.1", 1)]))
    reactor.listenUDP(0, asking, interface="127.0.0.1")
    address = ("127.0.0.1", port.getHost().port)

    async def ask(number: int) -> None:
        query = names.Query(b"host%d.example" % number, names.A)
        answer = await asking.query(address, [query], timeout=10)
        assert answer.answers[0].payload.dottedQuad() == "127.0.0.2"

    return ask


async def websocket() -> Ask:
    """autobahn: a message to a server that echoes it."""
    from autobahn.twisted import websocket as ws

    class Echo(ws.WebSocketServerProtocol):  # type: ignore[misc]
        """Sends each message back."""

        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            """Send it back."""
            self.sendMessage(payload, isBinary)

    opened: defer.Deferred[Any] = defer.Deferred()

    class Client(ws.WebSocketClientProtocol):  # type: ignore[misc]
        """Has one message under way."""

        waiting: defer.Deferred[bytes]

        def onOpen(self) -> None:
            """It may begin."""
            opened.callback(self)

        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            """An answer."""
            self.waiting.callback(payload)

    server = ws.WebSocketServerFactory()
    server.protocol = Echo
    port = reactor.listenTCP(0, server, interface="127.0.0.1")
    factory = ws.WebSocketClientFactory(f"ws://127.0.0.1:{port.getHost().port}")
    factory.protocol = Client
    reactor.connectTCP("127.0.0.1", port.getHost().port, factory)
    connected = await opened
    message = b"x" * 100

    async def ask(_: int) -> None:
        connected.waiting = defer.Deferred()
        connected.sendMessage(message, True)
        assert await connected.waiting == message

    return ask


WORKS: dict[str, Callable[[], Awaitable[Ask]]] = {
    "agent": agent,
    "treq": treq,
    "dns": dns,
    "websocket": websocket,
    "redis": redis,
}


async def ask_all(ask: Ask, numbers: range) -> None:
    """Ask so often, with so many under way at once."""

    async def one_by_one() -> None:
        for number in left:
            await ask(number)

    left = iter(numbers)
    await defer.gatherResults([defer.ensureDeferred(one_by_one()) for _ in range(at_once)])


async def measure(_: object) -> None:
    """Ask, and tell what came out."""
    ask = await WORKS[work]()
    await ask_all(ask, range(count // 10 + 1))
    watch = Stopwatch()
    await ask_all(ask, range(count))
    tell(reactor, count, watch.passed())


protocol.Factory.noisy = False
task.react(lambda reactor: defer.ensureDeferred(measure(reactor)))
