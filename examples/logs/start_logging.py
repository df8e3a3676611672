"""log.startLogging: the log as text. What is printed goes there as well.

Each line has a time and, in brackets, where it comes from: here a connection, there nothing
special.
"""

import io
import re
import sys

from twisted.internet import reactor
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.python import log


class Talk(Protocol):
    def connectionMade(self):
        log.msg(f"a client from {self.transport.getPeer().host}")

    def dataReceived(self, data):
        # Printed, not logged: standard output is part of the log now.
        print("it says", data.decode())
        self.transport.loseConnection()

    def connectionLost(self, reason):
        log.msg(f"gone: {reason.getErrorMessage()}")
        try:
            int("many")
        except ValueError:
            # The exception that is being handled, with a traceback.
            log.err(None, "while counting")
        reactor.stop()


class Hello(Protocol):
    def connectionMade(self):
        self.transport.write(b"hello")


# Usually sys.stdout or an open file.
file = io.StringIO()
log.startLogging(file, setStdout=True)

talk = Factory.forProtocol(Talk)
talk.noisy = False
hello = ClientFactory.forProtocol(Hello)
hello.noisy = False
port = reactor.listenTCP(0, talk, interface="127.0.0.1")
reactor.connectTCP("127.0.0.1", port.getHost().port, hello)
number = str(port.getHost().port)
reactor.run()

# What has come into the file; without times, the port, and the paths of the traceback.
for line in file.getvalue().replace(number, "PORT").splitlines():
    if not line.startswith("\t  "):
        sys.__stdout__.write(re.sub(r"^\d\S+ \S+", "TIME", line) + "\n")
