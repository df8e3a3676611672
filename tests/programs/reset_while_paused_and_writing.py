"""The peer resets a connection that is only writing: it is noticed at once."""

import common
from twisted.internet import protocol, reactor


class Paused(protocol.Protocol):
    def connectionMade(self):
        self.transport.pauseProducing()
        self.transport.write(b"x" * 16_000_000)
        common.later(0.2, common.reset, client)

    def connectionLost(self, reason):
        print("lost", reason.type.__name__)
        common.later(0.1, reactor.stop)


port = common.listen(Paused)
client = common.raw(port)
common.run()
