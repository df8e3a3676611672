"""Endpoints: where to listen and where to connect to, apart from what is spoken there.

The protocol does not know what it runs on. A function that gets an endpoint leaves the choice to
its caller, who may leave it to a string from a configuration file.

python endpoints.py                           TCP in three ways, and a UNIX socket
python endpoints.py --connect tcp:HOST:PORT   says hello to a server of yours
"""

import argparse
import os
import tempfile

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    clientFromString,
    connectProtocol,
    serverFromString,
)
from twisted.internet.protocol import Factory, Protocol


class Echo(Protocol):
    """The server."""

    def dataReceived(self, data):
        self.transport.write(data)


class Greeter(Protocol):
    """The client."""

    def greet(self, text):
        self.transport.write(text.encode())
        self.answer = Deferred()
        return self.answer

    def dataReceived(self, data):
        self.answer.callback(data.decode())


async def greet(endpoint, name):
    """Works with every kind of connection."""
    greeter = await connectProtocol(endpoint, Greeter())
    print(await greeter.greet(f"Hello by {name}"))
    greeter.transport.loseConnection()


async def demonstrate(reactor):
    factory = Factory.forProtocol(Echo)
    with tempfile.TemporaryDirectory() as folder:
        tcp = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(factory)
        path = os.path.join(folder, "socket")
        unix = await serverFromString(reactor, f"unix:{path}").listen(factory)

        port = tcp.getHost().port
        await greet(TCP4ClientEndpoint(reactor, "127.0.0.1", port), "an object")
        await greet(HostnameEndpoint(reactor, "localhost", port), "a host's name")
        await greet(clientFromString(reactor, f"tcp:127.0.0.1:{port}"), "a string")
        await greet(clientFromString(reactor, f"unix:{path}"), "a UNIX socket")
        for listening in (tcp, unix):
            await listening.stopListening()


async def main(reactor, options):
    if options.connect:
        await greet(clientFromString(reactor, options.connect), options.connect)
    else:
        await demonstrate(reactor)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Says hello by endpoints.")
    parser.add_argument("--connect", metavar="ENDPOINT", help="a server that echoes")
    task.react(main, [parser.parse_args()])
