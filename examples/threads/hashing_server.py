"""A server that hashes files, in threads: reading and hashing would block the reactor.

python hashing_server.py              a server, and a client with three files
python hashing_server.py --port 9999  serves until Ctrl-C: try `nc 127.0.0.1 9999`
"""

import argparse
import hashlib
import os
import tempfile

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThread
from twisted.protocols.basic import LineReceiver


def hash_file(path):
    """Blocks. It runs in a thread, so it must leave the protocol and the transport alone."""
    digest = hashlib.sha1()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 16):
            digest.update(chunk)
    return digest.hexdigest()


class HashServer(LineReceiver):
    delimiter = b"\n"

    def lineReceived(self, line):
        command, _, path = line.decode().partition(" ")
        if command == "hash" and path:
            # Callback and errback are called in the reactor's thread again.
            deferToThread(hash_file, path).addCallbacks(self.hashed, self.failed)
        elif command == "exit":
            self.transport.loseConnection()
        else:
            self.sendLine(b"Say: hash PATH")

    def hashed(self, digest):
        self.sendLine(f"SHA-1 is {digest}".encode())

    def failed(self, failure):
        self.sendLine(f"No hash: {failure.value.strerror}".encode())


class Client(LineReceiver):
    delimiter = b"\n"

    def ask(self, line):
        self.answer = Deferred()
        self.sendLine(line.encode())
        return self.answer

    def lineReceived(self, line):
        self.answer.callback(line.decode())


async def demonstrate(endpoint, folder):
    client = await connectProtocol(endpoint, Client())
    for name, content in {"empty": b"", "abc": b"abc", "long": b"a" * 1_000_000}.items():
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(content)
        print(f"{name}: {await client.ask(f'hash {path}')}")
    print(await client.ask(f"hash {folder}/missing"))
    print(await client.ask(f"hash {folder}"))
    print(await client.ask("md5 abc"))


async def main(reactor, options):
    port = reactor.listenTCP(options.port, Factory.forProtocol(HashServer), interface="127.0.0.1")
    if options.port:
        print(f"serving on port {options.port}", flush=True)
        await Deferred()  # until Ctrl-C
    with tempfile.TemporaryDirectory() as folder:
        await demonstrate(TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Hashes files.")
    parser.add_argument("--port", type=int, default=0, help="where to serve (a demonstration)")
    task.react(main, [parser.parse_args()])
