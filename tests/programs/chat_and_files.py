"""IRC and FTP: Twisted's clients at Twisted's servers."""

from __future__ import annotations

import os
import sys
from typing import Any

from common import folder, log_errors, run
from twisted.cred import checkers, portal
from twisted.internet import defer, endpoints, protocol, reactor


def keeper() -> Any:
    made = checkers.InMemoryUsernamePasswordDatabaseDontUse()
    made.addUser(b"joe", b"secret")
    made.addUser("joe", "secret")
    return made


def lose(who: Any) -> Any:
    """A Deferred of the loss of the connection of a protocol."""
    told: Any = defer.Deferred()
    before = who.connectionLost

    def lost(*reason: Any) -> None:
        before(*reason)
        told.callback(reason[0].type.__name__ if reason else None)

    who.connectionLost = lost
    return told


async def irc() -> None:
    from twisted.words import service
    from twisted.words.protocols import irc as protocols

    realm = service.InMemoryWordsRealm("us")
    gate = portal.Portal(realm, [keeper()])
    for name in ("joe", "ann"):
        await realm.createUser(name)
        gate.checkers[next(iter(gate.checkers))].addUser(name, "secret")
        gate.checkers[next(iter(gate.checkers))].addUser(name.encode(), b"secret")
    await realm.createGroup("room")
    factory = service.IRCFactory(realm, gate)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")

    class Client(protocols.IRCClient):
        password = "secret"
        said: list[Any] = []

        def __init__(self, name: str) -> None:
            self.nickname = name
            self.on: Any = defer.Deferred()
            self.next: list[Any] = []

        def wait(self) -> Any:
            self.next.append(made := defer.Deferred())
            return made

        def heard(self, *what: Any) -> None:
            print(self.nickname, *what)
            waiting, self.next = self.next, []
            for each in waiting:
                each.callback(None)

        def signedOn(self) -> None:
            self.on.callback(None)

        def joined(self, channel: str) -> None:
            self.heard("joined", channel)

        def userLeft(self, user: str, channel: str) -> None:
            self.heard("left", user, channel)

        def userQuit(self, user: str, message: str) -> None:
            self.heard("quit", user, message)

        def privmsg(self, user: str, channel: str, message: str) -> None:
            self.heard("from", user, channel, message)

        def topicUpdated(self, user: str, channel: str, topic: str) -> None:
            self.heard("topic", channel, topic)

        def pong(self, user: str, secs: float) -> None:
            self.heard("pong", user)

    end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    made = []
    for name in ("joe", "ann"):
        client = Client(name)
        client.versionName = None
        gone = lose(client)
        await endpoints.connectProtocol(end, client)
        await client.on
        joined = client.wait()
        client.join("#room")
        await joined
        made.append((client, gone))
    (joe, joe_gone), (ann, ann_gone) = made
    for target, text in (("#room", "hello all"), ("ann", "psst ü"), ("#room", "w" * 300)):
        heard = ann.wait()
        joe.msg(target, text, length=400)
        await heard
    heard = joe.wait()
    ann.quit("good bye")
    ann.transport.loseConnection()
    print(await ann_gone)
    await heard
    joe.transport.loseConnection()
    print(await joe_gone)
    await port.stopListening()


async def ftp() -> None:
    from twisted.protocols import ftp as ftps

    root = folder()
    for name, data in (("small", b"hello\n"), ("big", bytes(range(256)) * 20000), ("empty", b"")):
        with open(os.path.join(root, name), "wb") as file:
            file.write(data)
    os.mkdir(os.path.join(root, "sub"))

    class Realm:
        def requestAvatar(self, who: Any, mind: Any, *interfaces: Any) -> Any:
            from twisted.python.filepath import FilePath

            return ftps.IFTPShell, ftps.FTPShell(FilePath(root)), lambda: print("logged out")

    factory = ftps.FTPFactory(portal.Portal(Realm(), [keeper()]))
    factory.noisy = False
    factory.timeOut = 60
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")

    class Take(protocol.Protocol):
        def __init__(self) -> None:
            self.data = b""

        def dataReceived(self, data: bytes) -> None:
            self.data += data

        def connectionLost(self, reason: Any) -> None:
            print("took", len(self.data), self.data[:6], reason.type.__name__)

    end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    for passive in (1, 0):
        client = await endpoints.connectProtocol(
            end, ftps.FTPClient("joe", "secret", passive=passive)
        )
        gone = lose(client)
        print(await client.pwd())
        for name in ("small", "big", "empty"):
            await client.retrieveFile(name, Take())
        listed = ftps.FTPFileListProtocol()
        await client.list(".", listed)
        print(
            sorted(
                (file["filename"], file["size"])
                for file in listed.files
                if file["filename"] != "sub"
            )
        )
        await client.nlst(".", Take())
        sending, done = client.storeFile(f"new{passive}")
        sender = await sending
        for _ in range(40):
            sender.transport.write(b"n" * 50000)
        sender.finish()
        print(await done)
        print(os.path.getsize(os.path.join(root, f"new{passive}")))
        print(
            await client.cwd("sub"),
            await client.cdup(),
            await client.makeDirectory(f"made{passive}"),
        )
        print(await client.rename(f"new{passive}", "renamed"), await client.removeFile("renamed"))
        for failing in (
            client.retrieveFile("none", Take()),
            client.cwd("none"),
            client.removeFile("none"),
        ):
            try:
                await failing
            except Exception as problem:
                print(type(problem).__name__, problem)
        print(await client.quit(), await gone)
    await port.stopListening()


log_errors()
defer.ensureDeferred(globals()[sys.argv[1]]()).addErrback(
    lambda failure: print("failed", failure.getTraceback())
).addCallback(lambda _: reactor.callWhenRunning(reactor.stop))
run()
print("done")
