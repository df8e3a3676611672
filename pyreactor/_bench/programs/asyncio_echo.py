"""
An echo server on asyncio's own protocol interface, without Twisted.  Prints its port and its loop.

With ``--once`` it closes each connection after the first piece, with ``--lines`` it takes the
stream apart into lines and sends each of them back, with ``--unix`` it listens on a UNIX socket,
with ``--tls`` it speaks TLS.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
import tempfile
from typing import cast

import asyncio_loops


class Echo(asyncio.Protocol):
    """Send back what comes."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)


class OneMessage(Echo):
    """Send the first piece back, then close."""

    def data_received(self, data: bytes) -> None:
        """Send it back, and close."""
        self.transport.write(data)
        self.transport.close()


class LineEcho(Echo):
    """Send each line back, all lines of a piece in one write."""

    rest = b""

    def data_received(self, data: bytes) -> None:
        """Take it apart into lines, and send those back that are whole."""
        *lines, self.rest = (self.rest + data).split(b"\r\n")
        if lines:
            self.transport.write(b"".join([line + b"\r\n" for line in lines]))


def tls_context(folder: str) -> ssl.SSLContext:
    """A context with a certificate of its own."""
    import certificate

    path = os.path.join(folder, "pem")
    with open(path, "wb") as file:
        file.write(certificate.secret_and_certificate())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def main(protocol: type[Echo], folder: str, option: str) -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    if option == "--unix":
        path = os.path.join(folder, "echo")
        server = await loop.create_unix_server(protocol, path)
        where = f"unix:{path}"
    else:
        context = tls_context(folder) if option == "--tls" else None
        server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context)
        where = str(server.sockets[0].getsockname()[1])
    print(where, asyncio_loops.name_of(loop), flush=True)
    await server.serve_forever()


PROTOCOLS = {"--once": OneMessage, "--lines": LineEcho}

option = "".join(sys.argv[1:])
with tempfile.TemporaryDirectory() as folder:
    asyncio_loops.new_loop().run_until_complete(main(PROTOCOLS.get(option, Echo), folder, option))
