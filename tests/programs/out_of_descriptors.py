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
import socket, sys


def wait_for_a_word():
    sys.stdin.readline()


def connect():
    if not sys.argv[1].isdigit():
        skt = socket.socket(socket.AF_UNIX)
        skt.connect(sys.argv[1])
        return skt
    return socket.create_connection(("127.0.0.1", int(sys.argv[1])))


wait_for_a_word()
a = [connect() for _ in range(30)]
print("connected", flush=True)
wait_for_a_word()
closed = 0
for s in a:
    s.setblocking(False)
    try:
        closed += s.recv(10) == b""
    except BlockingIOError:
        pass
    except OSError:
        closed += 1
del a, s
print("closed by the server:", closed > 0, flush=True)
wait_for_a_word()
s = connect()
s.sendall(b"again")
print(s.recv(10))
"""


served = []


class Echo(protocol.Protocol):
    def connectionMade(self):
        served.append(self)

    def dataReceived(self, data):
        self.transport.write(data)

    def connectionLost(self, reason):
        served.remove(self)


class Watcher(protocol.ProcessProtocol):
    def connectionMade(self):
        common.later(0.01, self.limit)

    def limit(self):
        used = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 10, hard))
        self.transport.write(b"go\n")

    def outReceived(self, data):
        print(data.decode(), end="")
        if data.startswith(b"connected"):
            self.when_out_of_descriptors()
        elif data.startswith(b"closed"):
            self.when_all_are_lost()

    def when_out_of_descriptors(self, patience=3000):
        if patience and not seen:
            common.later(0.01, self.when_out_of_descriptors, patience - 1)
        else:
            common.later(0.2, self.transport.write, b"go\n")

    def when_all_are_lost(self):
        if served:
            common.later(0.01, self.when_all_are_lost)
        else:
            common.later(0.1, self.transport.write, b"go\n")

    def processEnded(self, reason):
        print(reason.type.__name__)
        reactor.stop()


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
common.run()
print(sorted(seen))
