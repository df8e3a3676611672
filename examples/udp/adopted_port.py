"""A socket that somebody else has made and bound, given to the reactor: adoptDatagramPort.

So a program can be handed its sockets by the one that starts it, which may have rights that the
program itself does not need.
"""

import socket

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol


class Reverse(DatagramProtocol):
    def datagramReceived(self, datagram, address):
        self.transport.write(datagram[::-1], address)


class Client(DatagramProtocol):
    def __init__(self, address):
        self.address = address
        self.answer = Deferred()

    def startProtocol(self):
        self.transport.connect(*self.address)
        self.transport.write(b"stressed")

    def datagramReceived(self, datagram, address):
        self.answer.callback(datagram.decode())


async def main(reactor):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setblocking(False)  # the reactor must never have to wait for it
        made.bind(("127.0.0.1", 0))
        address = made.getsockname()
        port = reactor.adoptDatagramPort(made.fileno(), socket.AF_INET, Reverse())
    # Adopting makes a copy of the descriptor, so the socket could be closed.
    print("closed:", made.fileno() == -1)
    print("the same port:", port.getHost().port == address[1])

    client = Client(address)
    reactor.listenUDP(0, client)
    print("answer:", await client.answer)


if __name__ == "__main__":
    task.react(main)
