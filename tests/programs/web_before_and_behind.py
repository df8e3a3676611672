"""WSGI applications, proxies and virtual hosts of twisted.web."""

from __future__ import annotations

import re
import sys
import time
from typing import Any

from common import later, log_errors, run
from twisted.internet import defer, endpoints, protocol, reactor, task, threads
from twisted.python.threadpool import ThreadPool
from twisted.web import client, http, proxy, resource, server, static, vhost, wsgi
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer


class Raw(protocol.Protocol):
    def __init__(self) -> None:
        self.data = b""
        self.lost: Any = defer.Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Any) -> None:
        self.lost.callback(reason.type.__name__)


async def ask(number: int, *parts: bytes) -> None:
    end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", number)
    asking = await endpoints.connectProtocol(end, Raw())
    for part in parts:
        asking.transport.write(part.replace(b"PORT", b"%d" % number))
        await task.deferLater(reactor, 0.02)
    print(await asking.lost)
    show(asking.data, number)


def show(data: bytes, number: int) -> None:
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.replace(b"%d" % number, b"PORT").split(b"\r\n"):
        if not line.startswith((b"Date:", b"Last-Modified:")):
            print("  ", line.decode())
    body = re.sub(rb"Date: [^\r]*", b"Date", body.replace(b"%d" % number, b"PORT"))
    print("  ", len(body), body[:150], body[-8:])


def listen(site: Any) -> Any:
    site.noisy = False
    return reactor.listenTCP(0, site, interface="127.0.0.1")


CLOSE = b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


class Parts:
    """An iterable that tells when it is closed."""

    closed = 0

    def __init__(self, parts: Any) -> None:
        self.parts = iter(parts)

    def __iter__(self) -> Any:
        return self.parts

    def close(self) -> None:
        print("closed")
        Parts.closed += 1


def application(environ: Any, start: Any) -> Any:
    path = environ["PATH_INFO"]
    if path == "/plain":
        start("200 OK", [("X-A", "1"), ("X-A", "2"), ("Content-Length", "5")])
        return [b"he", b"llo"]
    if path == "/write":
        write = start("201 Made", [("Content-Type", "text/x")])
        for number in range(300):
            write(b"%d," % number)
        return Parts([b"end"])
    if path == "/slow":
        start("200 OK", [])

        def parts() -> Any:
            for number in range(3):
                time.sleep(0.02)
                yield b"part %d" % number

        return Parts(parts())
    if path == "/big":
        start("200 OK", [])
        return Parts([b"b" * 70000] * 30)
    if path == "/post":
        body = environ["wsgi.input"]
        first, rest = body.readline(), body.read()
        start("200 OK", [])
        return [
            first,
            b"%d" % len(rest),
            environ.get("CONTENT_TYPE", "").encode(),
            environ["QUERY_STRING"].encode(),
        ]
    if path == "/raise":
        raise ZeroDivisionError("asked for")
    if path == "/raise/late":
        start("200 OK", [])

        def failing() -> Any:
            yield b"some"
            raise ZeroDivisionError("late")

        return Parts(failing())
    if path == "/again":
        start("200 OK", [("X-A", "1")])
        try:
            raise KeyError
        except KeyError:
            start("500 Oh", [("X-B", "2")], sys.exc_info())
        return [b"x"]
    if path == "/environ":
        keys = (
            "REQUEST_METHOD",
            "SCRIPT_NAME",
            "PATH_INFO",
            "SERVER_PROTOCOL",
            "HTTP_X_MANY",
            "wsgi.multithread",
            "wsgi.url_scheme",
            "REMOTE_ADDR",
        )
        start("200 OK", [])
        return [repr([environ.get(key) for key in keys]).encode()]
    start("404 None", [])
    return []


async def wsgis() -> None:
    pool = ThreadPool(1, 3)
    pool.start()
    reactor.addSystemEventTrigger("after", "shutdown", pool.stop)
    root = resource.Resource()
    root.putChild(b"app", wsgi.WSGIResource(reactor, pool, application))
    port = listen(server.Site(root))
    number = port.getHost().port
    for path in (
        b"plain",
        b"write",
        b"slow",
        b"big",
        b"raise",
        b"raise/late",
        b"again",
        b"environ",
        b"none",
        b"%e2%82/../x",
    ):
        print(path)
        await ask(number, b"GET /app/" + path + CLOSE + b"X-Many: 1\r\nX-Many: 2\r\n\r\n")
    await ask(number, b"HEAD /app/plain" + CLOSE + b"\r\n")
    await ask(
        number,
        b"POST /app/post?a=b" + CLOSE + b"Content-Type: x/y\r\nContent-Length: 40\r\n\r\nfirst\r\n",
        b"y" * 33,
    )
    await ask(
        number,
        b"POST /app/post?a=b" + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n4\r\nab\nc\r\n",
        b"3\r\nxyz\r\n0\r\n\r\n",
    )
    # Many at once, by pipelining; the last one closes.
    await ask(
        number,
        b"GET /app/plain HTTP/1.1\r\nHost: a\r\n\r\n" * 20 + b"GET /app/slow" + CLOSE + b"\r\n",
    )
    # One that goes away.
    end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", number)
    asking = await endpoints.connectProtocol(end, Raw())
    asking.transport.pauseProducing()
    before = Parts.closed
    asking.transport.write(b"GET /app/big" + CLOSE + b"\r\n")
    while Parts.closed == before:
        await task.deferLater(reactor, 0.01)
    asking.transport.abortConnection()
    print(await asking.lost)
    await threads.deferToThreadPool(reactor, pool, lambda: None)
    await task.deferLater(reactor, 0.2)
    await port.stopListening()


