"""
The loop that programs of asyncio run on: that named by ``BENCH_LOOP``, uvloop if it is unset.

``aiofastnet`` replaces the transports of a loop: of the standard library's, or of uvloop's.
"""

from __future__ import annotations

import asyncio
import os


def new_loop() -> asyncio.AbstractEventLoop:
    """A new loop of the kind asked for, which is the current one from now on."""
    wanted = os.environ.get("BENCH_LOOP", "uvloop")
    if wanted.endswith("uvloop"):
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    if wanted.startswith("aiofastnet"):
        import aiofastnet

        aiofastnet.patch_loop(loop)
    asyncio.set_event_loop(loop)
    return loop


def name_of(loop: asyncio.AbstractEventLoop) -> str:
    """What a loop is: its class, or aiofastnet if that has replaced its methods."""
    method = getattr(loop.create_server, "func", loop.create_server)
    if (getattr(method, "__module__", None) or "").startswith("aiofastnet"):
        return f"aiofastnet.on.{type(loop).__name__}"
    return f"{type(loop).__module__}.{type(loop).__name__}"
