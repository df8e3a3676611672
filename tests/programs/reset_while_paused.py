"""The peer resets a connection that is not reading: it is noticed on resuming."""

import common
from twisted.internet import protocol, reactor


class Paused(protocol.Protocol):
    def connectionMade(self):
        self.transport.pauseProducing()
        common.later(0.1, common.reset, client)
        common.later(0.3, self.resume)

    def resume(self):
        print("connected", bool(self.transport.connected))
        self.transport.resumeProducing()

    def connectionLost(self, reason):
        print("lost", reason.type.__name__)
        common.later(0.1, reactor.stop)


port = common.listen(Paused)
client = common.raw(port)
common.run()