class Behind(resource.Resource):
    isLeaf = True

    def render_GET(self, request: Any) -> Any:
        if request.path.endswith(b"big"):
            return b"b" * 1000000
        if request.path.endswith(b"later"):
            later(0.02, self.write_one, request)
            return server.NOT_DONE_YET
        if request.path.endswith(b"close"):
            request.transport.abortConnection()
            return server.NOT_DONE_YET
        if request.path.endswith(b"raise"):
            raise ZeroDivisionError
        request.setHeader(b"X-From", b"behind")
        names = sorted(name for name, _ in request.requestHeaders.getAllRawHeaders())
        return b" ".join([request.uri, repr(names).encode(), request.getHeader(b"host") or b"-"])

    def write_one(self, request: Any) -> None:
        request.write(b"one ")
        later(0.02, self.write_two, request)

    def write_two(self, request: Any) -> None:
        request.write(b"two")
        later(0.02, request.finish)

    def render_POST(self, request: Any) -> bytes:
        return b"%d %r" % (len(request.content.read()), sorted(request.args.items()))


PATHS = (b"some?a=b&c", b"big", b"later", b"close", b"raise")


async def reverse() -> None:
    behind = listen(server.Site(Behind()))
    number = behind.getHost().port
    root = resource.Resource()
    root.putChild(b"to", proxy.ReverseProxyResource("127.0.0.1", behind.getHost().port, b"/at"))
    port = listen(server.Site(root))

    async def through(*parts: bytes) -> None:
        end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        asking = await endpoints.connectProtocol(end, Raw())
        for part in parts:
            asking.transport.write(part)
            await task.deferLater(reactor, 0.02)
        print(await asking.lost)
        show(asking.data, number)

    for path in PATHS:
        print(path)
        await through(b"GET /to/" + path + CLOSE + b"\r\n")
    await through(
        b"POST /to/x"
        + CLOSE
        + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=1",
        b"&b=2",
    )
    await behind.stopListening()
    await task.deferLater(reactor, 0.1)
    print("nobody behind")
    await through(b"GET /to/x" + CLOSE + b"\r\n")
    await port.stopListening()


async def forward() -> None:
    behind = listen(server.Site(Behind()))

    class Channel(proxy.Proxy):
        pass

    factory = http.HTTPFactory()
    factory.protocol = Channel
    port = listen(factory)
    number = behind.getHost().port
    agent = client.ProxyAgent(
        endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    )
    for path in PATHS[:3]:
        answer = await agent.request(b"GET", b"http://127.0.0.1:%d/%s" % (number, path))
        body = await client.readBody(answer)
        print(
            answer.code,
            answer.headers.getRawHeaders(b"x-from"),
            len(body),
            body[:300].replace(b"%d" % number, b"PORT"),
        )
    answer = await agent.request(
        b"POST", b"http://127.0.0.1:%d/p" % number, None, Body([b"x" * 5000] * 5)
    )
    print(answer.code, await client.readBody(answer))
    await behind.stopListening()
    await port.stopListening()


@implementer(IBodyProducer)
class Body:
    def __init__(self, parts: Any) -> None:
        self.parts = parts
        self.length = sum(map(len, parts))

    def startProducing(self, consumer: Any) -> Any:
        async def produce() -> None:
            for part in self.parts:
                consumer.write(part)
                await task.deferLater(reactor, 0.001)

        return defer.ensureDeferred(produce())

    def pauseProducing(self) -> None:
        pass

    resumeProducing = stopProducing = pauseProducing


def page(data: bytes) -> Any:
    made = resource.Resource()
    made.putChild(b"", static.Data(data, "text/plain"))
    return made


async def hosts() -> None:
    root = vhost.NameVirtualHost()
    root.addHost(b"one", page(b"first"))
    root.addHost(b"two", page(b"second"))
    root.default = page(b"default")
    port = listen(server.Site(root))
    for host in (b"one", b"TWO", b"one:80", b"three", b""):
        await ask(
            port.getHost().port,
            b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n",
        )
    await ask(port.getHost().port, b"GET / HTTP/1.0\r\n\r\n")
    monster = vhost.VHostMonsterResource()
    tree = resource.Resource()
    tree.putChild(b"vhost", monster)
    tree.putChild(b"where", Where())
    other = listen(server.Site(tree))
    await ask(other.getHost().port, b"GET /vhost/http/outer:8080/where" + CLOSE + b"\r\n")
    await other.stopListening()
    await port.stopListening()


class Where(resource.Resource):
    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"%s %s %s" % (
            request.prePathURL(),
            request.URLPath().here().__str__().encode(),
            request.getRequestHostname(),
        )


log_errors()
defer.ensureDeferred(globals()[sys.argv[1]]()).addErrback(
    lambda failure: print("failed", failure.getTraceback())
).addCallback(lambda _: reactor.callWhenRunning(reactor.stop))
run()
print("done")
