"""Connected UDP: one peer only, no address to give, and a word if nobody is there.

`connect` sends nothing. It fixes the peer: datagrams go to it, those of others are dropped, and if
the peer's machine says that nobody listens, connectionRefused is called.
"""

from twisted.internet import task
from twisted.internet.defer import DeferredQueue
from twisted.internet.protocol import DatagramProtocol


class Upper(DatagramProtocol):
    """The server."""

    def datagramReceived(self, datagram, address):
        self.transport.write(datagram.upper(), address)


class Client(DatagramProtocol):
    def __init__(self, address):
        self.address = address
        self.events = DeferredQueue()

    def startProtocol(self):
        """Called when there is a transport; connectionMade is for connections."""
        self.transport.connect(*self.address)
        # Twice: a datagram may get lost, and it is the next write that is told of a refused one.
        for _ in range(2):
            self.transport.write(b"is anybody there?")

    def datagramReceived(self, datagram, address):
        self.events.put(f"{datagram.decode()} (from the peer: {address == self.address})")

    def connectionRefused(self):
        self.events.put("nobody is there")

    def stopProtocol(self):
        print("stopped")


async def main(reactor):
    server = reactor.listenUDP(0, Upper(), interface="127.0.0.1")
    client = Client(("127.0.0.1", server.getHost().port))
    port = reactor.listenUDP(0, client)
    print(await client.events.get())
    print(await client.events.get())

    # A stranger is not heard, or the next line would be his.
    stranger = reactor.listenUDP(0, DatagramProtocol(), interface="127.0.0.1")
    stranger.write(b"a stranger's", ("127.0.0.1", port.getHost().port))
    client.transport.write(b"really?")
    print(await client.events.get())
    await port.stopListening()

    # A port that has just been given up.
    address = ("127.0.0.1", server.getHost().port)
    await server.stopListening()
    client = Client(address)
    port = reactor.listenUDP(0, client)
    print(await client.events.get())
    await port.stopListening()


if __name__ == "__main__":
    task.react(main)
