"""Echo over TLS: the protocols are those of plain TCP, the endpoints are others.

The certificate is made on the spot and signed by itself; the client trusts this one and no other.
"""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    SSL4ServerEndpoint,
    TCP4ClientEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS

NAME = "echo.example.test"


def make_certificate():
    """A certificate and its key, as PEM. Usually they come from files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    return certificate.public_bytes(encoding), key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Echo(Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class Client(Protocol):
    def __init__(self, message):
        self.message = message
        self.answer = Deferred()
        self.received = b""

    def connectionMade(self):
        self.transport.write(self.message)

    def dataReceived(self, data):
        self.received += data
        if len(self.received) == len(self.message):
            self.answer.callback(self.received)

    def connectionLost(self, reason):
        if not self.answer.called:
            self.answer.errback(reason)


async def main(reactor):
    certificate, key = make_certificate()
    server = SSL4ServerEndpoint(
        reactor, 0, PrivateCertificate.loadPEM(certificate + key).options(), interface="127.0.0.1"
    )
    port = await server.listen(Factory.forProtocol(Echo))
    address = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)

    async def echo(message, name, trust):
        endpoint = wrapClientTLS(optionsForClientTLS(name, trustRoot=trust), address)
        client = await connectProtocol(endpoint, Client(message))
        try:
            answer = await client.answer
            peer = client.transport.getPeerCertificate().to_cryptography()
            return f"{answer == message}, {peer.subject.rfc4514_string()}"
        finally:
            client.transport.loseConnection()

    trust = Certificate.loadPEM(certificate)
    print("good:", await echo(b"hello", NAME, trust))
    print("good:", await echo(b"x" * 1_000_000, NAME, trust))
    for name, trusted in (("other.example.test", trust), (NAME, None)):
        try:
            await echo(b"hello", name, trusted)
        except Exception as error:
            print(f"{name}, trusting {'it' if trusted else 'others'}: {type(error).__name__}")


if __name__ == "__main__":
    task.react(main)
