"""What the two sides are told of a certificate that will not do."""

import sys

import certificates
import common
from twisted.internet import protocol, reactor, ssl

AUTHORITY = certificates.issue("authority")
OTHER = certificates.issue("other authority")
SERVERS = {
    "untrusted": certificates.issue("localhost", OTHER),
    "wrong-name": certificates.issue("elsewhere", AUTHORITY),
    "expired": certificates.issue("localhost", AUTHORITY, days=0),
    "no-client-certificate": certificates.issue("localhost", AUTHORITY),
    "client-untrusted": certificates.issue("localhost", AUTHORITY),
}
CLIENTS = {"client-untrusted": certificates.issue("client", OTHER)}
case = sys.argv[1]
ends = []


class Reporter(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(b"hello")

    def dataReceived(self, data):
        print(self.name, "received", data)

    def connectionLost(self, reason):
        ends.append(f"{self.name} lost {reason.type.__name__} {reason.value}")
        if len(ends) == 2:
            print(*sorted(ends), sep="\n")
            common.later(0.05, reactor.stop)


class Server(Reporter):
    name = "server"


class Client(Reporter):
    name = "client"


demanded = [AUTHORITY.authority()] if "client" in case else []
options = SERVERS[case].private().options(*demanded)
server = protocol.Factory.forProtocol(Server)
client = protocol.ClientFactory.forProtocol(Client)
server.noisy = client.noisy = False
port = reactor.listenSSL(0, server, options, interface="127.0.0.1")
trusted = ssl.trustRootFromCertificates([AUTHORITY.authority()])
own = CLIENTS[case].private() if case in CLIENTS else None
reactor.connectSSL(
    "127.0.0.1",
    port.getHost().port,
    client,
    ssl.optionsForClientTLS("localhost", trusted, own),
)
common.log_errors()
common.run()
