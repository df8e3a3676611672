"""Int8StringReceiver and its bigger brothers: messages with their length in front.

Any byte may be in a message. The bigger the number in front, the longer a message may be.
"""

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.basic import (
    Int8StringReceiver,
    Int16StringReceiver,
    Int32StringReceiver,
    StringTooLongError,
)


class Sums:
    """The server, for all three: answers with the number of messages and of bytes so far."""

    count = total = 0

    def stringReceived(self, string):
        self.count += 1
        self.total += len(string)
        self.sendString(b"%d messages, %d bytes" % (self.count, self.total))

    def lengthLimitExceeded(self, length):
        """A message longer than MAX_LENGTH is announced, which ends the connection."""
        self.sendString(b"%d bytes are too many" % length)
        super().lengthLimitExceeded(length)


class Client:
    def __init__(self):
        self.ended = Deferred()

    def ask(self, string):
        self.answer = Deferred()
        self.sendString(string)
        return self.answer

    def stringReceived(self, string):
        self.answer.callback(string.decode())

    def connectionLost(self, reason):
        self.ended.callback(reason.getErrorMessage())


async def talk(reactor, receiver, longest):
    server = type("Server", (Sums, receiver), {"MAX_LENGTH": 200_000})
    port = reactor.listenTCP(0, Factory.forProtocol(server), interface="127.0.0.1")
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    client = await connectProtocol(endpoint, type("Client", (Client, receiver), {})())
    print(f"{receiver.__name__}: {receiver.prefixLength} byte(s) in front")
    for string in (b"hello", b"", b"\x00\r\n\xff", b"x" * longest):
        print("  ", await client.ask(string))
    try:
        print("  ", await client.ask(b"x" * 300_000))
        print("  ", await client.ended)
    except StringTooLongError as error:
        print("  ", error)


async def main(reactor):
    await talk(reactor, Int8StringReceiver, 255)
    await talk(reactor, Int16StringReceiver, 65_535)
    await talk(reactor, Int32StringReceiver, 99_999)


if __name__ == "__main__":
    task.react(main)
