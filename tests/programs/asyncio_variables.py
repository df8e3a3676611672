"""Context variables: what a Twisted callback on asyncio finds in them, and what it leaves there."""

import asyncio
import contextvars
import threading

import common
from twisted.internet import protocol, reactor, task

name = contextvars.ContextVar("name", default="nobody")
name.set("main")


def show(what):
    print(what, name.get(), flush=True)


class Server(protocol.Protocol):
    def connectionMade(self):
        show("server made")
        name.set(f"server {self.transport.sessionno}")

    def dataReceived(self, data):
        show(f"server received {data!r}")
        name.set(name.get() + "+")
        self.transport.write(data)

    def connectionLost(self, reason):
        show("server lost")
        common.later(0.02, begin_next)


class Client(protocol.Protocol):
    received = 0

    def connectionMade(self):
        show("client made")
        self.transport.write(b"hello")

    def dataReceived(self, data):
        show("client received")
        self.received += 1
        if self.received < 3:
            self.transport.write(data)
        else:
            name.set("losing")
            self.transport.loseConnection()

    def connectionLost(self, reason):
        show("client lost")


def connect():
    name.set("connecting")
    common.connect(port, Client)


def timed():
    name.set("first")
    reactor.callLater(0.3, show, "later")
    name.set("second")
    reactor.callLater(0.02, lambda: (show("sooner"), name.set("third")))
    reactor.callLater(0.4, show, "latest")
    reactor.callLater(0.5, begin_next)


def from_thread():
    def run():
        name.set("thread")
        reactor.callFromThread(show, "from a thread")
        reactor.callFromThread(begin_next)

    threading.Thread(target=run).start()


def from_own_thread():
    name.set("own thread")
    reactor.callFromThread(show, "from this thread")
    reactor.callFromThread(begin_next)


def in_task():
    async def run():
        name.set("task")
        loop = asyncio.get_running_loop()
        await task.deferLater(reactor, 0.01, show, "deferLater").asFuture(loop)
        show("in the task")
        begin_next()

    tasks.append(asyncio.ensure_future(run()))


def end():
    show("end")
    reactor.stop()


def begin_next():
    reactor.callLater(0.02, next(steps))


tasks = []
steps = iter([connect, connect, timed, from_thread, from_own_thread, in_task, end])
port = common.listen(Server)
reactor.addSystemEventTrigger("before", "shutdown", show, "shutdown")
reactor.callWhenRunning(show, "running")
begin_next()
common.run()
show("after")
