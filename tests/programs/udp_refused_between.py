"""A connected peer goes away with datagrams of its left: each answer is refused in its place."""

import socket

import common
from twisted.internet import protocol, reactor


class Answering(protocol.DatagramProtocol):
    refusals = 0

    def startProtocol(self):
        self.transport.connect(*peer.getsockname())

    def datagramReceived(self, data, addr):
        print("received", data)
        print("sent", self.transport.write(b"answer to " + data))

    def connectionRefused(self):
        self.refusals += 1
        print("refused", self.refusals)


def begin():
    for number in range(5):
        peer.sendto(b"%d" % number, ("127.0.0.1", port.getHost().port))
    common.leave_to_nobody(peer)
    common.later(0.3, reactor.stop)


peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.bind(("127.0.0.1", 0))
port = reactor.listenUDP(0, Answering(), interface="127.0.0.1")
reactor.callWhenRunning(begin)
common.run()
print("connected", port.connected)
