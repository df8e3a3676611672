"""startTLS on a live connection, both ways, with data before and after."""

import common
from OpenSSL import crypto
from twisted.internet import protocol, reactor, ssl


def certificate():
    key = crypto.PKey()
    key.generate_key(crypto.TYPE_RSA, 2048)
    private = ssl.KeyPair(key)
    request = private.requestObject(ssl.DN(CN="localhost"))
    return private.newCertificate(
        private.signRequestObject(ssl.DN(CN="localhost"), request, 1).dumpPEM(),
        crypto.FILETYPE_PEM,
    )


class Server(protocol.Protocol):
    secured = False

    def dataReceived(self, data):
        if not self.secured:
            print("server in the clear", data)
            self.secured = True
            self.transport.write(b"GO")
            self.transport.startTLS(options)
            self.transport.write(b"secret greeting;")
        else:
            self.transport.write(data.upper())

    def connectionLost(self, reason):
        print("server lost", reason.type.__name__)


class Client(protocol.Protocol):
    received = b""

    def connectionMade(self):
        self.transport.write(b"STARTTLS")

    def dataReceived(self, data):
        if data == b"GO":
            self.transport.startTLS(ssl.CertificateOptions())
            self.transport.write(b"x" * 100_000)
            return
        self.received += data
        if len(self.received) == 100_000 + len(b"secret greeting;"):
            print(self.received[:20], self.transport.getPeerCertificate() is not None)
            self.transport.loseConnection()

    def connectionLost(self, reason):
        print("client lost", reason.type.__name__)
        common.later(0.1, reactor.stop)


key = crypto.PKey()
options = certificate().options()
common.connect(common.listen(Server), Client)
common.run()
