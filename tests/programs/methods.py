"""What a program finds out about the methods of Twisted's objects, and what it does with them."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import re
import typing
import weakref
from types import FunctionType, MethodType
from typing import Any
from unittest import mock

import blinker
import common
from pydispatch import dispatcher
from twisted.internet import base, defer, endpoints, process, protocol, reactor, ssl
from twisted.protocols import basic, tls
from twisted.python import reflect
from twisted.spread import banana

WRONG: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((None,), {}),
    ((None,) * 9, {}),
    ((), {"nonsense": None}),
    ((None,), {"nonsense": None}),
    ((None, None), {"nonsense": None, "callback": None}),
]


def plain(signature: inspect.Signature) -> str:
    """Without the addresses in the defaults."""
    return re.sub(" at 0x[0-9a-f]+", "", str(signature))


def error_of(function: Any, *args: Any, **kwargs: Any) -> str:
    try:
        function(*args, **kwargs)
    except Exception as error:
        return f"{type(error).__name__} {error}"
    return "no error"


def show_wrong_calls(method: Any, signature: inspect.Signature) -> None:
    for args, kwargs in WRONG:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            print("   ", error_of(method, *args, **kwargs))
    # Only the first argument, by its name.
    names = list(signature.parameters)
    if names and names[0] not in ("args", "kwargs") and len(names) > 1:
        try:
            signature.bind(**{names[0]: None})
        except TypeError:
            print("   ", error_of(method, **{names[0]: None}))
    print("   ", error_of(method.__func__))


def show_method(owner: Any, name: str) -> None:
    method = getattr(owner, name)
    function = method.__func__
    again = MethodType(function, owner)
    print(" ", name, type(method) is MethodType, method.__self__ is owner)
    print("   ", function.__module__, function.__qualname__, function.__name__, method.__name__)
    print("   ", (method.__doc__ or "").strip().split("\n")[0], function.__defaults__)
    signature = inspect.signature(method)
    print("   ", plain(signature), plain(inspect.signature(function)))
    print("   ", isinstance(function, FunctionType), inspect.isfunction(function))
    print("   ", inspect.ismethod(method), inspect.isroutine(method), callable(function))
    print("   ", method == again, hash(method) == hash(again))
    print("   ", function is getattr(type(owner), name), method == owner.__repr__)
    print("   ", weakref.WeakMethod(method)() == method, copy.copy(method) == method)
    print("   ", copy.copy(function) is function, copy.deepcopy(function) is function)
    print("   ", function.__get__(owner) == method, function.__get__(None, object) is function)
    print("   ", len(inspect.getsource(method)), sorted(vars(function)), function.__code__.co_name)
    wrapper = functools.wraps(method)(lambda: None)
    print("   ", wrapper.__name__, wrapper.__qualname__, wrapper.__wrapped__ == method)
    print("   ", str(function).startswith(f"<function {function.__qualname__} at "))
    print("   ", str(method).startswith(f"<bound method {function.__qualname__} of "))
    show_wrong_calls(method, signature)


def show(title: str, owner: Any, names: str) -> None:
    print(title)
    for name in names.split():
        show_method(owner, name)


def public_functions(kind: type) -> list[str]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return sorted(name for name, _ in found if not name.startswith("__"))


DEFERRED = (
    "addCallback addErrback addBoth addCallbacks addTimeout chainDeferred callback errback"
    " pause unpause cancel _startRunCallbacks _runCallbacks _continuation asFuture"
)
REACTOR = (
    "callLater getDelayedCalls callFromThread wakeUp addReader addWriter removeReader removeWriter"
)
STREAM = (
    "write writeSequence startReading stopReading startWriting stopWriting resumeProducing"
    " pauseProducing doRead doWrite logPrefix writeSomeData loseConnection"
)


def show_deferreds() -> None:
    show("Deferred", defer.Deferred(), DEFERRED)
    show("DeferredList", defer.DeferredList([]), f"{DEFERRED} _cbDeferred")
    for kind in (defer.Deferred, defer.DeferredList):
        print(public_functions(kind))
        for name in public_functions(kind):
            print(name, isinstance(inspect.getattr_static(kind, name), FunctionType))
    from_coroutine = defer.Deferred.fromCoroutine
    print(type(from_coroutine).__name__, from_coroutine.__self__ is defer.Deferred)
    print(inspect.signature(from_coroutine), from_coroutine.__func__.__qualname__)
    print(error_of(from_coroutine), "|", error_of(from_coroutine, 1, 2))
    print(isinstance(vars(defer.Deferred)["fromCoroutine"], classmethod))
    print(typing.get_type_hints(defer.Deferred.pause))


def use_deferreds() -> None:
    fired: defer.Deferred[Any] = defer.Deferred()
    defer.Deferred.callback(self=fired, result=1)  # type: ignore[call-arg]
    print(fired.result)
    fired = defer.Deferred()
    fired.addCallbacks(callback=lambda a, b: [a, b], callbackArgs=("more",))
    fired.addCallback(callback=lambda value, **kw: (value, kw), named=1)
    fired.callback(result="result")
    print(fired.result)
    failed: defer.Deferred[Any] = defer.Deferred()
    failed.errback(fail=ZeroDivisionError("by name"))
    failed.addErrback(errback=lambda failure, *args, **kw: print(failure.value, args, kw), x=1)
    failed.chainDeferred(d=defer.Deferred())
    saved: defer.Deferred[Any] = pickle.loads(pickle.dumps(defer.Deferred().callback)).__self__
    print(type(saved) is defer.Deferred, saved.called)
    print(pickle.loads(pickle.dumps(defer.Deferred.callback)) is defer.Deferred.callback)
    spec = mock.create_autospec(defer.Deferred, instance=True)
    print(error_of(spec.callback), "|", error_of(spec.addCallback), "|", spec.callback(1) is spec)
    with mock.patch.object(defer.Deferred, "callback", autospec=True) as patched:
        waiting: defer.Deferred[Any] = defer.Deferred()
        waiting.callback(5)
        print(patched.call_args == mock.call(waiting, 5), waiting.called)
    waiting.callback(6)
    print(waiting.result)


def use_signals() -> None:
    waiting: defer.Deferred[Any] = defer.Deferred()
    signal = blinker.Signal()
    signal.connect(waiting.callback)
    signal.send("from blinker")
    print(getattr(waiting, "result", "nothing"))
    waiting = defer.Deferred()
    dispatcher.connect(waiting.callback, signal="fire")
    dispatcher.send("fire", result="from pydispatch", other=1)
    print(getattr(waiting, "result", "nothing"))
    del waiting
    print(dispatcher.send("fire", result=2))
    called = reactor.callLater(60, print)
    signal = blinker.Signal()
    signal.connect(called.reset)
    signal.send(50)
    dispatcher.connect(called.cancel, signal="cancel")
    dispatcher.send("cancel")
    print(called.active(), called.cancelled)
    dispatcher.connect(reactor.callFromThread, signal="call")
    dispatcher.send("call", f=lambda **_: print("called from a signal"))
    reactor.iterate()


def show_reactor() -> None:
    show("reactor", reactor, REACTOR)
    for name in public_functions(base.ReactorBase):
        if not inspect.ismethod(getattr(reactor, name)):
            print("no method:", name)
    print(
        sorted(map(str, reflect.prefixedMethods(reactor, "call")))
        == [
            str(reactor.callFromThread),
            str(reactor.callInThread),
            str(reactor.callLater),
            str(reactor.callWhenRunning),
        ]
    )
    call = reactor.callLater(delay=60, callable=print, sep="-")
    print(call.func is print, call.args, call.kw)
    show("DelayedCall", call, "cancel reset delay activate_delay active getTime")
    call.delay(secondsLater=1)
    call.reset(secondsFromNow=1)
    call.cancel()
    print(error_of(reactor.callLater, 1, print, delay=2))
    print(error_of(reactor.callLater, 1, callable=print, delay=2))
    print(error_of(reactor.callFromThread, print, f=2))


class Lines(basic.LineReceiver):
    """Is told of lines."""

    def connectionMade(self) -> None:
        ends.append(self.transport)


ends: list[Any] = []


def show_streams() -> None:
    for title, unix in (("TCP", False), ("UNIX", True)):
        common.UNIX = unix
        ends.clear()
        port = common.listen(Lines)
        common.connect(port, Lines)
        common.until(lambda: len(ends) == 2)
        for end in sorted(ends, key=lambda end: type(end).__name__):
            show(f"{title} {type(end).__name__}", end, STREAM)
            end.write(bytes=b"by name\r\n")
            print(end.write in reflect.prefixedMethods(end, "wri"))
            end.loseConnection()
        port.stopListening()


class Child(protocol.ProcessProtocol):
    """Tells of its end."""

    ended = False

    def processEnded(self, reason: object) -> None:
        self.ended = True


def show_processes() -> None:
    child = Child()
    transport = reactor.spawnProcess(child, "/bin/cat", ["cat"])
    show("writer", transport.pipes[0], STREAM)
    show("reader", transport.pipes[1], STREAM)
    transport.closeStdin()
    terminal = Child()
    show("terminal", reactor.spawnProcess(terminal, "/bin/true", ["true"], usePTY=True), STREAM)

    def both_ended() -> bool:
        process.reapAllProcesses()  # which SIGCHLD would do, were the reactor running
        return child.ended and terminal.ended

    common.until(both_ended)


def show_datagrams() -> None:
    port = reactor.listenUDP(0, protocol.DatagramProtocol(), interface="127.0.0.1")
    show("UDP", port, "write doRead logPrefix")
    print(port.write(datagram=b"to itself", addr=("127.0.0.1", port.getHost().port)))
    port.stopListening()
    path = f"{common.folder()}/socket"
    unix = reactor.listenUNIXDatagram(path, protocol.DatagramProtocol())
    show("UNIX datagrams", unix, "write doRead logPrefix")
    peer = reactor.connectUNIXDatagram(path, protocol.ConnectedDatagramProtocol())
    show("connected UNIX datagrams", peer, "write doRead logPrefix")
    print(unix.write(datagram=b"to itself", address=path), peer.write(data=b"more"))
    peer.stopListening()
    unix.stopListening()


def show_protocols() -> None:
    show("lines", basic.LineReceiver(), "dataReceived sendLine setRawMode")
    show("strings", basic.Int32StringReceiver(), "dataReceived sendString")
    show("netstrings", basic.NetstringReceiver(), "dataReceived makeConnection sendString")
    show("banana", banana.Banana(), "dataReceived sendEncoded")
    context = ssl.optionsForClientTLS("example.com")
    factory = tls.TLSMemoryBIOFactory(context, True, protocol.Factory.forProtocol(Lines))
    names = "dataReceived write _write _flushReceiveBIO _flushSendBIO"
    show("TLS", factory.buildProtocol(None), names)


def others_functions() -> None:
    """A function works on what is not of its class, as far as its own code does."""

    class Other:
        called = 0
        result = None

        def _startRunCallbacks(self, result: object) -> None:
            print("started with", result)

    print(defer.Deferred.callback(Other(), 5))  # type: ignore[arg-type]
    print(base.DelayedCall.active(mock.Mock(cancelled=0, called=1)))
    print(type(reactor).callFromThread is type(reactor).callFromThread)
    print(endpoints.clientFromString(reactor, "tcp:127.0.0.1:1")._reactor is reactor)


show_deferreds()
use_deferreds()
use_signals()
show_reactor()
show_streams()
show_processes()
show_datagrams()
show_protocols()
others_functions()
print("all shown")
