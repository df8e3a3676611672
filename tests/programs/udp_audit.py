"""Audit hooks hear of every datagram that is sent to an address, and may forbid it."""

import os
import sys

import common
from twisted.internet import protocol, reactor

common.log_errors()
heard = []
forbidden = []


def hook(event, arguments):
    if event == "socket.sendto":
        heard.append(arguments[1])
        if forbidden:
            raise PermissionError(event)


class Answering(protocol.DatagramProtocol):
    def datagramReceived(self, data, addr):
        print("received", data)
        if data == b"first":
            self.transport.write(b"second", addr)
        elif data == b"second":
            self.transport.write(b"third", addr)
        else:
            forbidden.append(True)
            self.transport.write(b"fourth", addr)


def begin():
    udp = reactor.listenUDP(0, Answering(), interface="127.0.0.1")
    here = ("127.0.0.1", udp.getHost().port)
    udp.write(b"first", here)
    common.later(0.1, unix, here)


def unix(here):
    print("heard", [address == here for address in heard])
    del heard[:], forbidden[:]
    path = os.path.join(common.folder(), "socket")
    port = reactor.listenUNIXDatagram(path, Answering())
    port.write(b"first", path)
    common.later(0.1, finish, path)


def finish(path):
    print("heard", [address == path for address in heard])
    reactor.stop()


sys.addaudithook(hook)
reactor.callWhenRunning(begin)
common.run()
