"""What asyncio itself has, beside Twisted in one process: each uses the other."""

import asyncio
import os
import signal
import subprocess
import sys
import threading

import common
from twisted.internet import defer, protocol, reactor, task, threads

loop = reactor._asyncioEventloop


class Upper(protocol.Protocol):
    def dataReceived(self, data):
        # Written outside of the reactor's own turn.
        loop.call_soon(self.transport.write, data.upper())


async def streams():
    """asyncio's client of a Twisted server, and the other way round."""
    port = common.listen(Upper)
    reader, writer = await asyncio.open_connection("127.0.0.1", port.getHost().port)
    for word in (b"one", b"two"):
        writer.write(word)
        print(await reader.readexactly(3))
    writer.close()
    await writer.wait_closed()
    await defer.maybeDeferred(port.stopListening).asFuture(loop)

    async def serve(reader, writer):
        writer.write((await reader.readline()).upper())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    answer = loop.create_future()

    class Asker(protocol.Protocol):
        received = b""

        def connectionMade(self):
            self.transport.write(b"question\n")

        def dataReceived(self, data):
            self.received += data

        def connectionLost(self, reason):
            answer.set_result((self.received, reason.type.__name__))

    factory = protocol.ClientFactory.forProtocol(Asker)
    factory.noisy = False
    reactor.connectTCP("127.0.0.1", server.sockets[0].getsockname()[1], factory)
    print(await answer)
    server.close()
    await server.wait_closed()


async def executors():
    print(await loop.run_in_executor(None, lambda: threading.current_thread() is main_thread))
    print(await threads.deferToThread(lambda: "in a thread").asFuture(loop))
    print(await loop.getaddrinfo("127.0.0.1", 1, proto=6) != [])


async def processes():
    """Twisted's, and asyncio's."""
    # uvloop keeps SIGCHLD to itself: Twisted may never hear of an end, on stock either.
    if not type(loop).__module__.startswith("uvloop"):
        await a_process_of_twisteds()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print(input()[::-1])", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    print(await child.communicate(b"forwards\n"))
    print(child.returncode)


async def a_process_of_twisteds():
    ended = loop.create_future()

    class Child(protocol.ProcessProtocol):
        received = b""

        def outReceived(self, data):
            self.received += data

        def processEnded(self, reason):
            ended.set_result((self.received, reason.value.exitCode))

    code = "import sys; print('twisted'); sys.exit(3)"
    reactor.spawnProcess(Child(), sys.executable, [sys.executable, "-c", code], env=None)
    print(await ended)


async def signals():
    caught = loop.create_future()
    loop.add_signal_handler(signal.SIGUSR1, caught.set_result, "SIGUSR1")
    os.kill(os.getpid(), signal.SIGUSR1)
    print(await caught)
    loop.remove_signal_handler(signal.SIGUSR1)


async def awaiting():
    print(asyncio.get_running_loop() is loop)
    inner = defer.ensureDeferred(a_coroutine_of_twisteds())
    print(await inner.asFuture(loop))
    print(await asyncio.wait_for(task.deferLater(reactor, 0.01, int).asFuture(loop), 60))
    try:
        await asyncio.wait_for(defer.Deferred().asFuture(loop), 0.02)
    except asyncio.TimeoutError:
        print("timed out")


async def a_coroutine_of_twisteds():
    here = asyncio.get_running_loop() is loop
    slept = await defer.Deferred.fromFuture(asyncio.ensure_future(asyncio.sleep(0.01, "slept")))
    return here, slept, await defer.succeed("twisted")


async def errors():
    """An exception in a callback of asyncio's is asyncio's, and one in Twisted's is Twisted's."""
    told = loop.create_future()
    loop.set_exception_handler(lambda loop, context: told.set_result(context["exception"]))
    loop.call_soon(lambda: 1 / 0)
    print(repr(await told))
    loop.set_exception_handler(None)
    common.log_errors()
    reactor.callLater(0, lambda: {}["key"])
    await task.deferLater(reactor, 0.01, lambda: None).asFuture(loop)


async def main():
    for case in (streams, executors, processes, signals, awaiting, errors):
        print("--", case.__name__, flush=True)
        await case()


def begin():
    running = asyncio.ensure_future(main())
    tasks.append(running)
    running.add_done_callback(lambda done: (reactor.stop(), done.result()))


tasks = []
main_thread = threading.current_thread()
reactor.callLater(0, begin)
common.run()
print("reactor stopped", loop.is_running(), loop.is_closed())
