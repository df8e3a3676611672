"""
An ASGI application under daphne: ``web_daphne.py [uvloop]``.  Prints its port and its reactor.

daphne's own server with its own options, as ``daphne module:application`` has it.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

if sys.argv[1:] == ["uvloop"]:
    import uvloop
    from twisted.internet import asyncioreactor

    asyncioreactor.install(uvloop.new_event_loop())

from daphne.server import Server  # which installs the reactor on asyncio if there is none
from twisted.internet import reactor

Sends = Callable[[dict[str, Any]], Awaitable[None]]


async def hello(scope: dict[str, Any], receive: object, send: Sends) -> None:
    """The same few bytes for every request."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"12")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello world\n"})


def ready() -> None:
    """Called when the server listens."""
    name = f"{type(reactor).__module__}.{type(reactor).__qualname__}"
    print(server.listening_addresses[0][1], name, flush=True)


server = Server(hello, ["tcp:port=0:interface=127.0.0.1"], ready_callable=ready)
server.run()
