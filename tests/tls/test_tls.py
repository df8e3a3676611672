"""TLS by every way there is, its faults and its certificate errors, the same on stock and here."""

from __future__ import annotations

from tests.both import check_same_on_both, each_of

CLOSED = "lost ConnectionLost"
CASES = [
    ("tls_features.py", ("connectSSL",), "client lost ConnectionDone"),
    ("tls_features.py", ("alpn",), "server sees b'client' b'b'"),
    ("tls_features.py", ("endpoint",), "client lost ConnectionDone"),
    ("tls_features.py", ("wrapClientTLS",), "client lost ConnectionDone"),
    ("tls_replaced.py", (), "client lost ConnectionDone 1"),
    *(
        ("tls_faults.py", (who, fault), point)
        for who in ("client", "server")
        for fault, point in (
            ("close", CLOSED),
            ("garbage", "SSL routines"),
            ("stall", "timed out"),
            ("late-close", CLOSED),
            ("late-garbage", "bad record mac"),
        )
    ),
    ("tls_certificate_errors.py", ("untrusted",), "certificate verify failed"),
    ("tls_certificate_errors.py", ("wrong-name",), "VerificationError"),
    ("tls_certificate_errors.py", ("expired",), "certificate expired"),
    ("tls_certificate_errors.py", ("no-client-certificate",), "did not return a certificate"),
    ("tls_certificate_errors.py", ("client-untrusted",), "unknown ca"),
]


@each_of(CASES)
def test_same_on_both(program: str, arguments: tuple[str, ...], point: str) -> None:
    check_same_on_both(program, arguments, point)
