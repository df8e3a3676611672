"""A TLS echo server with a certificate of its own.  Prints its port and its reactor."""

import certificate
from twisted.internet import protocol, reactor, ssl


class Echo(protocol.Protocol):
    """Send back what comes, at once: not when the kernel's delayed acknowledgements let it."""

    def connectionMade(self) -> None:
        """Have no answer wait."""
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)


own = ssl.PrivateCertificate.loadPEM(certificate.secret_and_certificate())
port = reactor.listenSSL(
    0, protocol.Factory.forProtocol(Echo), own.options(), interface="127.0.0.1"
)
print(port.getHost().port, f"{type(reactor).__module__}.{type(reactor).__qualname__}", flush=True)
reactor.run()
