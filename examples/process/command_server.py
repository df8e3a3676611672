"""A server for commands, one a line; `tail` is answered by a child process.

python command_server.py                    a server, and a client with a small file
python command_server.py --port 9999 FILE   serves until Ctrl-C: try `nc 127.0.0.1 9999`
"""

import argparse
import os
import tempfile

from twisted.internet import reactor, task
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, ProcessProtocol
from twisted.protocols.basic import LineReceiver


class Tail(ProcessProtocol):
    """What happens to the child: its output, and its end."""

    def __init__(self, write):
        self.write = write
        self.output = []
        self.errors = []

    def outReceived(self, data):
        self.output.append(data)

    def errReceived(self, data):
        self.errors.append(data)

    def processEnded(self, reason):
        """The child has ended, and everything that it wrote has been received."""
        code = reason.value.exitCode
        if code == 0:
            self.write(b"--- begin\n" + b"".join(self.output) + b"--- end\n")
        else:
            print("server: tail wrote to stderr:", bool(self.errors))
            self.write(b"tail failed: exit code %d\n" % code)


class Commands(LineReceiver):
    delimiter = b"\n"

    def connectionMade(self):
        self.welcome = len(self.factory.clients) < self.factory.most_clients
        if self.welcome:
            self.factory.clients.append(self)
        else:
            self.sendLine(b"Too many clients.")
            self.transport.loseConnection()

    def connectionLost(self, reason):
        if self.welcome:
            self.factory.clients.remove(self)

    def lineReceived(self, line):
        command, *arguments = line.decode().split()
        method = getattr(self, f"do_{command}", None)
        if method is None:
            self.sendLine(b"Unknown command.")
        else:
            method(*arguments)

    def do_tail(self, lines="10"):
        child = Tail(self.transport.write)
        command = ["tail", "-n", lines, self.factory.path]
        # The first argument is by custom the program's own name. env=None: the one we have.
        reactor.spawnProcess(child, command[0], command, env=None)

    def do_exit(self):
        self.sendLine(b"Bye.")
        self.transport.loseConnection()


class CommandFactory(Factory):
    protocol = Commands

    def __init__(self, path, most_clients=2):
        self.path = path
        self.most_clients = most_clients
        self.clients = []


class Client(LineReceiver):
    delimiter = b"\n"

    def __init__(self):
        self.lines = DeferredQueue()

    def lineReceived(self, line):
        self.lines.put(line.decode())

    def connectionLost(self, reason):
        self.lines.put(f"({reason.getErrorMessage()})")


async def demonstrate(factory, endpoint):
    with open(factory.path, "w") as file:
        file.writelines(f"line {number}\n" for number in range(1, 101))
    first, second, third = [await connectProtocol(endpoint, Client()) for _ in range(3)]
    print("third:", await third.lines.get(), await third.lines.get())

    first.sendLine(b"tail 3")
    for _ in range(5):
        print("first:", await first.lines.get())
    second.sendLine(b"head 3")
    print("second:", await second.lines.get())
    os.remove(factory.path)
    second.sendLine(b"tail")
    print("second:", await second.lines.get())
    second.sendLine(b"exit")
    print("second:", await second.lines.get(), await second.lines.get())


async def main(reactor, options):
    with tempfile.TemporaryDirectory() as folder:
        factory = CommandFactory(options.file or os.path.join(folder, "log"))
        port = reactor.listenTCP(options.port, factory, interface="127.0.0.1")
        if options.port:
            print(f"serving on port {options.port}", flush=True)
            await Deferred()  # until Ctrl-C
        await demonstrate(factory, TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serves the end of a file.")
    parser.add_argument("--port", type=int, default=0, help="where to serve (a demonstration)")
    parser.add_argument("file", nargs="?", help="the file")
    options = parser.parse_args()
    if options.port and not options.file:
        parser.error("which file?")
    task.react(main, [options])
