"""memcache, AMP, DNS and smaller protocols: questions, many at once, and their answers."""

from __future__ import annotations

import sys
from typing import Any

from common import log_errors, run
from twisted.cred import checkers
from twisted.internet import defer, endpoints, protocol, reactor, task
from twisted.protocols import amp, memcache


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


async def caching() -> None:
    from twisted.protocols.basic import LineReceiver

    class Server(LineReceiver):
        stored: dict[bytes, Any] = {}

        def lineReceived(self, line: bytes) -> None:
            words = line.split()
            if words[0] in (b"set", b"add"):
                self.words, self.left = words, int(words[4]) + 2
                self.data = b""
                self.setRawMode()
            elif words[0] in (b"get", b"gets"):
                for key in words[1:]:
                    if key in self.stored:
                        flags, data = self.stored[key]
                        cas = b" 9" if words[0] == b"gets" else b""
                        self.transport.write(
                            b"VALUE %s %s %d%s\r\n%s\r\n" % (key, flags, len(data), cas, data)
                        )
                self.sendLine(b"END")
            elif words[0] == b"incr":
                value = int(self.stored[words[1]][1]) + int(words[2])
                self.stored[words[1]] = (b"0", b"%d" % value)
                self.sendLine(b"%d" % value)
            elif words[0] == b"delete":
                self.sendLine(b"DELETED" if self.stored.pop(words[1], None) else b"NOT_FOUND")
            elif words[0] == b"version":
                self.sendLine(b"VERSION 1.2")
            elif words[0] == b"stats":
                self.sendLine(b"STAT pid 1")
                self.sendLine(b"END")
            else:
                self.sendLine(b"ERROR")

        def rawDataReceived(self, data: bytes) -> None:
            self.data += data
            if len(self.data) >= self.left:
                rest = self.data[self.left :]
                words = self.words
                if words[0] == b"add" and words[1] in self.stored:
                    self.sendLine(b"NOT_STORED")
                else:
                    self.stored[words[1]] = (words[2], self.data[: self.left - 2])
                    self.sendLine(b"STORED")
                self.setLineMode(rest)

    factory = protocol.Factory.forProtocol(Server)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    client = await endpoints.connectProtocol(end, memcache.MemCacheProtocol())
    gone = lose(client)
    tasks = [client.set(b"key%d" % n, b"v\r\n%d" % n, n) for n in range(50)]
    tasks += [client.get(b"key%d" % n) for n in range(50)]
    print(await defer.gatherResults(tasks))
    print(await client.set(b"big", b"B" * 900000), len((await client.get(b"big"))[1]))
    print(await client.getMultiple([b"key1", b"none", b"key3"], True), await client.get(b"none"))
    print(
        await client.add(b"key1", b"x"), await client.delete(b"key1"), await client.delete(b"key1")
    )
    print(
        await client.set(b"n", b"4"),
        await client.increment(b"n", 3),
        await client.version(),
        await client.stats(),
    )
    try:
        await client.get(b"k" * 300)
    except Exception as problem:
        print(type(problem).__name__, problem)
    client.transport.loseConnection()
    print(await gone)
    await port.stopListening()


class Sum(amp.Command):
    arguments = [(b"a", amp.Integer()), (b"b", amp.Integer())]
    response = [(b"total", amp.Integer())]
    errors = {ZeroDivisionError: b"ZERO"}


class Big(amp.Command):
    arguments = [(b"data", amp.ListOf(amp.String()))]
    response = [(b"size", amp.Integer())]


class Quiet(amp.Command):
    arguments = [(b"what", amp.Unicode())]
    requiresAnswer = False


class Adds(amp.AMP):
    @Sum.responder
    def sum(self, a: int, b: int) -> Any:
        if b == 0:
            raise ZeroDivisionError("b")
        if b == 1:
            raise ValueError("unknown")
        return task.deferLater(reactor, 0.001 * (b % 3), lambda: {"total": a + b})

    @Big.responder
    def big(self, data: Any) -> Any:
        return {"size": sum(map(len, data))}

    @Quiet.responder
    def quiet(self, what: str) -> Any:
        print("quiet", what)
        return {}


