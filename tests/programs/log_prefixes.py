"""The log prefix inside each kind of event, and in a thread started from one."""

import threading

import common
from twisted.internet import protocol, reactor, threads
from twisted.python import log


def observe(event):
    if "hello" in event["message"]:
        system = event["system"].split(",")
        print(event["message"], [part for part in system if not part.isdigit()])


log.addObserver(observe)


class Server(protocol.Protocol):
    def connectionMade(self):
        log.msg("hello", "made")

    def dataReceived(self, data):
        log.msg("hello", "data")
        timed = threading.Event()
        reactor.callLater(0, self.timer, timed)
        threads.deferToThread(self.thread, timed).addCallback(self.after)

    def timer(self, timed):
        log.msg("hello", "timer")
        timed.set()

    def thread(self, timed):
        timed.wait(common.GIVE_UP_AFTER)
        log.msg("hello", "thread")

    def after(self, ignored):
        log.callWithContext({"system": "mine"}, log.msg, "hello", "own")
        self.transport.loseConnection()

    def connectionLost(self, reason):
        log.msg("hello", "lost")


class Client(Server):
    def connectionMade(self):
        self.transport.write(b"data")

    def logPrefix(self):
        return "TheClient"

    def connectionLost(self, reason):
        log.msg("hello", "client lost")
        common.later(0.1, reactor.stop)


common.connect(common.listen(Server), Client)
common.run()
