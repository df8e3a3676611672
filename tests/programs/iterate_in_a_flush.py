"""An iterate() within a half-close sends what other connections wrote in the same turn."""

import common
from twisted.internet import interfaces, protocol, reactor
from zope.interface import implementer

servers = []


@implementer(interfaces.IHalfCloseableProtocol)
class Server(protocol.Protocol):
    def connectionMade(self):
        servers.append(self.transport)
        if len(servers) == 2:
            servers[0].loseWriteConnection()
            servers[1].write(b"written in the same turn")

    def readConnectionLost(self):
        pass

    def writeConnectionLost(self):
        for _ in range(200):
            reactor.iterate(0.005)
            if received:
                break
        print("inside", received)
        reactor.stop()


received = []


class Client(protocol.Protocol):
    def dataReceived(self, data):
        received.append(data)


def begin():
    port = common.listen(Server)
    common.connect(port, Client)
    common.connect(port, Client)


reactor.callWhenRunning(begin)
common.run()
