"""
One sample of the web client: ``web_client.py WORK COUNT``.

WORK is agent (Agent with a pool, and readBody) or treq (treq.get and content); 16 requests are
under way at once.  The server, which sends the same bytes each time, is a process of its own.

An ordinary Twisted program; prints microseconds of CPU time per request.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from time import process_time
from typing import Any

AT_ONCE = 16
BODY = b"x" * 100
RESPONSE = b"\r\n".join(
    [
        b"HTTP/1.1 200 OK",
        b"Server: it",
        b"Date: Thu, 01 Jan 1970 00:00:00 GMT",
        b"Content-Length: 100",
        b"Content-Type: text/html",
        b"",
        BODY,
    ]
)


def answer(connection: socket.socket) -> None:
    """Answer what comes on a connection, until it ends."""
    rest = b""
    while data := connection.recv(65536):
        *heads, rest = (rest + data).split(b"\r\n\r\n")
        if heads:
            connection.sendall(RESPONSE * len(heads))


def serve() -> None:
    """Be the server, for as long as standard input is open."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=AT_ONCE)
    print(listening.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


def client(work: str) -> tuple[Callable[[bytes], Any], Any]:
    """What asks for an address, with a Deferred of the body; and the pool."""
    from twisted.internet import reactor
    from twisted.web.client import Agent, HTTPConnectionPool, readBody
    from twisted.web.http_headers import Headers

    pool = HTTPConnectionPool(reactor)  # type: ignore[no-untyped-call]
    pool.maxPersistentPerHost = AT_ONCE
    if work == "treq":
        import treq  # type: ignore[import-not-found, unused-ignore]

        def get(url: bytes) -> Any:
            return treq.get(url, pool=pool).addCallback(treq.content)

        return get, pool
    agent = Agent(reactor, pool=pool)  # type: ignore[no-untyped-call]

    def ask(url: bytes) -> Any:
        headers = Headers({b"User-Agent": [b"benchmark"]})
        return agent.request(b"GET", url, headers).addCallback(readBody)

    return ask, pool


def run(work: str, count: int, port: int) -> None:
    """Ask that often, and stop."""
    from twisted.internet import defer
    from twisted.internet import reactor as default_reactor

    reactor: Any = default_reactor
    ask, pool = client(work)
    url = b"http://127.0.0.1:%d/path?query=1" % port
    left = 0

    @defer.inlineCallbacks
    def worker() -> Iterator[Any]:
        nonlocal left
        while left > 0:
            left -= 1
            if (yield ask(url)) != BODY:
                raise ValueError("not what the server sent")

    @defer.inlineCallbacks
    def main() -> Iterator[Any]:
        nonlocal left
        left = count // 10 + 1
        yield defer.gatherResults([worker() for _ in range(AT_ONCE)])
        left = count
        began = process_time()
        yield defer.gatherResults([worker() for _ in range(AT_ONCE)])
        elapsed = process_time() - began
        name = f"{type(reactor).__module__}.{type(reactor).__qualname__}"
        print(json.dumps({"value": elapsed / count * 1e6, "runs_on": name}), flush=True)
        yield pool.closeCachedConnections()

    def ended(result: Any) -> None:
        if result is not None:
            result.printTraceback()
        reactor.stop()

    reactor.callWhenRunning(lambda: main().addBoth(ended))
    reactor.run()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        # Of readBody, each time.
        warnings.simplefilter("ignore", DeprecationWarning)
        command = [sys.executable, __file__, "serve"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, **pipes) as server:  # type: ignore[call-overload]
            run(sys.argv[1], int(sys.argv[2]), int(server.stdout.readline()))
            server.stdin.close()
