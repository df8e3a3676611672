"""StandardIO over whatever descriptors 0 and 1 are; what it hears goes to standard error."""

import sys

import common
from twisted.internet import interfaces, reactor, stdio
from twisted.protocols.basic import LineReceiver
from zope.interface import implementer


@implementer(interfaces.IHalfCloseableProtocol)
class Upper(LineReceiver):
    delimiter = b"\n"
    count = halves_lost = 0

    def lineReceived(self, line):
        self.count += 1
        self.sendLine(line.upper())

    def readConnectionLost(self):
        print("read lost after", self.count, file=sys.stderr)
        self.transport.loseConnection()
        self.half_lost()

    def writeConnectionLost(self):
        print("write lost", file=sys.stderr)
        self.half_lost()

    def half_lost(self):
        # Of the end of both that came one after the other, nothing is told.
        self.halves_lost += 1
        if self.halves_lost == 2:
            common.later(0.05, reactor.stop)

    def connectionLost(self, reason):
        print("lost", reason.type.__name__, file=sys.stderr)
        common.later(0.01, reactor.stop)


stdio.StandardIO(Upper())
common.run()
