"""
Greenlets beside the reactor: gevent's or eventlet's, with their stand-ins for Python's modules.

Arguments: whose, when the stand-ins are put in, and which reactor is asked for.
"""

import sys
import warnings

WHOSE, WHEN, REACTOR = sys.argv[1:4]
warnings.simplefilter("ignore")  # eventlet says that it is deprecated

if WHOSE == "gevent":
    from gevent import monkey, sleep, spawn
    from gevent.event import Event

    put_in = monkey.patch_all
else:
    from eventlet import Event as EventletEvent
    from eventlet import monkey_patch, sleep, spawn

    class Event:
        def __init__(self):
            self.event = EventletEvent()

        def set(self):
            self.event.send()

        def wait(self):
            self.event.wait()

    put_in = monkey_patch

if WHEN == "first":
    put_in()
elif WHEN == "but select":
    put_in(select=False)
if REACTOR == "pyreactor":
    import pyreactor

    pyreactor.install()
if WHEN == "imported":
    from twisted.internet import default  # noqa: F401

    put_in()
if REACTOR in ("epollreactor", "pollreactor", "selectreactor"):
    from importlib import import_module

    try:
        import_module(f"twisted.internet.{REACTOR}").install()
    except Exception as error:
        print(type(error).__name__, error)

from twisted.internet import defer, protocol, reactor, threads  # noqa: E402
from twisted.protocols.basic import LineReceiver  # noqa: E402

print(type(reactor).__name__)


class Interleaved:
    """Two greenlets run callbacks that wait for each other, and end in the order they began."""

    def __init__(self):
        self.begun = [Event(), Event()]
        self.ended = Event()
        self.lines = []

    def wait_in(self, number):
        self.lines.append(("in", number))
        self.begun[number].set()
        self.begun[1 - number].wait()
        if number == 1:
            self.ended.wait()
        self.lines.append(("out", number))
        raise ValueError(number)

    def callbacks(self, number):
        d = defer.Deferred()
        d.addCallback(self.wait_in)
        d.addErrback(lambda failure: self.lines.append((failure.type.__name__, number)))
        d.addCallback(lambda _: defer.succeed(number))
        d.addBoth(lambda result: self.lines.append(("result", result)))
        d.callback(number)
        self.end(number)

    def generator(self, number):
        @defer.inlineCallbacks
        def run():
            try:
                yield defer.succeed(None)
                self.wait_in(number)
            except ValueError as error:
                yield defer.succeed(None)
                self.lines.append(("caught", *error.args, sys.exc_info()[1] is error))

        run().addErrback(lambda failure: self.lines.append(("failed", failure.type)))
        self.end(number)

    def received(self, number):
        class Receiver(LineReceiver):
            delimiter = b"\n"

            def lineReceived(_, line):
                self.lines.append((number, line))
                if line == b"wait":
                    self.wait_in(number)

        try:
            Receiver().dataReceived(b"first\nwait\nafter\nla")
        except ValueError as error:
            self.lines.append(("raised", *error.args))
        self.end(number)

    def end(self, number):
        if number == 0:
            self.ended.set()


def in_two(method):
    interleaved = Interleaved()
    events = [Event(), Event()]

    def run(number):
        getattr(interleaved, method)(number)
        events[number].set()

    for number in range(2):
        spawn(run, number)
    for event in events:
        event.wait()
    print(method, interleaved.lines)


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class Client(LineReceiver):
    def connectionMade(self):
        self.sendLine(b"a" * 10000)

    def lineReceived(self, line):
        print("a line came back", len(line))
        self.transport.loseConnection()

    def connectionLost(self, reason):
        print("lost", reason.type.__name__)
        datagrams()


class Datagrams(protocol.DatagramProtocol):
    def startProtocol(self):
        self.transport.write(b"to myself", ("127.0.0.1", self.transport.getHost().port))

    def datagramReceived(self, data, peer):
        print("received", data)
        if WHEN != "first":
            reactor.stop()
        else:
            threads.deferToThread(work).addCallback(finished)


def datagrams():
    reactor.listenUDP(0, Datagrams(), interface="127.0.0.1")


ticks = []


def tick():
    while True:
        ticks.append(None)
        sleep(0.001)


def work():
    """Ends when the greenlet has run, while the reactor waits for this to end."""
    before = len(ticks)
    while len(ticks) < before + 5:
        sleep(0.001)
    return "the thread has seen the greenlet run"


def finished(words):
    print(words)
    reactor.callLater(0, reactor.stop)


def start():
    server = protocol.Factory.forProtocol(Echo)
    port = reactor.listenTCP(0, server, interface="127.0.0.1")
    client = protocol.Factory.forProtocol(Client)
    client.noisy = server.noisy = False
    made = protocol.ClientCreator(reactor, Client).connectTCP("127.0.0.1", port.getHost().port)
    made.addErrback(lambda failure: (failure.printTraceback(), reactor.stop()))


for method in ("callbacks", "generator", "received"):
    in_two(method)
if WHEN == "first":
    spawn(tick)
reactor.callWhenRunning(start)
reactor.callLater(60, reactor.stop)  # only what hangs comes here
reactor.run()
print("ended")
