"""
A site with resources of every kind that twisted.web brings, for clients that are not Twisted's.

Its arguments are a folder with files to show, and the file of the access log.  It prints the ports
of two sites, the second one with tracebacks in its pages.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet import defer, reactor, task
from twisted.python.filepath import FilePath
from twisted.web import guard, pages, proxy, resource, server, static, template, twcgi, util, wsgi
from zope.interface import implementer

TIMES = 4


class Show(resource.Resource):
    """Answers any request with what came of it."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        body = request.content.read()
        digests = [hashlib.sha256(repr(sorted(request.args.items())).encode()).hexdigest()]
        if not (request.getHeader("content-type") or "").startswith("multipart/"):
            # Else it has the client's boundary in it.
            digests.append(hashlib.sha256(body).hexdigest())
        lines = [
            f"{request.method} {request.uri} {request.clientproto} {request.prepath}",
            f"{sorted(request.args.items())}"[:1000],
            f"{request.getUser()} {request.getPassword()} {request.received_cookies}",
            f"{len(body)} {digests}",
            *(f"{name}: {values}" for name, values in request.requestHeaders.getAllRawHeaders()),
        ]
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        return "".join(f"{line}\n" for line in lines).encode()


class Parts(resource.Resource):
    """Answers bit by bit, and tells when the client has gone before the end."""

    isLeaf = True

    def __init__(self, kind: bytes, times: int | None) -> None:
        super().__init__()
        self.kind = kind
        self.times = times
        # What has no end is soon more than what proxies hold back.
        self.before = b": %b\n" % (b"." * 4000) if times is None else b""

    def render_GET(self, request: Any) -> int:
        request.setHeader(b"content-type", self.kind)
        counts = iter(range(self.times or 10**9))

        def write() -> None:
            number = next(counts, None)
            if number is None:
                calls.stop()
                request.finish()
            else:
                request.write(self.before + b"data: %d\n\n" % number)

        def gone(failure: Any) -> None:
            calls.stop()
            print("the client has gone from", request.path.decode(), flush=True)

        calls = task.LoopingCall(write)
        calls.start(0.01)
        request.notifyFinish().addErrback(gone)
        return server.NOT_DONE_YET


class Produced(resource.Resource):
    """A megabyte, each piece when the client has taken the one before."""

    isLeaf = True

    def render_GET(self, request: Any) -> int:
        async def send() -> None:
            for number in range(16):
                request.write(bytes([number]) * 65536)
                await task.deferLater(reactor, 0)
            request.finish()

        defer.ensureDeferred(send())
        return server.NOT_DONE_YET


class Statuses(resource.Resource):
    """The status that the path names, with a reason of its own."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        request.setResponseCode(int(request.postpath[0]), b"So It Is")
        return b"" if request.postpath[0] in (b"204", b"304") else b"body"


class Fails(resource.Resource):
    """Raises, at once or after it has written."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        if request.args:
            request.write(b"begun")
        raise ValueError("it <went> wrong")


class Cached(resource.Resource):
    """A page with a date and a tag."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        if request.setLastModified(1_000_000_000) or request.setETag(b'"tag"'):
            return b""
        return b"not in your cache\n"


class Visits(resource.Resource):
    """Counts in a session, and gives cookies."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        session = request.getSession()
        session.visits = getattr(session, "visits", 0) + 1
        request.addCookie("a", "b", path="/", max_age="10", secure=False, httpOnly=True)
        request.addCookie(b"c", b"d", sameSite="lax")
        return b"visit %d\n" % session.visits


class Redirects(resource.Resource):
    """Sends the client on."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return util.redirectTo(b"/show?from=there", request)


class Later(resource.Resource):
    """Children that are known later."""

    def getChild(self, path: bytes, request: Any) -> resource.Resource:
        return util.DeferredResource(task.deferLater(reactor, 0.01, Show))


class Element(template.Element):
    """A page of twisted.web.template."""

    loader = template.XMLString(
        '<p xmlns:t="http://twistedmatrix.com/ns/twisted.web.template/0.1" t:render="words"/>'
    )

    @template.renderer
    def words(self, request: Any, tag: Any) -> Any:
        return task.deferLater(reactor, 0, tag, "a < b & ", template.tags.b("é"))


class Templated(resource.Resource):
    """Renders the element."""

    isLeaf = True

    def render_GET(self, request: Any) -> Any:
        return template.renderElement(request, Element())


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """An application of WSGI."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Length", str(len(body)))])
    names = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE")
    return [f"{name}={environ.get(name)}\n".encode() for name in names] + [body]


@implementer(IRealm)
class Realm:
    """Whoever is known may see what came of his request."""

    def requestAvatar(self, name: Any, mind: Any, *interfaces: Any) -> Any:
        return resource.IResource, Show(), lambda: None


def guarded(factory: Any) -> resource.IResource:
    """A resource for those with a password."""
    users = InMemoryUsernamePasswordDatabaseDontUse(jane=b"secret")
    return guard.HTTPAuthSessionWrapper(Portal(Realm(), [users]), [factory])


def root(folder: FilePath[str]) -> Any:
    """The tree of resources; the port of the site is not known yet."""
    top = resource.Resource()
    children = {
        "": static.Data(b"<p>hello</p>\n", "text/html"),
        "files": static.File(folder.path),
        "show": Show(),
        "gzip": resource.EncodingResourceWrapper(Show(), [server.GzipEncoderFactory()]),
        "gzipped-parts": resource.EncodingResourceWrapper(
            Parts(b"text/plain", TIMES), [server.GzipEncoderFactory()]
        ),
        "parts": Parts(b"text/plain", TIMES),
        "events": Parts(b"text/event-stream", TIMES),
        "endless": Parts(b"text/event-stream", None),
        "produced": Produced(),
        "status": Statuses(),
        "fails": Fails(),
        "cached": Cached(),
        "visits": Visits(),
        "redirects": Redirects(),
        "moved": util.Redirect(b"/show"),
        "below": util.ParentRedirect(),
        "deferred": Later(),
        "template": Templated(),
        "wsgi": wsgi.WSGIResource(reactor, reactor.getThreadPool(), application),
        "cgi": twcgi.CGIScript(folder.child("script").path),
        "forbidden": pages.forbidden(),
        "basic": guarded(guard.BasicCredentialFactory("realm")),
        "digest": guarded(guard.DigestCredentialFactory("md5", b"realm")),
    }
    for name, child in children.items():
        top.putChild(name.encode(), child)
    return top


def main(path: str, log: str) -> None:
    """Serve until the process is ended."""
    top = root(FilePath(path))
    site: Any = server.Site(top, logPath=log)
    port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")  # type: ignore[attr-defined]
    number = port.getHost().port
    top.putChild(b"proxy", proxy.ReverseProxyResource("127.0.0.1", number, b"/files"))
    telling: Any = server.Site(top)
    telling.displayTracebacks = True
    other: Any = reactor.listenTCP(0, telling, interface="127.0.0.1")  # type: ignore[attr-defined]
    print("ports:", number, other.getHost().port, flush=True)
    reactor.run()  # type: ignore[attr-defined]


main(*sys.argv[1:])
