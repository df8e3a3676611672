"""StandardIO over whatever descriptors 0 and 1 are; what it hears goes to standard error."""

import sys

import common
from twisted.internet import interfaces, reactor, stdio
from twisted.protocols.basic import LineReceiver
from zope.interface import implementer


@implementer(interfaces.IHalfCloseableProtocol)
class Upper(LineReceiver):
    delimiter = b"\n"
    count = 0

    def lineReceived(self, line):
        self.count += 1
        self.sendLine(line.upper())

    def readConnectionLost(self):
        print("read lost after", self.count, file=sys.stderr)
        self.transport.loseConnection()

    def writeConnectionLost(self):
        print("write lost", file=sys.stderr)
        reactor.callLater(0.01, reactor.stop)

    def connectionLost(self, reason):
        print("lost", reason.type.__name__, file=sys.stderr)
        reactor.callLater(0.01, reactor.stop)


stdio.StandardIO(Upper())
common.run()
