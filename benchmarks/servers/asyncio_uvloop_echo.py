"""
An echo server on uvloop's own protocol interface, without Twisted.  Prints its port and its loop.

With ``--once`` it closes each connection after the first piece, with ``--lines`` it takes the
stream apart into lines and sends each of them back, with ``--unix`` it listens on a UNIX socket.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from typing import cast

import uvloop


class Echo(asyncio.Protocol):
    """Send back what comes."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class OneMessage(Echo):
    """Send the first piece back, then close."""

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)
        self.transport.close()


class LineEcho(Echo):
    """Send each line back, all lines of a piece in one write."""

    rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\r\n")
        if lines:
            self.transport.write(b"".join([line + b"\r\n" for line in lines]))


async def main(protocol: type[Echo], path: str | None) -> None:
    loop = asyncio.get_running_loop()
    if path is not None:
        server = await loop.create_unix_server(protocol, path)
        where = f"unix:{path}"
    else:
        server = await loop.create_server(protocol, "127.0.0.1", 0)
        where = server.sockets[0].getsockname()[1]
    print(where, f"{type(loop).__module__}.{type(loop).__name__}", flush=True)
    await server.serve_forever()


PROTOCOLS = {"": Echo, "--once": OneMessage, "--lines": LineEcho, "--unix": Echo}

option = "".join(sys.argv[1:])
uvloop.install()
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "echo") if option == "--unix" else None
    asyncio.run(main(PROTOCOLS[option], path))
