"""What a UDP port is connected to takes the port's socket away when it is looked at."""

import socket

import common
from twisted.internet import protocol, reactor


class Receiver(protocol.DatagramProtocol):
    def datagramReceived(self, data, addr):
        print("received", data)


class Nowhere:
    """False."""

    def __init__(self, port):
        self.port = port

    def __bool__(self):
        if hasattr(self.port, "socket"):
            sockets.append(self.port.socket)
            del self.port.socket
        return False


def attempt(what, *arguments):
    port = reactor.listenUDP(0, Receiver(), interface="127.0.0.1")
    port.stopReading()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(3):
            sender.sendto(b"%d" % number, ("127.0.0.1", port.getHost().port))
    port._connectedAddr = Nowhere(port)
    try:
        print(what, getattr(port, what)(*arguments))
    except AttributeError as problem:
        print(what, "AttributeError", "socket" in str(problem))


def begin():
    attempt("doRead")
    attempt("write", b"data", ("127.0.0.1", 9))
    reactor.stop()


sockets = []
reactor.callWhenRunning(begin)
common.run()
for skt in sockets:
    skt.close()
