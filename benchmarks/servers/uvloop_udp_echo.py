"""A UDP echo server on uvloop's own datagram endpoint.  Prints its port and its loop."""

from __future__ import annotations

import asyncio
from typing import cast

import uvloop


class Echo(asyncio.DatagramProtocol):
    """Send back what comes."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, addr)


async def main() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    print(port, f"{type(loop).__module__}.{type(loop).__name__}", flush=True)
    await loop.create_future()


uvloop.install()
asyncio.run(main())
