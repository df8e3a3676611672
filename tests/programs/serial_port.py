"""A serial port over a pseudo-terminal: both ways, a MiB, pause, and both ends of its life."""

import os
import pty
import sys
import threading
import tty

import common
from twisted.internet import protocol, reactor, serialport

main, other = pty.openpty()
tty.setraw(main)
tty.setraw(other)
SIZE = 300_000


class Serial(protocol.Protocol):
    received = b""

    def connectionMade(self):
        print("made", self.transport.inWaiting())

    def dataReceived(self, data):
        if not self.received:
            print("first", data[:7])
        self.received += data
        if len(self.received) == SIZE:
            print("intact", self.received == b"incoming" * (SIZE // 8))
            self.transport.writeSequence([b"out", b"going;"])
            self.transport.write(b"y" * SIZE)
            if sys.argv[1] == "lose":
                self.transport.loseConnection()

    def connectionLost(self, reason):
        print("lost", reason.type.__name__)
        reactor.stop()


def peer():
    left = b"incoming" * (SIZE // 8)
    while left:
        left = left[os.write(main, left) :]
    received = b""
    while len(received) < SIZE + 9:
        received += os.read(main, 65536)
    peers.append(received == b"outgoing;" + b"y" * SIZE)
    if sys.argv[1] == "hang-up":
        os.close(main)


peers = []
serialport.SerialPort(Serial(), os.ttyname(other), reactor, baudrate=115200)
os.close(other)
common.log_errors()
thread = threading.Thread(target=peer)
reactor.callWhenRunning(thread.start)
common.run()
thread.join(common.GIVE_UP_AFTER)
print("peer got all", peers)
