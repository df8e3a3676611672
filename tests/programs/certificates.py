"""Certificates made on the spot, for the TLS programs beside this file."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import ssl


@dataclass
class Issued:
    """A key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def pem(self) -> bytes:
        """Both, as PEM."""
        encoding = serialization.Encoding.PEM
        secret = self.key.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return secret + self.certificate.public_bytes(encoding)

    def private(self) -> ssl.PrivateCertificate:
        """As Twisted's PrivateCertificate."""
        return ssl.PrivateCertificate.loadPEM(self.pem())

    def authority(self) -> ssl.Certificate:
        """As Twisted's Certificate, to trust in."""
        encoding = serialization.Encoding.PEM
        return ssl.Certificate.loadPEM(self.certificate.public_bytes(encoding))


def issue(name: str, by: Issued | None = None, *, days: int = 1) -> Issued:
    """
    A certificate for a host name and 127.0.0.1, signed by an authority or by itself.

    :param days: how long it is valid from yesterday on; 0 makes it expire at once.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    names: list[Any] = [x509.DNSName(name)]
    if name == "localhost":
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(yesterday)
        .not_valid_after(yesterday + datetime.timedelta(days=2 * days, seconds=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .sign(by.key if by else key, hashes.SHA256())
    )
    return Issued(key, made)
