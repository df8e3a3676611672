"""
TLS by the ways there are: ``listenSSL`` with ``connectSSL``, endpoints, ``wrapClientTLS``; client
certificates, ALPN, half a MiB both ways, a streaming producer, and how each side's end is told.
"""

import sys

import certificates
import common
from twisted.internet import defer, endpoints, protocol, reactor, ssl, task

AUTHORITY = certificates.issue("authority")
SERVER = certificates.issue("localhost", AUTHORITY)
CLIENT = certificates.issue("client", AUTHORITY)
TRUSTED = ssl.trustRootFromCertificates([AUTHORITY.authority()])
PAYLOAD = bytes(range(256)) * 2048


def common_name(transport):
    return ssl.Certificate.peerFromTransport(transport).getSubject().commonName


class Server(protocol.Protocol):
    def dataReceived(self, data):
        if not self.factory.received:
            print("server sees", common_name(self.transport), self.transport.negotiatedProtocol)
        self.factory.received += len(data)
        self.transport.write(data)

    def connectionLost(self, reason):
        self.factory.ended.callback(f"server lost {reason.type.__name__} {self.factory.received}")


class Pieces:
    """A streaming producer of the payload; what it is told is checked, not printed."""

    paused = False

    def __init__(self, consumer):
        self.consumer, self.left = consumer, [PAYLOAD[i : i + 4096] for i in range(0, 524288, 4096)]
        consumer.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self):
        self.paused = False
        while self.left and not self.paused:
            self.consumer.write(self.left.pop(0))
        if not self.left and self.consumer is not None:
            consumer, self.consumer = self.consumer, None
            consumer.unregisterProducer()

    def pauseProducing(self):
        self.paused = True

    def stopProducing(self):
        self.left = []


class Client(protocol.Protocol):
    received = b""

    def connectionMade(self):
        Pieces(self.transport)

    def dataReceived(self, data):
        self.received += data
        if len(self.received) == len(PAYLOAD):
            print("client sees", common_name(self.transport), self.transport.negotiatedProtocol)
            print("intact", self.received == PAYLOAD)
            self.transport.loseConnection()

    def connectionLost(self, reason):
        self.factory.ended.callback(f"client lost {reason.type.__name__}")


def factory_of(kind, made):
    factory = made.forProtocol(kind)
    factory.noisy, factory.received, factory.ended = False, 0, defer.Deferred()
    return factory


def client_options(**options):
    return ssl.optionsForClientTLS("localhost", TRUSTED, CLIENT.private(), **options)


def connect(port, client):
    where = "127.0.0.1", port.getHost().port
    tcp = endpoints.TCP4ClientEndpoint(reactor, *where)
    if sys.argv[1] == "connectSSL":
        reactor.connectSSL(*where, client, client_options())
    elif sys.argv[1] == "alpn":
        reactor.connectSSL(*where, client, client_options(acceptableProtocols=[b"b", b"c"]))
    elif sys.argv[1] == "endpoint":
        return endpoints.SSL4ClientEndpoint(reactor, *where, client_options()).connect(client)
    elif sys.argv[1] == "wrapClientTLS":
        return endpoints.wrapClientTLS(client_options(), tcp).connect(client)
    return defer.succeed(None)


async def main():
    options = SERVER.private().options(AUTHORITY.authority())
    if sys.argv[1] == "alpn":
        options = ssl.CertificateOptions(
            privateKey=SERVER.private().privateKey.original,
            certificate=SERVER.private().original,
            trustRoot=TRUSTED,
            acceptableProtocols=[b"a", b"b"],
        )
    server = factory_of(Server, protocol.Factory)
    client = factory_of(Client, protocol.ClientFactory)
    port = reactor.listenSSL(0, server, options, interface="127.0.0.1")
    await connect(port, client)
    print(await client.ended)
    print(await server.ended)
    await port.stopListening()


task.react(lambda _: defer.ensureDeferred(main()).addTimeout(common.GIVE_UP_AFTER, reactor))
