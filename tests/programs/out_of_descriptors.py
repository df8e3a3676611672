"""Running out of descriptors while accepting: logged, and over when some are free."""

import os
import resource
import sys

import common
from twisted.internet import protocol, reactor
from twisted.logger import globalLogPublisher

seen = set()
globalLogPublisher.addObserver(
    lambda event: seen.add(event["log_format"]) if "EMFILE" in str(event.get("log_format")) else 0
)

CLIENT = """
import socket, sys, time


def connect():
    if not sys.argv[1].isdigit():
        skt = socket.socket(socket.AF_UNIX)
        skt.connect(sys.argv[1])
        return skt
    return socket.create_connection(("127.0.0.1", int(sys.argv[1])))


a = [connect() for _ in range(30)]
closed = 0
for s in a:
    s.settimeout(0.5)
    try:
        closed += s.recv(10) == b""
    except TimeoutError:
        pass
    except OSError:
        closed += 1
print("closed by the server:", closed > 0)
del a, s
time.sleep(0.2)
s = connect()
s.sendall(b"again")
print(s.recv(10))
"""


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class Watcher(protocol.ProcessProtocol):
    def outReceived(self, data):
        print(data.decode(), end="")

    def processEnded(self, reason):
        print(reason.type.__name__)
        reactor.stop()


def limit():
    used = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 10, hard))


port = common.listen(Echo)
where = port.getHost().name if common.UNIX else str(port.getHost().port)
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
reactor.callWhenRunning(
    reactor.spawnProcess,
    Watcher(),
    sys.executable,
    [sys.executable, "-c", CLIENT, where],
    env=os.environ,
)
reactor.callLater(0.01, limit)
common.run()
print(sorted(seen))
