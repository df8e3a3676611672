"""The reactor runs in a thread, without signal handlers; the main thread talks to it."""

import os
import signal
import threading
import time

import common
from twisted.internet import defer, protocol, reactor, threads

common.log_errors()


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


thread = threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False})
thread.start()


def ask(function, *args):
    return threads.blockingCallFromThread(reactor, function, *args)


async def later():
    done = defer.Deferred()
    reactor.callLater(0.01, done.callback, threading.current_thread() is thread)
    return await done


port = ask(common.listen, Echo)
client = common.raw(port)
client.sendall(b"hello")
print("received", client.recv(10))
print("in the reactor's thread:", ask(defer.ensureDeferred, later()))
print("in a third:", ask(threads.deferToThread, threading.current_thread) not in (thread, None))

try:
    ask(lambda: 1 / 0)
except ZeroDivisionError as error:
    print("raised here:", error)

# Ctrl-C is the main thread's, and the reactor does not notice.
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    print("KeyboardInterrupt in the main thread")
client.sendall(b"again")
print("received", client.recv(10))
client.close()
reactor.callFromThread(reactor.stop)
thread.join(60)
print("stopped:", not thread.is_alive())
