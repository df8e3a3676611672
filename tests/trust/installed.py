"""
pyreactor, installed: to be imported before what imports Twisted's reactor.

Where TRUST_REACTOR says asyncio, the reactor is one on asyncio's event loop: for programs that are
run by ``python -m pyreactor``.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pyreactor

if os.environ.get("TRUST_REACTOR") == "asyncio":
    from twisted.internet import asyncioreactor

    asyncioreactor.install(asyncio.new_event_loop())
else:
    pyreactor.install()

from twisted.internet import reactor as installed  # noqa: E402

reactor: Any = installed
