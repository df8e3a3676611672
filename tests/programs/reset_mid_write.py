"""The peer resets the connection while megabytes wait to be sent to it."""

import common
from twisted.internet import protocol, reactor


class Flood(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(b"x" * 16_000_000)
        common.later(0.2, common.reset, client)

    def connectionLost(self, reason):
        print("lost", reason.type.__name__)
        self.transport.write(b"too late")
        self.transport.loseConnection()
        common.later(0.2, reactor.stop)


port = common.listen(Flood)
client = common.raw(port)
common.run()
