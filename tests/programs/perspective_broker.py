"""Perspective Broker: a login, calls, copies, caches, errors, pages and the end of a connection."""

from __future__ import annotations

import sys
from typing import Any

from common import log_errors, run
from twisted.cred import checkers, credentials, portal
from twisted.internet import defer, reactor, task
from twisted.spread import pb, util
from zope.interface import implementer


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


class Copied(pb.Copyable, pb.RemoteCopy):
    pass


pb.setUnjellyableForClass(Copied, Copied)


class Cached(pb.Cacheable):
    def __init__(self) -> None:
        self.observers: list[Any] = []
        self.value = 1

    def getStateToCacheAndObserveFor(self, perspective: Any, observer: Any) -> Any:
        self.observers.append(observer)
        return {"value": self.value}

    def stoppedObserving(self, perspective: Any, observer: Any) -> None:
        print("stopped observing")
        self.observers.remove(observer)

    def put(self, value: int) -> Any:
        self.value = value
        return defer.gatherResults([each.callRemote("put", value) for each in self.observers])


class Cache(pb.RemoteCache):
    def setCopyableState(self, state: Any) -> None:
        self.value = state["value"]

    def observe_put(self, value: int) -> None:
        print("put", value)
        self.value = value


pb.setUnjellyableForClass(Cached, Cache)


class Mind(pb.Referenceable):
    def remote_think(self, of: Any) -> str:
        return f"thought of {of}"

    def remote_fail(self) -> None:
        raise Asked("mind")


class Asked(pb.Error):
    pass


class Avatar(pb.Avatar):
    def __init__(self, mind: Any) -> None:
        self.mind = mind
        self.cached = Cached()

    def perspective_echo(self, *a: Any, **kw: Any) -> Any:
        return a, kw

    def perspective_think(self) -> Any:
        return self.mind.callRemote("think", 7)

    def perspective_mind_fails(self) -> Any:
        return self.mind.callRemote("fail")

    def perspective_fail(self) -> None:
        raise Asked("asked for")

    def perspective_break(self) -> None:
        raise ZeroDivisionError("not expected")

    def perspective_copied(self) -> Any:
        made = Copied()
        made.a, made.b = 1, [2, (3, {4: "x"})]
        return made

    def perspective_cached(self) -> Any:
        return self.cached

    def perspective_put(self, value: int) -> Any:
        return self.cached.put(value)

    def perspective_later(self) -> Any:
        return task.deferLater(reactor, 0.01, lambda: "later")

    def perspective_page(self, collector: Any) -> None:
        util.StringPager(collector, b"p" * 200000, 8192)

    def perspective_view(self) -> Any:
        return View()

    def perspective_big(self, data: Any) -> int:
        return len(data)

    def logout(self) -> None:
        print("logged out")


class View(pb.Viewable):
    def view_seen(self, perspective: Any, what: Any) -> str:
        return f"{type(perspective).__name__} sees {what}"


@implementer(portal.IRealm)
class PbRealm:
    def requestAvatar(self, who: Any, mind: Any, *interfaces: Any) -> Any:
        avatar = Avatar(mind)
        return pb.IPerspective, avatar, avatar.logout


async def broker() -> None:
    gate = portal.Portal(PbRealm(), [keeper(), checkers.AllowAnonymousAccess()])
    port = reactor.listenTCP(0, pb.PBServerFactory(gate), interface="127.0.0.1")
    factory = pb.PBClientFactory()
    factory.noisy = False
    reactor.connectTCP("127.0.0.1", port.getHost().port, factory)
    try:
        await factory.login(credentials.UsernamePassword(b"joe", b"wrong"), Mind())
    except Exception as problem:
        print(type(problem).__name__, problem)
    avatar = await factory.login(credentials.UsernamePassword(b"joe", b"secret"), Mind())
    print(
        await avatar.callRemote(
            "echo", 1, 2.5, None, True, b"bytes", "text ü", [1], (2,), {"a": 1}, k={3, 4}
        )
    )
    print(await avatar.callRemote("think"), await avatar.callRemote("later"))
    for name in ("fail", "break", "mind_fails", "absent"):
        try:
            await avatar.callRemote(name)
        except Exception as problem:
            print(name, type(problem).__name__, problem)
        failed = await defer.DeferredList([avatar.callRemote(name)], consumeErrors=True)
        print(failed[0][1].type, failed[0][1].check(Asked, ZeroDivisionError))
    copied = await avatar.callRemote("copied")
    print(type(copied).__name__, sorted(copied.__dict__.items()))
    cached = await avatar.callRemote("cached")
    print(type(cached).__name__, cached.value, await avatar.callRemote("put", 5), cached.value)
    del cached
    got: Any = defer.Deferred()
    util.getAllPages(avatar, "page").addCallback(got.callback)
    pages = await got
    print(len(pages), sum(map(len, pages)))
    print(await (await avatar.callRemote("view")).callRemote("seen", 3))
    print(await avatar.callRemote("big", b"z" * 600000))
    try:
        await avatar.callRemote("big", b"z" * 700000)
    except Exception as problem:
        print(type(problem).__name__, str(problem)[:60])
    print(
        await defer.gatherResults([avatar.callRemote("echo", number) for number in range(200)])
        == [((n,), {}) for n in range(200)]
    )
    avatar.notifyOnDisconnect(lambda ref: print("disconnected", type(ref).__name__))
    waits = avatar.callRemote("later")
    factory.disconnect()
    try:
        await waits
    except Exception as problem:
        print(type(problem).__name__, problem)
    try:
        await avatar.callRemote("echo")
    except Exception as problem:
        print(type(problem).__name__, problem)
    await task.deferLater(reactor, 0.1)
    await port.stopListening()


log_errors()
defer.ensureDeferred(globals()[sys.argv[1]]()).addErrback(
    lambda failure: print("failed", failure.getTraceback())
).addCallback(lambda _: reactor.callWhenRunning(reactor.stop))
run()
print("done")
