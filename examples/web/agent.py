"""A web client: Agent asks, readBody reads. Here for JSON, of a server in the same process.

python agent.py        asks the server of its own
python agent.py URL    prints the status, the content type and the length of a page
"""

import argparse
import json
import warnings
from pprint import pprint

from twisted.internet import task
from twisted.web.client import Agent, readBody
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import Site

# readBody says so of a transport of Twisted's own. It only means that reading cannot be cancelled.
warnings.filterwarnings("ignore", "Using readBody with a transport")


class Weather(Resource):
    """The server: /?city=... gives a small JSON document."""

    isLeaf = True

    def render_GET(self, request):
        city = request.args.get(b"city", [b"nowhere"])[0].decode()
        request.setHeader(b"Content-Type", b"application/json")
        request.setHeader(b"X-Asked-By", request.getHeader(b"User-Agent") or b"nobody")
        return json.dumps({"city": city, "degrees": 21, "wind": {"from": "west"}}).encode()


async def fetch(agent, url):
    """The response comes as soon as its headers are there; the body is still under way then."""
    headers = Headers({"User-Agent": ["an example"]})
    response = await agent.request(b"GET", url.encode(), headers)
    body = await readBody(response)
    return response, body


async def main(reactor, options):
    agent = Agent(reactor)
    if options.url:
        response, body = await fetch(agent, options.url)
        print(response.code, response.headers.getRawHeaders("Content-Type"), len(body), "bytes")
        return

    site = Site(Weather())
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    url = f"http://127.0.0.1:{port.getHost().port}/?city=Rome"
    response, body = await fetch(agent, url)
    print(response.version, response.code, response.phrase.decode())
    for name, values in sorted(response.headers.getAllRawHeaders()):
        if name not in (b"Date", b"Server"):
            print(name.decode(), "=", b", ".join(values).decode())
    pprint(json.loads(body))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fetches a page.")
    parser.add_argument("url", nargs="?", help="what to fetch (from a server of its own)")
    task.react(main, [parser.parse_args()])
