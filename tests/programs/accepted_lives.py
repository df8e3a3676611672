"""What accepted connections of unlike protocols say of themselves, from accept to loss."""

import re
import sys

import common
from twisted.internet import interfaces, protocol, reactor
from twisted.python import context, log
from zope.interface import directlyProvides, implementer

common.log_errors()


def say(what, protocol, transport):
    system = context.get(log.ILogContext)["system"]
    number = re.compile(r"(?<= on )'?[^ ]*?'?(?=>)")  # a port's, or a path
    print(what, number.sub("...", repr(transport)), transport.logstr, "|", system)
    print(transport.connected, transport.disconnected, hasattr(transport, "socket"))


class Plain(protocol.Protocol):
    def connectionMade(self):
        say("made", self, self.transport)

    def dataReceived(self, data):
        say("received", self, self.transport)
        self.transport.write(data)
        self.end()

    def end(self):
        self.transport.loseConnection()

    def connectionLost(self, reason):
        say("lost", self, self.transport)
        print(reason.type.__name__, self.transport.fileno(), "fileno" in vars(self.transport))
        print(hasattr(self.transport, "protocol"), self.transport.producer)
        self.factory.over()


class Named(Plain):
    def logPrefix(self):
        return "a name"


class NamedByItself(Plain):
    def __init__(self):
        self.logPrefix = lambda: "its own name"


class NamedLike(Plain):
    logPrefix = protocol.Factory.logPrefix


class Asked(Plain):
    def __getattr__(self, name):
        print("asked for", name)
        raise AttributeError(name)


class Silent:
    """No Protocol, and no log prefix."""

    def makeConnection(self, transport):
        self.transport = transport
        say("made", self, transport)

    dataReceived = Plain.dataReceived
    connectionLost = Plain.connectionLost
    end = Plain.end


class Speaking(Silent):
    def logPrefix(self):
        return "asked only where that is provided"


@implementer(interfaces.ILoggingContext)
class Providing(Speaking):
    pass


class Switching(Plain):
    def end(self):
        other = Silent()
        other.transport, other.factory = self.transport, self.factory
        self.transport.protocol = other
        self.transport.loseConnection()


class Renamed(Plain):
    def end(self):
        self.__class__ = Named
        self.transport.loseConnection()


class OwnFileno(Plain):
    def end(self):
        fileno = self.transport.fileno()
        self.transport.fileno = lambda: fileno
        self.transport.loseConnection()


class Produced(Plain):
    def end(self):
        self.transport.registerProducer(self, True)
        self.transport.abortConnection()

    def stopProducing(self):
        print("stopped", self.transport.connected, self.transport.disconnected)

    def pauseProducing(self):
        print("paused")

    def resumeProducing(self):
        print("resumed")


class OwnHost(Plain):
    def connectionMade(self):
        self.transport.hostname = "elsewhere"
        print(self.transport.hostname)
        self.transport.repstr = "<by the program>"
        super().connectionMade()


class Loosing(Plain):
    def connectionLost(self, reason):
        super().connectionLost(reason)
        self.transport.connectionLost(reason)  # once more does nothing
        raise ValueError("at the end")


def providing():
    made = Speaking()
    directlyProvides(made, interfaces.ILoggingContext)
    return made


KINDS = [
    *(Plain, Named, NamedByItself, NamedLike, Asked, Silent, Speaking, Providing, providing),
    *(Switching, Renamed, OwnFileno, Produced, OwnHost, Loosing),
]


class Server(protocol.Factory):
    noisy = False

    def buildProtocol(self, addr):
        print(type(addr).__name__, getattr(addr, "host", None), getattr(addr, "type", None))
        made = KINDS[self.number]()
        made.factory = self
        return made

    number = 0

    def over(self):
        self.number += 1
        reactor.callLater(0, next_connection)


class Asking(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(b"a message")


def next_connection():
    if server.number == len(KINDS):
        reactor.stop()
        return
    factory = protocol.ClientFactory.forProtocol(Asking)
    factory.noisy = False
    connect(factory)


server = Server()
if sys.argv[-1] == "unix":
    path = common.folder() + "/s"
    reactor.listenUNIX(path, server)
    connect = lambda factory: reactor.connectUNIX(path, factory)  # noqa: E731
else:
    port = reactor.listenTCP(0, server, interface="127.0.0.1").getHost().port
    connect = lambda factory: reactor.connectTCP("127.0.0.1", port, factory)  # noqa: E731
reactor.callLater(0, next_connection)
reactor.callLater(common.GIVE_UP_AFTER, reactor.stop)
reactor.run()
print("all", server.number)
