"""TCP carries bytes, not messages: one write may arrive in pieces, or several in one.

The same stream of bytes is handed to two protocols, in pieces as a network may make them. One sees
the pieces; a LineReceiver finds the messages in them.
"""

from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.basic import LineReceiver

MESSAGES = [b"hello", b"world", b"how are you?"]


class Pieces(Protocol):
    def dataReceived(self, data):
        print("  piece:", data.decode().replace("\r\n", "|"))


class Lines(LineReceiver):
    def lineReceived(self, line):
        print("  message:", line.decode())


class Writer(LineReceiver):
    def send(self):
        for message in MESSAGES:
            self.sendLine(message)


def arrive(protocol, stream, *lengths):
    """Hand `stream` to `protocol` in pieces, as a network may."""
    protocol.makeConnection(StringTransport())
    for length in lengths:
        protocol.dataReceived(stream[:length])
        stream = stream[length:]
    if stream:
        protocol.dataReceived(stream)


writer, transport = Writer(), StringTransport()
writer.makeConnection(transport)
writer.send()
stream = transport.value()
print(f"{len(MESSAGES)} messages are {len(stream)} bytes")

for lengths in ((), (9, 3), (1, 6, 15)):
    print("pieces as they come:")
    arrive(Pieces(), stream, *lengths)
    print("the same with LineReceiver:")
    arrive(Lines(), stream, *lengths)
