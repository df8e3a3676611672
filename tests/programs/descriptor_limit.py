"""
The limit of open descriptors reached by connections, and left again.

Argument: the limit, as far as this process may have that many.
Two children connect until the server is out of descriptors, hang up, and come back.
"""

import os
import resource
import sys

import common
from twisted.internet import protocol, reactor
from twisted.logger import globalLogPublisher

CLIENT = """
import socket, sys
port, count, again = map(int, sys.argv[1:])
def say(word):
    print(word, flush=True)
    sys.stdin.readline()
def connect():
    return socket.create_connection(("127.0.0.1", port), timeout=140)
many = [connect() for _ in range(count)]
say("connected")
for one in many:
    one.close()
say("closed")
many = [connect() for _ in range(again)]
for one in many:
    one.sendall(b"again")
    assert one.recv(10) == b"again"
say("answered")
"""

limit = min(int(sys.argv[1]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
again = limit // 20

refused = False
open_now = most = 0
clients = []


def observe(event):
    global refused
    refused = refused or "EMFILE" in str(event.get("log_format"))


globalLogPublisher.addObserver(observe)


class Echo(protocol.Protocol):
    def connectionMade(self):
        global open_now, most
        open_now += 1
        most = max(most, open_now)

    def dataReceived(self, data):
        self.transport.write(data)

    def connectionLost(self, reason):
        global open_now
        open_now -= 1


class Client(protocol.ProcessProtocol):
    said = b""

    def outReceived(self, data):
        self.said += data
        if len({client.said for client in clients}) == 1 and data.endswith(b"\n"):
            STEPS[self.said.splitlines()[-1]]()

    def errReceived(self, data):
        print(data.decode())

    def processEnded(self, reason):
        clients.remove(self)
        if not clients:
            reactor.stop()


def go_on():
    for client in clients:
        client.transport.write(b"\n")


def when_connected(patience=3000):
    # The kernel answers a client before the server has accepted it.
    if not refused and patience:
        reactor.callLater(0.01, when_connected, patience - 1)
        return
    print("as many as fit:", most > limit - 100)
    print("out of descriptors:", refused)
    go_on()


def when_closed():
    if open_now:
        reactor.callLater(0.01, when_closed)
    else:
        print("all hung up")
        go_on()


def when_answered():
    print("accepted again:", open_now)
    go_on()


STEPS = {b"connected": when_connected, b"closed": when_closed, b"answered": when_answered}

port = common.listen(Echo, backlog=4096)
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def start_clients():
    arguments = [str(port.getHost().port), str(limit // 2 + 50), str(again)]
    for _ in range(2):
        command = [sys.executable, "-c", CLIENT, *arguments]
        clients.append(Client())
        reactor.spawnProcess(clients[-1], sys.executable, command, env=os.environ)


reactor.callWhenRunning(start_clients)
common.run()
