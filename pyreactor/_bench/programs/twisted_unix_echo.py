"""An echo server on a UNIX socket.  Prints where it listens and its reactor."""

import os
import tempfile

from twisted.internet import protocol, reactor


class Echo(protocol.Protocol):
    """Send back what comes."""

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "echo")
    reactor.listenUNIX(path, protocol.Factory.forProtocol(Echo))
    print(f"unix:{path}", f"{type(reactor).__module__}.{type(reactor).__qualname__}", flush=True)
    reactor.run()
