"""
Nanoseconds per page of a Scrapy crawl with its default settings:
``twisted_scrapy.py PAGES [uvloop]``.

An ordinary spider follows the links of a site on the loopback interface, which another process
serves, and makes an item of each page.  What is not the items that there are is an error.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from measured import Stopwatch, tell

ROW = "<tr><td class='name'>part {0}.{1}</td><td class='price'>{2}</td></tr>"
PAGE = (
    "<html><head><title>page {0}</title></head><body><h1>page {0}</h1>"
    "<table>{1}</table><ul>{2}</ul></body></html>"
)
ROWS, LINKS = 20, 4


def page(number: int, count: int) -> str:
    """A page with a table, and with links to the pages that follow from it."""
    rows = (ROW.format(number, row, number * row) for row in range(ROWS))
    first = number * LINKS + 1
    links = (f"<li><a href='/{n}'>{n}</a></li>" for n in range(first, min(first + LINKS, count)))
    return PAGE.format(number, "".join(rows), "".join(links))


class Site(asyncio.Protocol):
    """Serves the pages, over kept connections."""

    pages: list[bytes]

    def connection_made(self, transport: Any) -> None:
        """Begin with no part of a request."""
        self.transport, self.received = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        *requests, self.received = (self.received + data).split(b"\r\n\r\n")
        for request in requests:
            body = self.pages[int(request.split(b" ", 2)[1][1:])]
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
            self.transport.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


async def serve(count: int) -> None:
    """Print a port, and serve there until standard input ends."""
    Site.pages = [page(number, count).encode() for number in range(count)]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Site, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def crawl(port: int, event_loop: str | None) -> tuple[list[Any], Stopwatch]:
    """Crawl the site once: the items, and when the crawler began."""
    from scrapy import Spider, signals
    from scrapy.crawler import CrawlerProcess

    class Pages(Spider):
        """Makes an item of each page."""

        name = "pages"
        start_urls = (f"http://127.0.0.1:{port}/0",)

        def parse(self, response: Any) -> Iterator[Any]:
            """The page's item, and the pages that it links to."""
            prices = response.css(".price::text").getall()
            yield {"title": response.css("title::text").get(), "prices": prices}
            yield from response.follow_all(css="a")

    items: list[Any] = []
    settings = {} if event_loop is None else {"ASYNCIO_EVENT_LOOP": event_loop}
    process = CrawlerProcess(settings)
    crawler = process.create_crawler(Pages)
    crawler.signals.connect(lambda item: items.append(item), signals.item_scraped, weak=False)
    watch = Stopwatch()
    process.crawl(crawler)
    process.start()
    return items, watch


def main(count: int, event_loop: str | None) -> None:
    """Serve and crawl, and tell what the crawling took."""
    command = [sys.executable, __file__, "serve", str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as site:
        assert site.stdin is not None and site.stdout is not None
        items, watch = crawl(int(site.stdout.readline()), event_loop)
        passed = watch.passed()
        site.stdin.close()
    wanted = {f"page {n}": [str(n * row) for row in range(ROWS)] for n in range(count)}
    if len(items) != count or {item["title"]: item["prices"] for item in items} != wanted:
        raise SystemExit(f"{len(items)} items, not the {count} that there are")
    from twisted.internet import reactor

    tell(reactor, count, passed)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(int(sys.argv[2])))
    else:
        main(int(sys.argv[1]), "uvloop.Loop" if sys.argv[2:] == ["uvloop"] else None)
