"""stopListening in buildProtocol: the connection at hand is still served."""

import common
from twisted.internet import protocol, reactor


class Greeter(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(b"hello")
        self.transport.loseConnection()

    def connectionLost(self, reason):
        print("server lost", reason.type.__name__)
        common.later(0.1, reactor.stop)


class Once(protocol.Factory):
    noisy = False

    def doStop(self):
        print("factory stopped")

    def buildProtocol(self, addr):
        print("stopListening twice")
        port.stopListening().addCallback(lambda ignored: print("stopped"))
        return Greeter()


port = reactor.listenTCP(0, Once(), interface="127.0.0.1")
client = common.raw(port)
common.run()
print(client.recv(100))
