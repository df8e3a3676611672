"""A page, fetched with callbacks and errbacks: what getPage was for, before it was removed.

python fetch_page.py          good and bad pages of a server of its own
python fetch_page.py URL ...  pages of your choice
"""

import argparse
import socket
import warnings

from twisted.internet import reactor
from twisted.internet.defer import succeed
from twisted.internet.error import ConnectError
from twisted.web.client import Agent, BrowserLikeRedirectAgent, readBody
from twisted.web.error import Error
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data
from twisted.web.util import Redirect

agent = BrowserLikeRedirectAgent(Agent(reactor, connectTimeout=10))

# readBody says so of a transport of Twisted's own. It only means that reading cannot be cancelled.
warnings.filterwarnings("ignore", "Using readBody with a transport")


def get_page(url):
    """The Deferred of a page's text; anything but success is an error."""
    return agent.request(b"GET", url.encode()).addCallback(check_status)


def check_status(response):
    page = readBody(response)
    if response.code == 200:
        return page.addCallback(bytes.decode)

    def fail(body):
        raise Error(response.code, response.phrase, body)

    return page.addCallback(fail)


def first_line(page):
    return page.splitlines()[0].upper()


def not_there(failure):
    """A web server that answers, but not with the page."""
    failure.trap(Error)
    return f"no page: {failure.value.status.decode()} {failure.value.message.decode()}"


def not_reached(failure):
    failure.trap(ConnectError)
    return f"no server: {failure.type.__name__}"


def show(result, name):
    print(f"{name}: {result}")


def fetch_all(pages):
    done = succeed(None)
    for name, url in pages.items():
        done.addCallback(lambda _, url=url: get_page(url))
        done.addCallback(first_line)
        done.addErrback(not_there)
        done.addErrback(not_reached)
        done.addCallback(show, name)
    return done.addErrback(lambda failure: failure.printTraceback()).addBoth(
        lambda _: reactor.stop()
    )


def own_pages(silent):
    root = Resource()
    root.putChild(b"hello", Data(b"hello from the web\nand a second line", "text/plain"))
    root.putChild(b"moved", Redirect(b"/hello"))
    port = reactor.listenTCP(0, Site(root), interface="127.0.0.1")
    here = f"http://127.0.0.1:{port.getHost().port}"
    return {
        "/hello": f"{here}/hello",
        "/moved": f"{here}/moved",
        "/nothing": f"{here}/nothing",
        "nobody listens": f"http://127.0.0.1:{silent.getsockname()[1]}/",
    }


def main():
    parser = argparse.ArgumentParser(description="Prints the first lines of pages.")
    parser.add_argument("urls", nargs="*", help="what to fetch (from a server of its own)")
    options = parser.parse_args()
    # A socket with a port, but not listening: connections to it are refused.
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        pages = {url: url for url in options.urls} or own_pages(silent)
        reactor.callWhenRunning(fetch_all, pages)
        reactor.run()


if __name__ == "__main__":
    main()
