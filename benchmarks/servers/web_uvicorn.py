"""
Answers as the page of ``web_site.py`` does, by uvicorn with httptools on uvloop, without a log.

Prints its port and its loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn  # type: ignore[import-not-found, unused-ignore]

BODY = b"hello world\n"
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(BODY))],
}


async def page(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """The answer to whatever is asked."""
    await send(START)
    await send({"type": "http.response.body", "body": BODY})


class Server(uvicorn.Server):  # type: ignore[misc, unused-ignore]
    """Tells its port once it listens."""

    async def startup(self, sockets: Any = None) -> None:
        """As uvicorn's."""
        await super().startup(sockets)
        kind = type(asyncio.get_running_loop())
        port = self.servers[0].sockets[0].getsockname()[1]
        print(port, f"{kind.__module__}.{kind.__qualname__}", flush=True)


Server(
    uvicorn.Config(
        page,
        port=0,
        loop="uvloop",
        http="httptools",
        interface="asgi3",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
).run()
