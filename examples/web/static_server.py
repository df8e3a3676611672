"""A web server for the files of a folder.

python static_server.py                    a folder with a few files, and a client
python static_server.py --port 8080 FOLDER serves until Ctrl-C
"""

import argparse
import tempfile
import warnings
from pathlib import Path

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.web.client import Agent, readBody
from twisted.web.http_headers import Headers
from twisted.web.server import Site
from twisted.web.static import File

# readBody says so of a transport of Twisted's own. It only means that reading cannot be cancelled.
warnings.filterwarnings("ignore", "Using readBody with a transport")


def make_folder(folder):
    (folder / "index.html").write_text("<h1>Home</h1>")
    (folder / "notes.txt").write_text("first line\nsecond line\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "picture.png").write_bytes(bytes(range(256)) * 1000)


async def ask(agent, url, **headers):
    raw = Headers({name.replace("_", "-"): [value] for name, value in headers.items()})
    response = await agent.request(b"GET", url.encode(), raw)
    body = await readBody(response)
    kind = response.headers.getRawHeaders("Content-Type", ["-"])[0]
    print(f"{response.code} {kind}, {len(body)} bytes, {body[:20]}")


async def demonstrate(agent, url):
    await ask(agent, f"{url}/")  # index.html, if there is one
    await ask(agent, f"{url}/notes.txt")
    await ask(agent, f"{url}/notes.txt", Range="bytes=6-9")
    await ask(agent, f"{url}/sub/picture.png")
    await ask(agent, f"{url}/missing.txt")
    await ask(agent, f"{url}/../../etc/passwd")  # does not lead out of the folder


async def main(reactor, options):
    with tempfile.TemporaryDirectory() as temporary:
        site = Site(File(options.folder or temporary))
        port = reactor.listenTCP(options.port, site, interface="127.0.0.1")
        if options.port:
            print(f"serving on port {options.port}", flush=True)
            await Deferred()  # until Ctrl-C
        make_folder(Path(temporary))
        await demonstrate(Agent(reactor), f"http://127.0.0.1:{port.getHost().port}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serves a folder on the web.")
    parser.add_argument("--port", type=int, default=0, help="where to serve (a demonstration)")
    parser.add_argument("folder", nargs="?", help="what to serve")
    options = parser.parse_args()
    if options.port and not options.folder:
        parser.error("which folder?")
    task.react(main, [options])
