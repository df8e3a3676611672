"""TLS around endpoints of other kinds, with producers of both kinds on top."""

from __future__ import annotations

import hashlib
import os
import sys
from io import BytesIO
from typing import Any

from certificates import issue
from common import folder, log_errors, run
from twisted.internet import defer, endpoints, interfaces, protocol, reactor, ssl
from twisted.protocols import basic, tls
from zope.interface import implementer

SIZE = 3_000_000
DATA = bytes(range(251)) * (SIZE // 251)


@implementer(interfaces.IPullProducer)
class Pull:
    def __init__(self, consumer: Any, done: Any) -> None:
        self.consumer, self.done, self.at, self.asked = consumer, done, 0, 0
        consumer.registerProducer(self, False)

    def resumeProducing(self) -> None:
        self.asked += 1
        part = DATA[self.at : self.at + 30000]
        self.at += len(part)
        if part:
            self.consumer.write(part)
        else:
            self.consumer.unregisterProducer()
            self.done()

    def stopProducing(self) -> None:
        print("stopped")


@implementer(interfaces.IPushProducer)
class Push:
    def __init__(self, consumer: Any, done: Any) -> None:
        self.consumer, self.done, self.at, self.paused, self.pauses = consumer, done, 0, False, 0
        consumer.registerProducer(self, True)
        self.resumeProducing()

    def pauseProducing(self) -> None:
        self.paused = True
        self.pauses += 1

    def resumeProducing(self) -> None:
        self.paused = False
        while not self.paused and self.at < len(DATA):
            part = DATA[self.at : self.at + 30000]
            self.at += len(part)
            self.consumer.write(part)
        if self.at >= len(DATA) and not self.paused:
            print("paused at all:", bool(self.pauses))
            self.consumer.unregisterProducer()
            self.done()

    def stopProducing(self) -> None:
        print("stopped")


class Sends(protocol.Protocol):
    """Sends all of it to whoever asks, and closes."""

    def dataReceived(self, data: bytes) -> None:
        print("asked", data, interfaces.ISSLTransport.providedBy(self.transport))
        end = self.transport.loseConnection
        if data == b"pull":
            Pull(self.transport, end)
        elif data == b"push":
            Push(self.transport, end)
        else:
            basic.FileSender().beginFileTransfer(BytesIO(DATA), self.transport).addCallback(
                lambda _: end()
            )

    def connectionLost(self, reason: Any) -> None:
        self.factory.lost.pop(0).callback(None)


class Takes(protocol.Protocol):
    """Reads it in steps, and sends what it was told to at once."""

    def __init__(self, first: bytes) -> None:
        self.first, self.data, self.lost = first, [], defer.Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self.first)

    def dataReceived(self, data: bytes) -> None:
        self.data.append(data)
        if len(self.data) % 50 == 7:
            self.transport.pauseProducing()
            reactor.callLater(0.005, self.transport.resumeProducing)

    def connectionLost(self, reason: Any) -> None:
        self.lost.callback(reason.type.__name__)


class ServerEndpoint:
    """TLS around any server endpoint."""

    def __init__(self, options: Any, around: Any) -> None:
        self.options, self.around = options, around

    def listen(self, factory: Any) -> Any:
        return self.around.listen(tls.TLSMemoryBIOFactory(self.options, False, factory))


async def producers() -> None:
    authority = issue("example.org")
    server = authority.private().options()
    trust = ssl.optionsForClientTLS(
        "example.org", ssl.trustRootFromCertificates([authority.authority()])
    )
    path = os.path.join(folder(), "socket")
    factory = protocol.Factory.forProtocol(Sends)
    factory.noisy = False
    for kind in ("tcp", "unix", "haproxy", "twice"):
        around = {
            "tcp": "tcp:0:interface=127.0.0.1",
            "unix": f"unix:{path}",
            "haproxy": "haproxy:tcp:0:interface=127.0.0.1",
            "twice": "tcp:0:interface=127.0.0.1",
        }[kind]
        end: Any = endpoints.serverFromString(reactor, around)
        if kind != "haproxy":
            end = ServerEndpoint(server, end)
        if kind == "twice":
            end = ServerEndpoint(server, end)
        port = await end.listen(factory)
        for first in (b"pull", b"push", b"file"):
            client: Any = (
                endpoints.UNIXClientEndpoint(reactor, path)
                if kind == "unix"
                else endpoints.HostnameEndpoint(reactor, "127.0.0.1", port.getHost().port)
            )
            if kind != "haproxy":
                client = endpoints.wrapClientTLS(trust, client)
            if kind == "twice":
                client = endpoints.wrapClientTLS(trust, client)
            factory.lost = [defer.Deferred()]
            lost = factory.lost[0]
            head = b"PROXY TCP4 1.2.3.4 5.6.7.8 90 80\r\n" if kind == "haproxy" else b""
            takes = await endpoints.connectProtocol(client, Takes(head + first))
            why = await takes.lost
            got = b"".join(takes.data)
            print(
                kind,
                first,
                why,
                len(got),
                hashlib.sha256(got).hexdigest() == hashlib.sha256(DATA).hexdigest(),
            )
            await lost
        await port.stopListening()


log_errors()
defer.ensureDeferred(globals()[sys.argv[1]]()).addErrback(
    lambda failure: print("failed", failure.getTraceback())
).addCallback(lambda _: reactor.callWhenRunning(reactor.stop))
run()
print("done")
