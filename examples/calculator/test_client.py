"""Tests of a client, whose methods give Deferreds: without a network, and with one.

trial test_client
"""

from client import CalculationError, CalculatorClient
from server import Calculator
from twisted.internet import reactor, task
from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.trial import unittest


class FakedTests(unittest.TestCase):
    def setUp(self):
        self.clock = task.Clock()
        self.client = CalculatorClient()
        self.client.clock = self.clock
        self.transport = StringTransportWithDisconnection()
        self.transport.abortConnection = self.transport.loseConnection
        self.transport.protocol = self.client
        self.client.makeConnection(self.transport)

    def check(self, operation, a, b, expected):
        result = getattr(self.client, operation)(a, b)
        self.assertEqual(self.transport.value(), f"{operation} {a} {b}\r\n".encode())
        self.assertNoResult(result)
        self.client.dataReceived(f"{expected}\r\n".encode())
        self.assertEqual(self.successResultOf(result), expected)

    def test_add(self):
        self.check("add", 7, 6, 13)

    def test_subtract(self):
        self.check("subtract", 82, 78, 4)

    def test_multiply(self):
        self.check("multiply", 2, 8, 16)

    def test_divide(self):
        self.check("divide", 14, 3, 4)

    def test_error(self):
        result = self.client.divide(1, 0)
        self.client.dataReceived(b"error: that does not work\r\n")
        failure = self.failureResultOf(result, CalculationError)
        self.assertEqual(failure.getErrorMessage(), "that does not work")

    def test_no_answer(self):
        """The clock is put forward; no test has to wait for it."""
        result = self.client.add(1, 2)
        self.clock.advance(self.client.timeout - 1)
        self.assertNoResult(result)
        self.clock.advance(1)
        self.failureResultOf(result, ConnectionDone)
        self.assertFalse(self.transport.connected)

    def test_connection_lost(self):
        results = [self.client.add(1, 2), self.client.add(3, 4)]
        self.client.dataReceived(b"3\r\n")
        self.transport.loseConnection()
        self.assertEqual(self.successResultOf(results[0]), 3)
        self.failureResultOf(results[1], ConnectionDone)


class ConnectedTests(unittest.TestCase):
    """The reactor runs while a test waits for the Deferred that it gave back."""

    @inlineCallbacks
    def setUp(self):
        port = reactor.listenTCP(0, Factory.forProtocol(Calculator), interface="127.0.0.1")
        # Clean-ups run in any case, the last first; trial finds what is left of connections.
        self.addCleanup(port.stopListening)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        self.client = yield connectProtocol(endpoint, CalculatorClient())
        self.addCleanup(self.client.transport.abortConnection)

    def test_add(self):
        return self.client.add(2, 3).addCallback(self.assertEqual, 5)

    def test_many(self):
        results = gatherResults([self.client.multiply(number, 2) for number in range(100)])
        return results.addCallback(self.assertEqual, list(range(0, 200, 2)))

    async def test_error(self):
        with self.assertRaises(CalculationError):
            await self.client.divide(1, 0)
