"""Tests of a server without a network: a StringTransport takes what is sent, a Clock is the time.

trial test_server
"""

from operator import floordiv

from server import Calculator
from twisted.internet import task
from twisted.internet.protocol import Factory
from twisted.internet.testing import StringTransport, StringTransportWithDisconnection
from twisted.trial import unittest


class CalculatorTests(unittest.TestCase):
    def setUp(self):
        self.protocol = Factory.forProtocol(Calculator).buildProtocol(("127.0.0.1", 0))
        # The mixin asks this for its timers; by default it is the reactor.
        self.clock = task.Clock()
        self.protocol.callLater = self.clock.callLater
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)

    def check(self, line, expected):
        self.protocol.dataReceived(line + b"\r\n")
        self.assertEqual(self.transport.value(), expected + b"\r\n")

    def test_add(self):
        self.check(b"add 7 6", b"13")

    def test_subtract(self):
        self.check(b"subtract 82 78", b"4")

    def test_multiply(self):
        self.check(b"multiply 2 8", b"16")

    def test_divide(self):
        self.check(b"divide 14 3", b"4")

    def test_errors(self):
        with self.assertRaises(ZeroDivisionError) as caught:
            floordiv(1, 0)  # newer Pythons put it in other words
        self.check(b"divide 1 0", f"error: {caught.exception}".encode())
        self.transport.clear()
        self.check(b"power 2 8", b"error: no operation 'power'")

    def test_in_pieces(self):
        """A request may come in pieces, and two at once."""
        for piece in (b"add", b" 1 ", b"2\r", b"\nadd 3 4\r\nadd"):
            self.protocol.dataReceived(piece)
        self.assertEqual(self.transport.value(), b"3\r\n7\r\n")


class IdleTests(unittest.TestCase):
    """With a transport that can be closed."""

    def setUp(self):
        self.clock = task.Clock()
        self.protocol = Calculator()
        self.protocol.callLater = self.clock.callLater
        self.transport = StringTransportWithDisconnection()
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)

    def test_silence(self):
        self.clock.advance(self.protocol.idle - 1)
        self.assertTrue(self.transport.connected)
        self.clock.advance(1)
        self.assertFalse(self.transport.connected)

    def test_talk(self):
        """Each line gives the client its time again."""
        for _ in range(5):
            self.clock.advance(self.protocol.idle - 1)
            self.protocol.dataReceived(b"add 1 1\r\n")
        self.assertTrue(self.transport.connected)
        self.assertEqual(self.transport.value(), b"2\r\n" * 5)

    def test_nothing_is_left_behind(self):
        self.transport.loseConnection()
        self.assertEqual(self.clock.getDelayedCalls(), [])
