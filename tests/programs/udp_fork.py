"""A fork in the middle of waiting datagrams: each is handled by one of the two, once."""

import os
import socket

import common
from twisted.internet import protocol, reactor


class Forking(protocol.DatagramProtocol):
    def datagramReceived(self, data, addr):
        os.write(writing, data + b" ")
        if data == b"3" and os.fork() == 0:
            reactor.callLater(0.2, os._exit, 0)


def begin():
    for number in range(10):
        sender.sendto(b"%d" % number, ("127.0.0.1", port.getHost().port))
    reactor.callLater(0.5, finish)


def finish():
    print(sorted(os.read(reading, 1000).split()))
    print("child ended with", os.wait()[1])
    reactor.stop()


reading, writing = os.pipe()
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
port = reactor.listenUDP(0, Forking(), interface="127.0.0.1")
reactor.callWhenRunning(begin)
common.run()
