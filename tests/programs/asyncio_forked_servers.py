"""
Servers forked from a reactor on asyncio, each with a loop and a reactor of its own.

SIGTERM ends each of them, whatever it does when that comes; the parent goes on.
"""

import os
import signal
import sys
import threading

import common
from twisted.internet import asyncioreactor, defer, protocol, reactor, task

new_loop = type(reactor._asyncioEventloop)


def idle(server, ready):
    server.callWhenRunning(ready)


def busy(server, ready):
    def again():
        server.callLater(0, again)
        server.callFromThread(int)

    server.callWhenRunning(again)
    server.callLater(0.01, ready)


def in_a_callback(server, ready):
    server.callWhenRunning(ready)
    server.callWhenRunning(os.kill, os.getpid(), signal.SIGTERM)


def in_a_thread(server, ready):
    server.callWhenRunning(ready)
    server.callInThread(os.kill, os.getpid(), signal.SIGTERM)


FROM_OUTSIDE = (idle, busy)


def serve(kind, end):
    """In the child: run a reactor until SIGTERM, and exit with 7 after it."""
    signal.alarm(common.GIVE_UP_AFTER)
    del sys.modules["twisted.internet.reactor"]
    asyncioreactor.install(new_loop())
    from twisted.internet import reactor as server

    server.listenTCP(0, protocol.Factory.forProtocol(protocol.Protocol), interface="127.0.0.1")
    kind(server, lambda: os.write(end, b"r"))
    server.run()
    os._exit(7)


def fork(kind):
    """The number of a child that is ready."""
    mine, childs = os.pipe()
    number = os.fork()
    if number == 0:
        try:
            serve(kind, childs)
        finally:
            os._exit(1)
    os.close(childs)
    os.read(mine, 1)
    os.close(mine)
    return number


heard = []


async def main():
    for kind in (idle, busy, in_a_callback, in_a_thread):
        codes = []
        for _ in range(4):
            number = fork(kind)
            if kind in FROM_OUTSIDE:
                os.kill(number, signal.SIGTERM)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]))
            woken = defer.Deferred()
            # Ends before the next fork, unlike one of the reactor's.
            thread = threading.Thread(target=reactor.callFromThread, args=(woken.callback, kind))
            thread.start()
            heard.append(await woken)
            thread.join()
            await task.deferLater(reactor, 0.001)
        print(kind.__name__, codes, flush=True)
    print("the parent heard", len(heard))


def begin():
    defer.ensureDeferred(main()).addErrback(print).addBoth(lambda _: reactor.stop())


common.log_errors()
reactor.callWhenRunning(begin)
common.run()
