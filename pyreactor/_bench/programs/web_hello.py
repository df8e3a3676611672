"""A web server with one small resource.  Prints its port and its reactor."""

from twisted.internet import reactor
from twisted.web import resource, server


class Hello(resource.Resource):
    """Answers every GET with the same few bytes."""

    isLeaf = True

    def render_GET(self, request: server.Request) -> bytes:
        """The answer."""
        request.setHeader(b"content-type", b"text/plain")
        return b"hello world\n"


port = reactor.listenTCP(0, server.Site(Hello()), interface="127.0.0.1")
print(port.getHost().port, f"{type(reactor).__module__}.{type(reactor).__qualname__}", flush=True)
reactor.run()
