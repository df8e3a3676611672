"""What the transport of a connection offers: addresses, writing, and two ways to end it."""

from twisted.internet import task
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol


class Speaker(Protocol):
    """The server: writes something and hangs up, in the way that it is asked for."""

    def dataReceived(self, data):
        if data == b"lose":
            # Never blocks. What was written goes out first, and in order, however much it is.
            self.transport.write(b"x" * 5_000_000)
            self.transport.writeSequence([b"the", b" ", b"end"])
            self.transport.loseConnection()
        elif data == b"abort":
            # For a peer that is of no use any more: what is not yet sent is dropped.
            self.transport.write(b"y" * 50_000_000)
            self.transport.abortConnection()

    def connectionLost(self, reason):
        self.factory.ends.put(f"server: {reason.type.__name__}")


class Listener(Protocol):
    def __init__(self):
        self.heard = bytearray()
        self.end = Deferred()

    def dataReceived(self, data):
        self.heard += data

    def connectionLost(self, reason):
        self.end.callback(f"client: {reason.type.__name__}")


async def main(reactor):
    factory = Factory.forProtocol(Speaker)
    factory.ends = DeferredQueue()
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    server = port.getHost()
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", server.port)
    for way in (b"lose", b"abort"):
        listener = await connectProtocol(endpoint, Listener())
        mine, other = listener.transport.getHost(), listener.transport.getPeer()
        print(f"mine: {mine.type} {mine.host}, the other's is the server's: {other == server}")
        listener.transport.write(way)
        print(await factory.ends.get())
        print(await listener.end)
        if way == b"lose":
            print(f"{len(listener.heard)} bytes, at the end {bytes(listener.heard[-7:])}")
        else:
            print("not everything came:", len(listener.heard) < 50_000_000)


if __name__ == "__main__":
    task.react(main)
