"""
A UDP echo server that spoils, cuts or loses one datagram in ten: ``spoil``, ``cut``, ``lose``.

For the tests of the load generator.
"""

import sys

from twisted.internet import protocol, reactor


class Faulty(protocol.DatagramProtocol):
    """Send back what comes, but for every tenth datagram."""

    seen = 0

    def datagramReceived(self, data: bytes, addr: tuple[str, int]) -> None:
        self.seen += 1
        if self.seen % 10:
            self.transport.write(data, addr)
        elif sys.argv[1] == "spoil":
            self.transport.write(data[:-1] + bytes([data[-1] ^ 1]), addr)
        elif sys.argv[1] == "cut":
            self.transport.write(data[:-1], addr)


port = reactor.listenUDP(0, Faulty(), interface="127.0.0.1")
print(port.getHost().port, f"{type(reactor).__module__}.{type(reactor).__qualname__}", flush=True)
reactor.run()
