"""Mail, in round trips: SMTP, POP3 and IMAP4, servers and clients of Twisted's."""

from __future__ import annotations

import io
import sys
from typing import Any

from common import log_errors, run
from twisted.cred import checkers, portal
from twisted.internet import defer, endpoints, protocol, reactor
from twisted.mail import imap4, pop3, smtp
from zope.interface import implementer

BOX: list[bytes] = []
LONG = b"".join(b"line %d of it, and a word more\r\n" % number for number in range(3000))
LETTER = b"From: a@here\r\nTo: b@there\r\nSubject: hello\r\n\r\nOne.\r\n.\r\n..two dots\r\n" + LONG


@implementer(smtp.IMessage)
class Message:
    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line)

    def eomReceived(self) -> Any:
        BOX.append(b"\r\n".join(self.lines))
        return defer.succeed(None)

    def connectionLost(self) -> None:
        print("message lost", len(self.lines))


@implementer(smtp.IMessageDelivery)
class Delivery:
    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        return b"Received: by us"

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        if origin.local == b"nobody":
            raise smtp.SMTPBadSender(origin)
        return origin

    def validateTo(self, user: Any) -> Any:
        if user.dest.local == b"nobody":
            raise smtp.SMTPBadRcpt(user)
        return Message


class Realm:
    def requestAvatar(self, who: Any, mind: Any, *interfaces: Any) -> Any:
        made = {
            smtp.IMessageDelivery: Delivery,
            pop3.IMailbox: Popped,
            imap4.IAccount: lambda: account(who),
        }[interfaces[0]]()
        return interfaces[0], made, lambda: print("logged out", who)


def bytes_too() -> Any:
    made = checkers.InMemoryUsernamePasswordDatabaseDontUse()
    made.addUser(b"joe", b"secret")
    return made


def gate() -> Any:
    return portal.Portal(Realm(), [bytes_too()])


@implementer(pop3.IMailbox)
class Popped(pop3.Mailbox):
    def listMessages(self, index: Any = None) -> Any:
        return [len(m) for m in BOX] if index is None else len(BOX[index])

    def getMessage(self, index: int) -> Any:
        return io.BytesIO(BOX[index])

    def getUidl(self, index: int) -> bytes:
        return b"uid%d" % index

    def deleteMessage(self, index: int) -> None:
        print("deleted", index)


def account(who: Any) -> Any:
    made = imap4.MemoryAccountWithoutNamespaces(who)
    made.addMailbox("INBOX", Inbox())
    return made


@implementer(imap4.IMailbox, imap4.ISearchableMailbox)
class Inbox:
    flags = ("\\Seen",)

    def __init__(self) -> None:
        self.letters: list[Any] = []
        self.listeners: list[Any] = []

    def getFlags(self) -> Any:
        return list(self.flags)

    def getUIDValidity(self) -> int:
        return 7

    def getUIDNext(self) -> int:
        return len(self.letters) + 1

    def getMessageCount(self) -> int:
        return len(self.letters)

    def getRecentCount(self) -> int:
        return 1

    def getUnseenCount(self) -> int:
        return 0

    def isWriteable(self) -> bool:
        return True

    def getHierarchicalDelimiter(self) -> str:
        return "/"

    def addListener(self, listener: Any) -> None:
        self.listeners.append(listener)

    def removeListener(self, listener: Any) -> None:
        self.listeners.remove(listener)

    def addMessage(self, message: Any, flags: Any = (), date: Any = None) -> Any:
        self.letters.append(Letter(message.read(), flags))
        for listener in self.listeners:
            listener.newMessages(len(self.letters), None)
        return defer.succeed(len(self.letters))

    def requestStatus(self, names: Any) -> Any:
        return imap4.statusRequestHelper(self, names)

    def fetch(self, messages: Any, uid: bool) -> Any:
        messages.last = len(self.letters)
        return [(number, self.letters[number - 1]) for number in messages]

    def store(self, messages: Any, flags: Any, mode: int, uid: bool) -> Any:
        messages.last = len(self.letters)
        return {number: list(flags) for number in messages}

    def search(self, query: Any, uid: bool) -> Any:
        print("search", query)
        return [1]

    def expunge(self) -> Any:
        return [1]

    def destroy(self) -> None:
        pass


@implementer(imap4.IMessage)
class Letter:
    def __init__(self, data: bytes, flags: Any) -> None:
        self.data, self.flags = data, flags

    def getUID(self) -> int:
        return 1

    def getFlags(self) -> Any:
        return self.flags

    def getInternalDate(self) -> str:
        return "Sun, 01 Jan 2023 00:00:00 +0000"

    def getHeaders(self, negate: bool, *names: Any) -> Any:
        head = self.data.decode().partition("\r\n\r\n")[0].split("\r\n")
        return dict(line.lower().split(": ", 1) for line in head)

    def getBodyFile(self) -> Any:
        return io.BytesIO(self.data.partition(b"\r\n\r\n")[2])

    def getSize(self) -> int:
        return len(self.data)

    def isMultipart(self) -> bool:
        return False


async def listening(make: Any) -> Any:
    factory = protocol.Factory()
    factory.noisy = False
    factory.protocol = make
    return reactor.listenTCP(0, factory, interface="127.0.0.1")


async def dial(port: Any, made: Any) -> Any:
    end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    return await endpoints.connectProtocol(end, made)


def told(lost: Any) -> Any:
    class Told:
        def connectionLost(self, reason: Any) -> None:
            super().connectionLost(reason)  # type: ignore[misc]
            lost.callback(reason.type.__name__)

    return Told


