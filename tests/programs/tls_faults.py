"""
A TLS peer that does not behave: ``server FAULT`` or ``client FAULT`` names who is faulty.

Faults: closes without notifying, before or after the handshake; sends garbage, before or after
the handshake; stalls in the handshake until the other side's time is up.
"""

import contextlib
import socket
import ssl as plain_ssl
import sys
import tempfile
import threading

import certificates
import common
from twisted.internet import protocol, reactor, ssl
from twisted.protocols.policies import TimeoutMixin

CERTIFICATE = certificates.issue("localhost")
who, fault = sys.argv[1:3]


class Victim(protocol.Protocol, TimeoutMixin):
    def connectionMade(self):
        print("made")
        if fault == "stall":
            self.setTimeout(0.3)
        self.transport.write(b"hello")

    def timeoutConnection(self):
        print("timed out")
        self.transport.abortConnection()

    def dataReceived(self, data):
        print("received", data)

    def connectionLost(self, reason):
        self.setTimeout(None)
        # How OpenSSL names an error depends on its version, which both sides share.
        print("lost", reason.type.__name__, reason.value)
        common.later(0.05, reactor.stop)


def handshaken(skt):
    """The peer's socket after a handshake in the proper way."""
    if who == "client":
        context = plain_ssl.SSLContext(plain_ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, plain_ssl.CERT_NONE
    else:
        context = plain_ssl.SSLContext(plain_ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:
            file.write(CERTIFICATE.pem())
            file.flush()
            context.load_cert_chain(file.name)
    tls = context.wrap_socket(skt, server_side=who == "server", suppress_ragged_eofs=False)
    assert tls.recv(5) == b"hello"
    tls.sendall(b"answer")
    return tls


def wait_for_the_end(skt):
    """Read until the victim is gone."""
    skt.settimeout(common.GIVE_UP_AFTER)
    with contextlib.suppress(ConnectionResetError):
        while skt.recv(65536):
            pass


def misbehave(skt):
    if fault == "close":
        skt.shutdown(socket.SHUT_RDWR)
    elif fault == "garbage":
        skt.sendall(b"this is no TLS at all\r\n" * 10)
        wait_for_the_end(skt)
    elif fault == "stall":
        wait_for_the_end(skt)
    else:
        # Detached, so that nothing is sent for TLS's sake.
        number = handshaken(skt).detach()
        skt = socket.socket(fileno=number)
        if fault == "late-garbage":
            skt.sendall(b"\x17\x03\x03\x00\x10" + b"0123456789abcdef")
            wait_for_the_end(skt)
    skt.close()


def faulty_client(port):
    misbehave(socket.create_connection(("127.0.0.1", port)))


def faulty_server(listening):
    skt, _ = listening.accept()
    listening.close()
    if fault in ("garbage", "close"):
        skt.recv(65536)  # what the client says first
    misbehave(skt)


if who == "client":
    factory = protocol.Factory.forProtocol(Victim)
    factory.noisy = False
    options = CERTIFICATE.private().options()
    port = reactor.listenSSL(0, factory, options, interface="127.0.0.1")
    thread = threading.Thread(target=faulty_client, args=(port.getHost().port,))
else:
    listening = socket.create_server(("127.0.0.1", 0))
    factory = protocol.ClientFactory.forProtocol(Victim)
    factory.noisy = False
    options = ssl.CertificateOptions(verify=False)
    reactor.connectSSL("127.0.0.1", listening.getsockname()[1], factory, options)
    thread = threading.Thread(target=faulty_server, args=(listening,))
common.log_errors()
reactor.callWhenRunning(thread.start)
common.run()
thread.join()
