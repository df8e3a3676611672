"""The answer of web_daphne.py, by uvicorn.  Prints its port and its loop."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import asyncio_loops
import uvicorn

Sends = Callable[[dict[str, Any]], Awaitable[None]]


async def hello(scope: dict[str, Any], receive: object, send: Sends) -> None:
    """The same few bytes for every request."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"12")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello world\n"})


async def main(listening: socket.socket, loop: str) -> None:
    """Serve until the process is ended."""
    config = uvicorn.Config(hello, log_level="warning", access_log=False, lifespan="off")
    print(listening.getsockname()[1], loop, flush=True)
    await uvicorn.Server(config).serve([listening])


loop = asyncio_loops.new_loop()
listening = socket.create_server(("127.0.0.1", 0), backlog=128)
loop.run_until_complete(main(listening, asyncio_loops.name_of(loop)))
