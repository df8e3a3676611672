"""Perspective Broker: methods of objects in another process, called as if they were here.

python remote_calls.py              a server and a client, in one process
python remote_calls.py --port 8789  serves until Ctrl-C
"""

import argparse

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.spread import pb


class Library(pb.Root):
    """The object that clients get first. They can call what begins with remote_."""

    def __init__(self):
        self.books = {}

    def remote_add(self, title, pages):
        self.books[title] = pages
        return len(self.books)

    def remote_titles(self):
        return sorted(self.books)

    def remote_longest(self, least=0):
        """Plain data travel by value: numbers, texts, bytes, lists, tuples, dicts, None."""
        return {title: pages for title, pages in self.books.items() if pages >= least}


async def main(reactor, options):
    port = reactor.listenTCP(options.port, pb.PBServerFactory(Library()), interface="127.0.0.1")
    if options.port:
        print(f"serving on port {options.port}", flush=True)
        await Deferred()  # until Ctrl-C

    factory = pb.PBClientFactory()
    reactor.connectTCP("127.0.0.1", port.getHost().port, factory)
    library = await factory.getRootObject()
    print("books:", await library.callRemote("add", "Emma", 474))
    print("books:", await library.callRemote("add", "Ulysses", pages=730))
    print(await library.callRemote("titles"))
    print(await library.callRemote("longest", least=500))
    factory.disconnect()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A library for remote callers.")
    parser.add_argument("--port", type=int, default=0, help="where to serve (a demonstration)")
    task.react(main, [parser.parse_args()])