class Client(smtp.ESMTPClient):
    answers: list[Any] = []

    def getMailFrom(self) -> Any:
        if not self.todo:
            return None
        return self.todo[0][0]

    def getMailTo(self) -> Any:
        return self.todo[0][1]

    def getMailData(self) -> Any:
        return io.BytesIO(self.todo[0][2])

    def sentMail(self, code: Any, answer: Any, accepted: Any, addresses: Any, log: Any) -> None:
        print("sent", code, answer, accepted, addresses)
        self.todo.pop(0)

    def sendError(self, problem: Any) -> None:
        print("error", type(problem).__name__, str(problem).split("\n")[0])
        self.todo.clear()
        super().sendError(problem)


async def send() -> None:
    def make() -> Any:
        server = smtp.ESMTP()
        server.host = b"us"
        server.portal = gate()
        server.delivery = Delivery()
        server.timeout = 60
        return server

    port = await listening(make)
    for todo in (
        [
            (b"a@here", [b"b@there"], LETTER),
            (b"a@here", [b"b@there", b"nobody@there"], LETTER[:90]),
        ],
        [(b"nobody@here", [b"b@there"], LETTER)],
        [(b"a@here", [b"nobody@there"], LETTER)],
    ):
        lost: Any = defer.Deferred()
        kind = type("Told", (told(lost), Client), {"todo": todo})
        client = kind(b"secret", None, b"client")
        client.requireAuthentication = client.requireTransportSecurity = False
        client.registerAuthenticator(smtp.CramMD5ClientAuthenticator(b"joe"))
        await dial(port, client)
        print("client lost", await lost)
    factory = smtp.SMTPSenderFactory(
        b"a@here", b"b@there", io.BytesIO(LETTER), done := defer.Deferred()
    )
    factory.noisy = False
    reactor.connectTCP("127.0.0.1", port.getHost().port, factory)
    print(await done)
    print([(len(m), m.count(b"\r\n"), hash(m) == hash(BOX[0])) for m in BOX])
    await port.stopListening()


async def pop() -> None:
    BOX.extend([LETTER, LETTER[:100], b"one line"])

    def make() -> Any:
        server = pop3.POP3()
        server.portal = gate()
        return server

    port = await listening(make)
    lost: Any = defer.Deferred()
    client = type("Told", (told(lost), pop3.AdvancedPOP3Client), {})()
    client.allowInsecureLogin = True  # and not by APOP
    await dial(port, client)
    print(sorted(await client.capabilities()))
    client.serverChallenge = None
    try:
        await client.login(b"joe", b"wrong")
    except Exception as problem:
        print(type(problem).__name__, problem)
    print(await client.login(b"joe", b"secret"))
    print(await client.stat(), await client.listSize(), await client.listUID())
    both = [client.retrieve(index) for index in range(3)]  # at once
    for waited in both:
        lines = await waited
        print(len(lines), sum(map(len, lines)), lines[:3], lines[-1])
    print(await client.retrieve(0, lines=2))
    seen: list[bytes] = []
    await client.retrieve(0, seen.append)
    print(len(seen), seen[5:9])
    print(await client.delete(1), await client.noop(), await client.reset(), await client.delete(0))
    try:
        await client.retrieve(17)
    except Exception as problem:
        print(type(problem).__name__, problem)
    print(await client.quit(), await lost)
    await port.stopListening()


class Told4(imap4.IMAP4Client):
    def newMessages(self, exists: Any, recent: Any) -> None:
        print("new", exists, recent)

    def flagsChanged(self, flags: Any) -> None:
        print("flags", flags)


async def imap() -> None:
    def make() -> Any:
        server = imap4.IMAP4Server()
        server.portal = gate()
        return server

    port = await listening(make)
    lost: Any = defer.Deferred()
    client = type("Told", (told(lost), Told4), {})()
    await dial(port, client)
    print(sorted(str(k) for k in await client.getCapabilities()))
    try:
        await client.login(b"joe", b"wrong")
    except Exception as problem:
        print(type(problem).__name__, problem)
    print(await client.login(b"joe", b"secret"))
    print(await client.list("", "*"))
    print(await client.status("INBOX", "MESSAGES", "UIDNEXT"))
    print(sorted((await client.select("INBOX")).items()))
    for flags in ((), ("\\Seen", "\\Flagged")):
        print(
            await client.append(
                "INBOX", io.BytesIO(LETTER), flags, "Sun, 01 Jan 2023 00:00:00 +0000"
            )
        )
    print(await client.fetchFlags("1:2"), await client.fetchSize("1:*"), await client.fetchUID("1"))
    got = await client.fetchBody("1:2")
    print(
        {
            number: (len(text["RFC822.TEXT"]), text["RFC822.TEXT"][:20])
            for number, text in got.items()
        }
    )
    got = await client.fetchMessage("1")
    print({number: (len(text["RFC822"])) for number, text in got.items()})
    print(await client.fetchHeaders("1"))
    print(await client.fetchEnvelope("2"), await client.fetchBodyStructure("1"))
    print(await client.search(imap4.Query(subject="hello")))
    print(await client.setFlags("1", ["\\Deleted"]), await client.expunge(), await client.noop())
    try:
        await client.select("none")
    except Exception as problem:
        print(type(problem).__name__, problem)
    await client.logout()
    client.transport.loseConnection()
    print(await lost)
    await port.stopListening()


log_errors()
defer.ensureDeferred(globals()[sys.argv[1]]()).addErrback(
    lambda failure: print("failed", failure.getTraceback())
).addCallback(lambda _: reactor.callWhenRunning(reactor.stop))
run()
print("done")
