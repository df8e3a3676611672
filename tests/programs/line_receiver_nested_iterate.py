"""reactor.iterate inside lineReceived, while more lines arrive here and elsewhere."""

import common
from twisted.internet import protocol, reactor
from twisted.protocols import basic

LINES = [b"line %d " % number + b"x" * (number % 200) for number in range(2000)]


class Server(basic.LineReceiver):
    depth = deepest = 0

    def __init__(self):
        self.lines = []

    def lineReceived(self, line):
        self.lines.append(line)
        if len(self.lines) % 100 == 50:
            Server.depth += 1
            Server.deepest = max(Server.deepest, Server.depth)
            for _ in range(3):
                reactor.iterate(0.001)
            Server.depth -= 1

    def connectionLost(self, reason):
        # Lines may still wait in an outer call.
        print("lost", reason.type.__name__)
        done.append(self)
        if len(done) == 5:
            reactor.stop()


class Client(protocol.Protocol):
    def connectionMade(self):
        self.data = b"".join(line + b"\r\n" for line in LINES)
        self.send()

    def send(self):
        self.transport.write(self.data[:5000])
        self.data = self.data[5000:]
        if self.data:
            reactor.callLater(0, self.send)
        else:
            self.transport.loseConnection()


done = []
port = common.listen(Server)
for _ in range(5):
    common.connect(port, Client)
common.run()
print("in order:", [server.lines == LINES for server in done])
print("nested:", Server.deepest > 0)
