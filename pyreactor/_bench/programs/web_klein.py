"""A web server by klein with one small resource.  Prints its port and its reactor."""

from klein import Klein
from twisted.internet import reactor
from twisted.web import server

app = Klein()


@app.route("/")
def hello(request: server.Request) -> bytes:
    """The answer."""
    request.setHeader(b"content-type", b"text/plain")
    return b"hello world\n"


port = reactor.listenTCP(0, server.Site(app.resource()), interface="127.0.0.1")
print(port.getHost().port, f"{type(reactor).__module__}.{type(reactor).__qualname__}", flush=True)
reactor.run()
