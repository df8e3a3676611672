"""
What a program sets on a TLS transport in the middle of a connection: each step's name is the
message that the client sends, and the server does it before it answers.
"""

import certificates
import common
from twisted.internet import defer, protocol, reactor, ssl, task

AUTHORITY = certificates.issue("authority")
SERVER = certificates.issue("localhost", AUTHORITY)
STEPS = [
    b"nothing",
    b"dataReceived of the instance",
    b"dataReceived of the instance no more",
    b"_flushReceiveBIO",
    b"_flushSendBIO",
    b"_write",
    b"recv of the connection",
    b"bio_write of the connection",
    b"wrappedProtocol",
    b"class",
    b"paused",
    b"lose",
]


class Other(protocol.Protocol):
    """Takes the server's place."""

    def __init__(self, server):
        self.server = server

    def dataReceived(self, data):
        print("another protocol received", data)
        self.server.dataReceived(data)

    def connectionLost(self, reason):
        self.server.connectionLost(reason)


class Server(protocol.Protocol):
    def telling(self, owner, name):
        """Replace a method of an instance by one that tells of its calls, and makes them."""
        method = getattr(owner, name)

        def replacement(*arguments):
            # How many bytes OpenSSL makes is its own affair.
            print(name, "called", [type(argument).__name__ for argument in arguments])
            return method(*arguments)

        setattr(owner, name, replacement)

    def dataReceived(self, data):
        transport, name = self.transport, data.decode()
        print("server received", name)
        if name == "dataReceived of the instance":
            self.telling(transport, "dataReceived")
        elif name == "dataReceived of the instance no more":
            del transport.dataReceived
        elif name.startswith("_"):
            self.telling(transport, name)
        elif name.endswith("of the connection"):
            self.telling(transport.getHandle(), name.split()[0])
        elif name == "wrappedProtocol":
            transport.wrappedProtocol = Other(self)
        elif name == "class":
            kind = type(transport)

            def dataReceived(self, data):
                print("a subclass received", type(data).__name__)
                kind.dataReceived(self, data)

            transport.__class__ = type("Kind", (kind,), {"dataReceived": dataReceived})
        elif name == "paused":
            transport.pauseProducing()
            reactor.callLater(0, transport.resumeProducing)
        elif name == "lose":
            transport.loseConnection()
        transport.write(data)

    def connectionLost(self, reason):
        self.factory.ended.callback(f"server lost {reason.type.__name__}")


class Client(protocol.Protocol):
    def connectionMade(self):
        self.left, self.received = list(STEPS), b""
        self.ask()

    def ask(self):
        self.received = b""
        self.transport.write(self.left[0])

    def dataReceived(self, data):
        self.received += data
        if self.received == self.left[0]:
            print("client received", self.received.decode())
            del self.left[0]
            self.ask()

    def connectionLost(self, reason):
        self.factory.ended.callback(f"client lost {reason.type.__name__} {len(self.left)}")


def factory_of(kind, made):
    factory = made.forProtocol(kind)
    factory.noisy, factory.ended = False, defer.Deferred()
    return factory


async def main():
    server = factory_of(Server, protocol.Factory)
    client = factory_of(Client, protocol.ClientFactory)
    port = reactor.listenSSL(0, server, SERVER.private().options(), interface="127.0.0.1")
    trust = ssl.trustRootFromCertificates([AUTHORITY.authority()])
    options = ssl.optionsForClientTLS("localhost", trust)
    reactor.connectSSL("127.0.0.1", port.getHost().port, client, options)
    print(await client.ended)
    print(await server.ended)
    await port.stopListening()


task.react(lambda _: defer.ensureDeferred(main()).addTimeout(common.GIVE_UP_AFTER, reactor))
