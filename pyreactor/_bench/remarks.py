"""Reasons of what is not won, as far as they are known; by the row and the side beside."""

from __future__ import annotations

_ASYNCIO = ("uvloop", "aiofastnet", "asyncio")


def why(row: str, side: str) -> str:
    """The reason why a row is not won beside a side; nothing if none is known."""
    if side == "stock":
        return _STOCK.get(row, "")
    if side not in _ASYNCIO:
        return ""
    return _SAME_CALLS if row.startswith(("TCP echo, ", "UNIX echo, ")) else _OTHERS.get(row, "")


_STOCK = {
    "spawnProcess of /bin/true": "Nearly all of it is the kernel's work of starting a process, and"
    " Twisted's own Python before and after that.",
    "Scrapy, a crawl": "Nearly all of a page's time is Python of Scrapy's own and parsing HTML.",
}
_SAME_CALLS = "Both ask the same of the kernel, which is most of it."
_OTHERS = {
    "lines, 10 x 64 of 32 B": "The other side is no LineReceiver: it cuts up and answers all 64"
    " lines at once, where a LineReceiver calls lineReceived and sendLine for each.",
    "accept, one message, close, 16 at once": "Twisted has more Python in a connection's life: a"
    " factory that is asked, addresses, the reason why it ended.",
    "daphne, 32 connections": "The other side is another server, uvicorn, with a parser in C; most"
    " of daphne's time is Python of its own.",
}
