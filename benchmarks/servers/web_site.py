"""
A site with a page, forms, files and, where klein is installed, its routes.

Prints its port and its reactor.  Its argument is where the access log goes: a file; "nowhere", for
events of Twisted's log, which is not begun, so that only the history hears them that it keeps until
then; or "none", where the site makes no line of it at all.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import tempfile
from typing import Any

from twisted.internet import reactor
from twisted.web import resource, server, static


class Page(resource.Resource):
    """Answers with a few bytes."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        """The answer."""
        request.setHeader(b"content-type", b"text/plain")
        return b"hello world\n"

    def render_POST(self, request: Any) -> bytes:
        """How much came."""
        return b"%d and %d\n" % (len(request.args), len(request.content.read()))


def klein_resource() -> Any:
    """Two routes of klein's."""
    from klein import Klein

    app = Klein()

    @app.route("/hello")
    def hello(request: Any) -> bytes:
        return b"hello world\n"

    @app.route("/json/<int:number>")
    async def json(request: Any, number: int) -> bytes:
        request.setHeader(b"content-type", b"application/json")
        return b'{"number": %d}' % number

    return app.resource()


def root(folder: str) -> Any:
    """The tree of resources; the files are in this folder."""
    for name, size in (("small", 1024), ("large", 1 << 20)):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(random.Random(size).randbytes(size))
    top = resource.Resource()
    top.putChild(b"page", Page())
    top.putChild(b"files", static.File(folder))
    with contextlib.suppress(ImportError):
        top.putChild(b"klein", klein_resource())
    return top


def main(log: str) -> None:
    """Serve until the process is ended."""
    with tempfile.TemporaryDirectory() as folder:
        site: Any = server.Site(root(folder), logPath=None if log in ("none", "nowhere") else log)
        if log == "none":
            site.log = lambda request: None
        port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")  # type: ignore[attr-defined]
        kind = type(reactor)
        print(port.getHost().port, f"{kind.__module__}.{kind.__qualname__}", flush=True)
        reactor.run()  # type: ignore[attr-defined]


main(sys.argv[1])
