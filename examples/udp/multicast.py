"""Multicast: one datagram to everybody who has joined a group.

python multicast.py               three members and a sender, on the loopback interface
python multicast.py --join PORT   prints what is sent to the group, until Ctrl-C
"""

import argparse

from twisted.internet import task
from twisted.internet.defer import Deferred, DeferredQueue, gatherResults
from twisted.internet.protocol import DatagramProtocol

GROUP = "239.192.7.7"  # any of 239.192.0.0/14 is for use within an organisation
LOOPBACK = "127.0.0.1"


class Member(DatagramProtocol):
    def __init__(self, interface=""):
        self.interface = interface
        self.heard = DeferredQueue()

    def startProtocol(self):
        self.joined = self.transport.joinGroup(GROUP, self.interface)

    def datagramReceived(self, datagram, address):
        self.heard.put(datagram.decode())
        # The answer goes to the sender alone.
        self.transport.write(b"heard", address)


class Sender(DatagramProtocol):
    def __init__(self):
        self.answers = DeferredQueue()

    def startProtocol(self):
        self.transport.setTTL(0)  # not beyond this machine
        self.transport.setOutgoingInterface(LOOPBACK)
        self.transport.setLoopbackMode(True)  # members on this machine hear it as well
        print("TTL:", self.transport.getTTL(), "loopback:", bool(self.transport.getLoopbackMode()))

    def datagramReceived(self, datagram, address):
        self.answers.put(datagram.decode())


async def demonstrate(reactor):
    # listenMultiple: several sockets with the same port, which all get what the group gets.
    members = [Member(LOOPBACK) for _ in range(3)]
    number = 0
    for member in members:
        number = reactor.listenMulticast(number, member, listenMultiple=True).getHost().port
        await member.joined
    print("members:", len(members))

    sender = Sender()
    reactor.listenMulticast(0, sender, interface=LOOPBACK)
    sender.transport.write(b"good morning", (GROUP, number))
    print("heard:", await gatherResults([member.heard.get() for member in members]))
    print("answers:", await gatherResults([sender.answers.get() for _ in members]))

    # Who has left need not be deaf yet: Linux hands a socket what any on the machine has joined.
    await members[0].transport.leaveGroup(GROUP, LOOPBACK)
    sender.transport.write(b"and good night", (GROUP, number))
    print("heard:", await gatherResults([member.heard.get() for member in members[1:]]))


async def join(reactor, port):
    member = Member()
    reactor.listenMulticast(port, member, listenMultiple=True)
    while True:
        print(await member.heard.get(), flush=True)


async def main(reactor, options):
    if options.join:
        await Deferred.fromCoroutine(join(reactor, options.join))
    else:
        await demonstrate(reactor)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Talks to a multicast group.")
    parser.add_argument("--join", metavar="PORT", type=int, help="print what the group hears")
    task.react(main, [parser.parse_args()])
