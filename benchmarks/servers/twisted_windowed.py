"""
Acknowledges every block of an upload: ``twisted_windowed.py HOST SIZE [nodelay]``.

An acknowledgement is the block's number in 16 digits.  Prints its port and its reactor.
"""

import sys

from twisted.internet import protocol, reactor


class Upload(protocol.Protocol):
    """Counts what comes; every SIZE bytes are a block."""

    def connectionMade(self) -> None:
        if "nodelay" in sys.argv:
            self.transport.setTcpNoDelay(True)
        self.unacknowledged = 0
        self.blocks = 0

    def dataReceived(self, data: bytes) -> None:
        self.unacknowledged += len(data)
        while self.unacknowledged >= size:
            self.unacknowledged -= size
            self.transport.write(b"%016d" % self.blocks)
            self.blocks += 1


host, size = sys.argv[1], int(sys.argv[2])
port = reactor.listenTCP(0, protocol.Factory.forProtocol(Upload), interface=host)
print(port.getHost().port, f"{type(reactor).__module__}.{type(reactor).__qualname__}", flush=True)
reactor.run()
