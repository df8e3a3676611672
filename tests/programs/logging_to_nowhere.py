"""Logging where nothing can be written: a ``full`` disk, a ``closed`` standard error."""

import os
import sys

import common
from twisted.internet import protocol, reactor
from twisted.python import log

report = os.fdopen(os.dup(1), "w")
if sys.argv[1] == "full":
    log.startLogging(open("/dev/full", "w", buffering=1), setStdout=False)  # noqa: SIM115
else:
    # Writing fails as it does on a closed descriptor, but nobody else gets the number.
    os.dup2(os.open("/dev/null", os.O_RDONLY), 2)
    if sys.argv[1] == "closed-object":
        sys.stderr.close()
    log.startLogging(sys.stderr, setStdout=False)


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        log.msg("received", data)
        self.transport.write(data)
        if data == b"raise":
            raise RuntimeError("in dataReceived")


class Client(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(b"hello")

    def dataReceived(self, data):
        report.write(f"echoed {data}\n")
        self.transport.write(b"raise")

    def connectionLost(self, reason):
        report.write(f"lost {reason.type.__name__}\n")
        reactor.callLater(0, crash)
        common.later(0.05, reactor.stop)


def crash():
    raise ValueError("in a timed call")


common.connect(common.listen(Echo), Client)
common.run()
report.write("done\n")
report.close()
os._exit(0)  # what is left in a buffer that cannot be written is no matter of the reactor's
