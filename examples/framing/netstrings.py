"""Netstrings: the length in decimal, a colon, the bytes, a comma. Readable, and for any content."""

from twisted.internet.testing import StringTransport, StringTransportWithDisconnection
from twisted.protocols.basic import NetstringReceiver


class Show(NetstringReceiver):
    def stringReceived(self, string):
        print("message:", string)

    def connectionLost(self, reason):
        print("connection lost")


# What is sent ...
sender, wire = NetstringReceiver(), StringTransport()
sender.makeConnection(wire)
for message in (b"hello", b"", b"a comma, a colon: and a\r\nline end"):
    sender.sendString(message)
print("on the wire:", wire.value())

# ... and how it is understood, even byte by byte.
receiver = Show()
receiver.makeConnection(StringTransport())
for byte in wire.value():
    receiver.dataReceived(bytes([byte]))

# A peer that does not keep to it is hung up on.
for wrong in (b"5:hello;", b"five:hello,", b"99999999999:"):
    print("wrong:", wrong)
    receiver = Show()
    transport = StringTransportWithDisconnection()
    transport.protocol = receiver
    receiver.makeConnection(transport)
    receiver.dataReceived(wrong)
