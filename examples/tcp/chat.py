"""A chat room. The protocol is a state machine: first a name, then what is said to everybody.

python chat.py              a server, and three clients who talk
python chat.py --port 8123  serves until Ctrl-C: try `nc -C 127.0.0.1 8123` in two windows
"""

import argparse

from twisted.internet import defer, task
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class Member(LineReceiver):
    """One connection to the server."""

    def __init__(self, members):
        self.members = members  # by name; the same dict for everybody
        self.name = None
        self.state = self.got_name

    def connectionMade(self):
        self.sendLine(b"Who are you?")

    def lineReceived(self, line):
        """What a line means depends on the state, which is the method to call."""
        self.state(line.decode("utf-8", "replace").strip())

    def got_name(self, name):
        if not name or name in self.members:
            self.sendLine(f"{name or 'Nobody'} is here already. Who are you?".encode())
            return
        self.name = name
        self.tell_others(f"* {name} comes in")
        self.members[name] = self
        self.sendLine(f"Hello {name}! Here: {', '.join(self.members)}".encode())
        self.state = self.got_message

    def got_message(self, message):
        self.tell_others(f"<{self.name}> {message}")

    def tell_others(self, text):
        for member in self.members.values():
            if member is not self:
                member.sendLine(text.encode())

    def connectionLost(self, reason):
        if self.name is not None:
            del self.members[self.name]
            self.tell_others(f"* {self.name} has left")


class Room(Factory):
    def __init__(self):
        self.members = {}

    def buildProtocol(self, addr):
        return Member(self.members)


class Talker(LineReceiver):
    """A client for the demonstration: it prints what it is told."""

    def __init__(self, nick):
        self.nick = nick
        self.lines = defer.DeferredQueue()

    def lineReceived(self, line):
        self.lines.put(line.decode())

    def say(self, text):
        self.sendLine(text.encode())

    async def hear(self):
        print(f"{self.nick} reads: {await self.lines.get()}")


async def talk(reactor, port):
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    ann, bob, eve = [await connectProtocol(endpoint, Talker(nick)) for nick in ("A", "B", "E")]
    for talker in (ann, bob, eve):
        await talker.hear()
    ann.say("Ann")
    await ann.hear()
    bob.say("Ann")  # taken
    await bob.hear()
    bob.say("Bob")
    await bob.hear()
    await ann.hear()
    eve.say("Eve")
    for talker in (eve, ann, bob):
        await talker.hear()
    ann.say("Good morning!")
    for talker in (bob, eve):
        await talker.hear()
    eve.say("Good morning, Ann.")
    for talker in (ann, bob):
        await talker.hear()
    bob.transport.loseConnection()
    for talker in (ann, eve):
        await talker.hear()


async def main(reactor, options):
    port = reactor.listenTCP(options.port, Room(), interface="127.0.0.1")
    if options.port:
        print(f"serving on port {options.port}", flush=True)
        await defer.Deferred()  # until Ctrl-C
    await talk(reactor, port.getHost().port)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A chat server.")
    parser.add_argument("--port", type=int, default=0, help="where to serve (a demonstration)")
    task.react(main, [parser.parse_args()])