async def amps() -> None:
    factory = protocol.Factory.forProtocol(Adds)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    client = await endpoints.connectProtocol(end, amp.AMP())
    answers = await defer.gatherResults([client.callRemote(Sum, a=n, b=n + 2) for n in range(100)])
    print([answer["total"] for answer in answers] == [2 * n + 2 for n in range(100)])
    for b in (0, 1):  # the second is not expected: it ends the connection
        try:
            await client.callRemote(Sum, a=1, b=b)
        except Exception as problem:
            print(type(problem).__name__, problem)
    client = await endpoints.connectProtocol(end, amp.AMP())
    client.callRemote(Quiet, what="ü")
    print(await client.callRemote(Big, data=[b"x" * 600] * 100))
    try:
        await client.callRemote(Big, data=[b"x" * 66000])
    except Exception as problem:
        print(type(problem).__name__)
    waits = client.callRemote(Sum, a=1, b=2)
    client.transport.abortConnection()
    try:
        await waits
    except Exception as problem:
        print(type(problem).__name__, problem)
    await port.stopListening()


async def names() -> None:
    from twisted.names import authority, client, dns, server

    class Zone(authority.FileAuthority):
        def __init__(self) -> None:
            soa = dns.Record_SOA(
                mname="ns.example.org",
                rname="root.example.org",
                serial=1,
                refresh=1,
                retry=1,
                expire=1,
                minimum=1,
                ttl=9,
            )
            records = {
                b"example.org": [
                    soa,
                    dns.Record_NS("ns.example.org", ttl=9),
                    dns.Record_MX(1, "mail.example.org", ttl=9),
                    dns.Record_TXT(*([b"t" * 200] * 8), ttl=9),
                ],
                b"ns.example.org": [dns.Record_A("1.2.3.4", ttl=9), dns.Record_AAAA("::1", ttl=9)],
                b"a.example.org": [dns.Record_CNAME("ns.example.org", ttl=9)],
            }
            self._cache = {}
            self.records, self.soa = records, (b"example.org", soa)
            super(authority.FileAuthority, self).__init__()

    factory = server.DNSServerFactory(authorities=[Zone()])
    factory.noisy = False
    datagrams = dns.DNSDatagramProtocol(factory)
    datagrams.noisy = False
    stream = reactor.listenTCP(0, factory, interface="127.0.0.1")
    number = stream.getHost().port
    udp = reactor.listenUDP(number, datagrams, interface="127.0.0.1")
    asks = client.Resolver(servers=[("127.0.0.1", number)], timeout=(20,))
    for kind, name in (
        ("Address", "ns.example.org"),
        ("IPV6Address", "ns.example.org"),
        ("MailExchange", "example.org"),
        ("Text", "example.org"),
        ("Address", "a.example.org"),
        ("Address", "none.example.org"),
        ("AllRecords", "example.org"),
        ("Zone", "example.org"),
    ):
        try:
            found = await getattr(asks, "lookup" + kind)(name)
            print(
                kind,
                name,
                [[str(record.payload)[:70] for record in part] for part in found]
                if len(found) == 3
                else found,
            )
        except Exception as problem:
            print(kind, name, type(problem).__name__)
    many = await defer.gatherResults([asks.lookupAddress("ns.example.org") for _ in range(20)])
    print(len(many), len({str(each) for each in many}))
    await udp.stopListening()
    await stream.stopListening()


async def small() -> None:
    from twisted.protocols import finger, wire
    from twisted.protocols.stateful import StatefulProtocol

    class Raw(protocol.Protocol):
        def __init__(self, done: Any) -> None:
            self.data, self.done = b"", done

        def dataReceived(self, data: bytes) -> None:
            self.data += data

        def connectionLost(self, reason: Any) -> None:
            self.done.callback((self.data, reason.type.__name__))

    class Counted(StatefulProtocol):
        """A byte tells how many come next."""

        def getInitialState(self) -> Any:
            return self.length, 1

        def length(self, data: bytes) -> Any:
            if not data[0]:
                self.transport.loseConnection()
                return None
            return self.body, data[0]

        def body(self, data: bytes) -> Any:
            self.transport.write(data[::-1])
            return self.length, 1

    async def ask(kind: Any, data: bytes) -> None:
        factory = protocol.Factory.forProtocol(kind)
        factory.noisy = False
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        end = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        done: Any = defer.Deferred()
        client = await endpoints.connectProtocol(end, Raw(done))
        for at in range(0, len(data), 3):
            client.transport.write(data[at : at + 3])
            await task.deferLater(reactor, 0)
        print(kind.__name__, await done)
        await port.stopListening()

    await ask(Counted, b"\x05abcde\x03xyz\x01.\x00")
    await ask(finger.Finger, b"joe\r\n")
    await ask(wire.QOTD, b"")


log_errors()
defer.ensureDeferred(globals()[sys.argv[1]]()).addErrback(
    lambda failure: print("failed", failure.getTraceback())
).addCallback(lambda _: reactor.callWhenRunning(reactor.stop))
run()
print("done")
