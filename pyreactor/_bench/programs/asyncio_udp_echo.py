"""A UDP echo server on asyncio's own datagram endpoint.  Prints its port and its loop."""

from __future__ import annotations

import asyncio
from typing import cast

import asyncio_loops


class Echo(asyncio.DatagramProtocol):
    """Send back what comes."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Send it back."""
        self.transport.sendto(data, addr)


async def main() -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0))
    print(transport.get_extra_info("sockname")[1], asyncio_loops.name_of(loop), flush=True)
    await loop.create_future()


asyncio_loops.new_loop().run_until_complete(main())
