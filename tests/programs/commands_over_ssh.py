"""Commands over SSH, several on one connection: conch's client at conch's server."""

from __future__ import annotations

import sys
from typing import Any

from common import log_errors, run
from cryptography.hazmat.primitives.asymmetric import ed25519
from twisted.cred import checkers, portal
from twisted.internet import defer, endpoints, protocol, reactor, task
from zope.interface import implementer

DATA = bytes(range(251)) * 10_000


class Takes(protocol.Protocol):
    """Says something, and gathers what it gets."""

    def __init__(self, first: bytes) -> None:
        self.first, self.data, self.lost = first, [], defer.Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self.first)

    def dataReceived(self, data: bytes) -> None:
        self.data.append(data)

    def connectionLost(self, reason: Any) -> None:
        self.lost.callback(reason.type.__name__)


async def ssh() -> None:
    from twisted.conch import avatar as avatars
    from twisted.conch.endpoints import SSHCommandClientEndpoint
    from twisted.conch.interfaces import IConchUser, ISession
    from twisted.conch.ssh import factory as factories
    from twisted.conch.ssh import keys, session
    from twisted.python import components

    key = keys.Key(ed25519.Ed25519PrivateKey.generate())

    class User(avatars.ConchUser):
        def __init__(self) -> None:
            super().__init__()
            self.channelLookup[b"session"] = session.SSHSession

    @implementer(ISession)
    class Session:
        def __init__(self, user: Any) -> None:
            self.user = user

        def getPty(self, *a: Any) -> None:
            pass

        def execCommand(self, process: Any, command: bytes) -> None:
            print("exec", command)
            kind = {b"echo": Echo, b"flood": Flood, b"close": Close}[command]
            made = kind()
            made.process = process
            made.makeConnection(process)
            process.makeConnection(session.wrapProtocol(made))

        def openShell(self, *a: Any) -> None:
            raise NotImplementedError

        def eofReceived(self) -> None:
            print("eof")

        def closed(self) -> None:
            print("closed")

    class Echo(protocol.Protocol):
        def dataReceived(self, data: bytes) -> None:
            self.transport.write(data.upper())

    class Flood(protocol.Protocol):
        def connectionMade(self) -> None:
            reactor.callLater(0.1, self.flood)  # its channel has to be there

        def flood(self) -> None:
            self.transport.write(DATA)
            self.transport.loseConnection()

    class Close(protocol.Protocol):
        def connectionMade(self) -> None:
            reactor.callLater(0.1, self.transport.loseConnection)

    components.registerAdapter(Session, User, ISession)

    class Realm:
        def requestAvatar(self, who: Any, mind: Any, *interfaces: Any) -> Any:
            return IConchUser, User(), lambda: print("logged out")

    keeper = checkers.InMemoryUsernamePasswordDatabaseDontUse()
    keeper.addUser(b"joe", b"secret")
    server = factories.SSHFactory()
    server.portal = portal.Portal(Realm(), [keeper])
    server.publicKeys = {key.sshType(): key}
    server.privateKeys = {key.sshType(): key}
    server.noisy = False
    server.getPrimes = lambda: None
    port = reactor.listenTCP(0, server, interface="127.0.0.1")

    from twisted.conch.client.knownhosts import KnownHostsFile

    class Known(KnownHostsFile):
        def __init__(self) -> None:
            pass

        def verifyHostKey(self, *a: Any) -> Any:
            return defer.succeed(True)

    first = None
    for command in (b"echo", b"flood", b"close"):
        if first is None:
            end = SSHCommandClientEndpoint.newConnection(
                reactor,
                command,
                b"joe",
                "127.0.0.1",
                port.getHost().port,
                password=b"secret",
                agentEndpoint=None,
                knownHosts=Known(),
                ui=None,
            )
        else:
            end = SSHCommandClientEndpoint.existingConnection(first, command)
        takes = await endpoints.connectProtocol(end, Takes(b"hello" if command == b"echo" else b""))
        if first is None:
            first = takes.transport.conn
            while not takes.data:
                await task.deferLater(reactor, 0.01)
            print(b"".join(takes.data))
            keep = takes
        else:
            why = await takes.lost
            print(command, why, b"".join(takes.data) == (DATA if command == b"flood" else b""))
    keep.transport.loseConnection()
    print(await keep.lost)
    first.transport.loseConnection()
    await port.stopListening()


log_errors()
defer.ensureDeferred(globals()[sys.argv[1]]()).addErrback(
    lambda failure: print("failed", failure.getTraceback())
).addCallback(lambda _: reactor.callWhenRunning(reactor.stop))
run()
print("done")
