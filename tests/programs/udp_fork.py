"""A fork in the middle of waiting datagrams: each is handled by one of the two, once."""

import os
import socket

import common
from twisted.internet import protocol, reactor


class Forking(protocol.DatagramProtocol):
    def datagramReceived(self, data, addr):
        os.write(writing, data + b" ")
        if data == b"3" and os.fork() == 0:
            common.later(0.2, os._exit, 0)


def begin():
    for number in range(10):
        sender.sendto(b"%d" % number, ("127.0.0.1", port.getHost().port))
    common.later(0.2, wait_for_the_child)


def wait_for_the_child():
    pid, status = os.waitpid(-1, os.WNOHANG)
    if not pid:
        common.later(0.01, wait_for_the_child)
        return
    print(sorted(os.read(reading, 1000).split()))
    print("child ended with", status)
    reactor.stop()


reading, writing = os.pipe()
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
port = reactor.listenUDP(0, Forking(), interface="127.0.0.1")
reactor.callWhenRunning(begin)
common.run()
