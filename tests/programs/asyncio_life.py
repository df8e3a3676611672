"""The life of a reactor on asyncio: the event loop before it, in it, after it, and without it."""

import asyncio
import sys
import threading

import common
from twisted.internet import asyncioreactor, defer, error, protocol, reactor, task

loop = reactor._asyncioEventloop


def shown(error):
    return f"{type(error).__name__} {error}"


def attempt(what, function, *arguments):
    try:
        print(what, function(*arguments))
    except BaseException as error:
        print(what, shown(error))


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class Asker(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(b"question")

    def dataReceived(self, data):
        self.factory.answer.callback(data)
        self.transport.loseConnection()


async def ask(port):
    factory = protocol.ClientFactory.forProtocol(Asker)
    factory.noisy = False
    factory.answer = defer.Deferred()
    reactor.connectTCP("127.0.0.1", port.getHost().port, factory)
    return await factory.answer.asFuture(loop)


async def wait():
    await task.deferLater(reactor, 0.01, lambda: None).asFuture(loop)
    return "waited"


print("before", reactor.running, loop.run_until_complete(wait()))
port = common.listen(Echo)
print("served before", loop.run_until_complete(ask(port)))
attempt("iterate", reactor.iterate, 0)
attempt("iterate without a time", reactor.iterate)
attempt("stop", reactor.stop)
try:
    reactor.doIteration(0)
except NotImplementedError as not_there:
    print("doIteration", str(not_there).partition(" ")[2])


def in_it():
    print("in it", reactor.running, loop.is_running(), asyncio.get_running_loop() is loop)
    # Which raises, but has the event loop stop after that time: longer than this program takes.
    attempt("iterate", reactor.iterate, 1000)
    attempt("run", reactor.run)
    coroutine = wait()
    attempt("run_until_complete", loop.run_until_complete, coroutine)
    coroutine.close()
    reactor.callLater(0.01, reactor.stop)


reactor.callLater(0, in_it)
reactor.addSystemEventTrigger("before", "shutdown", print, "shutdown begins")
reactor.addSystemEventTrigger("after", "shutdown", print, "shutdown ends")
common.run()
print("after", reactor.running, loop.is_running(), loop.is_closed())
print("waited after", loop.run_until_complete(wait()))
attempt("run again", reactor.run)
port = common.listen(Echo)
print("served after", loop.run_until_complete(ask(port)))

# A second reactor, on an event loop of its own, and a third one on that.
second = asyncioreactor.AsyncioSelectorReactor(asyncio.new_event_loop())
third = asyncioreactor.AsyncioSelectorReactor(second._asyncioEventloop)
third.callLater(0.01, lambda: (print("the third one's"), second.crash()))
second.run()
print("crashed", second.running, second._asyncioEventloop.is_running())
second.callLater(0.01, second.stop)
attempt("runs again after a crash", second.run)
second._asyncioEventloop.close()

# Event loops that do not suit.
closed = asyncio.new_event_loop()
closed.close()
attempt("closed", asyncioreactor.AsyncioSelectorReactor, closed)
elsewhere = asyncio.new_event_loop()
fourth = asyncioreactor.AsyncioSelectorReactor(elsewhere)
runs = threading.Event()
elsewhere.call_soon(runs.set)
thread = threading.Thread(target=elsewhere.run_forever)
thread.start()
runs.wait()
attempt("running elsewhere", fourth.run)
elsewhere.call_soon_threadsafe(elsewhere.stop)
thread.join()
elsewhere.close()
attempt("installed", asyncioreactor.install)


class WithoutReaders(asyncio.SelectorEventLoop):
    def add_reader(self, fd, callback, *args):
        raise NotImplementedError


unsuitable = WithoutReaders()
attempt("without readers", asyncioreactor.AsyncioSelectorReactor, unsuitable)
attempt("no event loop", asyncioreactor.AsyncioSelectorReactor, 1)
unsuitable.close()
loop.close()
print(error.ReactorAlreadyInstalledError.__name__, sys.exc_info())
