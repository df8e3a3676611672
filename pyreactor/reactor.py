"""
The reactor.

:class:`PyReactor` is a Twisted reactor whose loop, timed calls, calls from threads,
readers and writers, TCP and UNIX connections and datagrams run in C over libuv.
Everything else is Twisted's own :class:`~twisted.internet.posixbase.PosixReactorBase`.
"""

from __future__ import annotations

import _socket
import copyreg
import os
import socket
import traceback
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet import (
    _posixstdio,
    abstract,
    base,
    error,
    main,
    posixbase,
    process,
    tcp,
    udp,
    unix,
)
from twisted.internet._signals import _UnixWaker
from twisted.internet.interfaces import IReactorFDSet
from twisted.python import log
from twisted.python.reflect import namedAny, qual
from zope.interface import implementer

try:
    from twisted.internet.epollreactor import EPollReactor as _Polling
except ImportError:
    from twisted.internet.selectreactor import SelectReactor as _Polling

from pyreactor import _core
from pyreactor._loop import reports as _reports
from pyreactor._loop.poller import Poller as _Poller
from pyreactor._standin import stand_in
from pyreactor._transport import process as _process
from pyreactor._transport import reports as _transport_reports
from pyreactor._transport import tcp as _tcp
from pyreactor._transport import udp as _udp
from pyreactor._transport import unix as _unix
from pyreactor._watch import settings as _watch

# The Failures that stock hands to every connection that is closed or lost.
_DISCONNECT: Any = posixbase._DisconnectSelectableMixin._disconnectSelectable
_FAILURES = _DISCONNECT.__defaults__[0]

_core.configure(
    "loop",
    AlreadyCalled=error.AlreadyCalled,
    AlreadyCancelled=error.AlreadyCancelled,
    CONNECTION_DONE=main.CONNECTION_DONE,
    CONNECTION_LOST=main.CONNECTION_LOST,
    ILogContext=log.ILogContext,
    done_failure=_FAILURES[error.ConnectionDone],
    lost_failure=_FAILURES[error.ConnectionLost],
    no_descriptor=posixbase._NO_FILEDESC,
    stock_delayed_call=base.DelayedCall,
    format_stack=traceback.format_stack,
    buggy_prefix=_reports.BUGGY_PREFIX,
    event_error=_reports.event_error,
    context_stack=_reports.context_stack,
    due_time=_reports.due_time,
    fire_shutdown=_reports.fire_shutdown,
    host_event_error=_reports.host_event_error,
    iterate_by_methods=_reports.iterate_by_methods,
    lose_later=_reports.lose_later,
    main_loop_error=_reports.main_loop_error,
    poll_continuously=_reports.poll_continuously,
    stop_polling=_reports.stop_polling,
    thread_call_error=_reports.thread_call_error,
    timed_call_error=_reports.timed_call_error,
    turn_by_methods=_reports.turn_by_methods,
)
_core.configure(
    "transport",
    socket_class=_transport_reports.SOCKET,
    socket_fileno=_socket.socket.fileno,
    make_socket=_transport_reports.make_socket,
    connected_datagram_error=_transport_reports.connected_datagram_error,
    stock_datagram_doRead=udp.Port.doRead,
    stock_datagram_write=udp.Port.write,
    stock_descriptor_logPrefix=abstract.FileDescriptor.logPrefix,
    stock_doWrite=abstract.FileDescriptor.doWrite,
    stock_logPrefix=tcp.Connection.logPrefix,
    stock_pipe_dataReceived=process.ProcessReader.dataReceived,
    stock_stdio_dataReceived=_posixstdio.StandardIO.childDataReceived,
    stock_unix_connected_doRead=unix.ConnectedDatagramPort.doRead,
    stock_unix_connected_write=unix.ConnectedDatagramPort.write,
    stock_unix_write=unix.DatagramPort.write,
)

stand_in(_core.DelayedCall, base.DelayedCall)
for _name in ("__repr__", "__lt__", "__le__"):  # object has them, too, and comes before
    setattr(_core.DelayedCall, _name, vars(base.DelayedCall)[_name])
for _hook, _maker in (("canceller", "_cancelCallLater"), ("resetter", "_moveCallLaterSooner")):
    setattr(_core.DelayedCall, _hook, _reports.OfReactor(_hook, _maker))
_core.DelayedCall.__reduce_ex__ = _reports.reduce_delayed_call  # type: ignore[method-assign]

if hasattr(_tcp.Connection, "startTLS"):  # there is pyOpenSSL
    from pyreactor._tls import records as _tls

    _tls.install()

_loops: weakref.WeakSet[_core.Loop] = weakref.WeakSet()
_reactors: weakref.WeakSet[PyReactor] = weakref.WeakSet()


def _tellForked() -> None:
    for loop in list(_loops):
        loop.forked()


os.register_at_fork(after_in_child=_tellForked)


class _Waker(_UnixWaker):
    """Wakes the loop up; stands where stock has the self-pipe, and opens none."""

    def __init__(self, loop: _core.Loop) -> None:
        self.__dict__["wakeUp"] = loop.wakeUp

    def doRead(self) -> None:
        """Nothing to read: libuv does that itself."""

    def connectionLost(self, reason: object) -> None:
        """Nothing to close: libuv does that itself."""


# Attributes of the reactor that the loop has to know of at once.
_MIRRORED = {"_started": "started", "running": "running", "_justStopped": "just_stopped"}
_CALLED_OFTEN = ("callLater", "callFromThread")
# Methods of which the loop has to know whether they are replaced.
_NOTICED = frozenset(
    {"runUntilCurrent", "timeout", "doIteration", "_disconnectSelectable", "wakeUp", *_CALLED_OFTEN}
)
# Methods that are the loop's own, and the class of Twisted's that has the function.
_OF_THE_LOOP: dict[str, type] = {
    "callLater": base.ReactorBase,
    "getDelayedCalls": base.ReactorBase,
    "callFromThread": base.ReactorBase,
    "wakeUp": base.ReactorBase,
    "addReader": _Polling,
    "addWriter": _Polling,
    "removeReader": _Polling,
    "removeWriter": _Polling,
}


# The metaclass of protocols, which that of abstract classes is a base of: a class made of
# the reactor's and of either, or of a generic, finds no metaclass conflict.
_ProtocolMeta: Any = type(Protocol)


class _SameAsStock(_ProtocolMeta):
    """
    The type of classes that equal the Twisted class in whose place their reactor is.

    What a program makes of one by subclassing equals itself alone.  A method that is replaced
    is noticed by the reactors that there are.
    """

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _NOTICED:
            _lookAgain(cls)

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        if name in _NOTICED:
            _lookAgain(cls)

    def __eq__(cls, other: object) -> Any:
        if other is cls.__dict__.get("_stock", cls):
            return True
        return type.__eq__(cls, other)

    def __hash__(cls) -> int:
        stock = cls.__dict__.get("_stock")
        return hash(stock) if stock else type.__hash__(cls)

    # Those of protocols look for attributes that this class has not.
    __instancecheck__ = type.__instancecheck__
    __subclasscheck__ = type.__subclasscheck__


def _lookAgain(cls: type) -> None:
    """Have the reactors of a class look at their methods, one of which was set or deleted."""
    for reactor in list(_reactors):
        if any(base is cls for base in type(reactor).__mro__):
            reactor._bindMethods()


def _reduce(cls: _SameAsStock) -> Any:
    """A pickle of it is one of the Twisted class, for who has no pyreactor, too."""
    stock = cls.__dict__.get("_stock")
    return (namedAny, (qual(stock),)) if stock else cls.__qualname__


# Classes are pickled by name, and pickle finds no method of theirs.
copyreg.pickle(_SameAsStock, _reduce)


@implementer(IReactorFDSet)
class PyReactor(posixbase.PosixReactorBase, metaclass=_SameAsStock):
    """
    A reactor that runs in C over libuv.

    Mirrors :class:`twisted.internet.epollreactor.EPollReactor`.
    """

    # What Twisted's main loop calls.
    _calledByMainLoop: tuple[str, ...] = ("runUntilCurrent", "timeout", "doIteration")
    # Whether its callFromThread calls wakeUp.
    _wakesForThreadCalls = True

    _loop: _core.Loop
    # What methods were bound from, and the bound ones.
    _bound: dict[str, tuple[Any, Any]]
    _lookedInto: Any = None
    _tellsItsEnd = True

    def __init__(self) -> None:
        self._makeLoop()
        self._continuousPolling = posixbase._ContinuousPolling(self)
        # Not super(): what comes next may be a reactor of Twisted's, with its own kernel queue.
        posixbase.PosixReactorBase.__init__(self)
        self._poller: Any = _Poller(self._loop)
        self._bindMethods()

    def _makeLoop(self) -> None:
        """Make the loop, before anything is done to this reactor."""
        loop = _core.Loop(self)
        object.__setattr__(self, "_bound", {})
        object.__setattr__(self, "_loop", loop)
        _loops.add(loop)

    def _bindMethods(self) -> None:
        """Look at the methods, once all attributes are there, and when one was replaced."""
        _reactors.add(self)
        for name in _CALLED_OFTEN:
            self._bindMethod(name)
        self._checkOverrides()

    def _bindMethod(self, name: str) -> None:
        """Have a method of the loop's found at once, and bound once; the program's own stays."""
        source, bound = self._bound.get(name, (None, None))
        found = getattr(type(self), name)
        if self.__dict__.get(name, bound) is not bound or (
            found is source and name in self.__dict__
        ):
            return
        self.__dict__.pop(name, None)
        self._bound.pop(name, None)
        if isinstance(found, _core.StandIn):
            self.__dict__[name] = method = getattr(self, name)
            self._bound[name] = found, method

    # ---- what the loop mirrors ----

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _MIRRORED:
            setattr(self._loop, _MIRRORED[name], bool(value))
            self._loop.changed()
        elif name == "seconds":
            self._loop.clock_known = False
            self._loop.changed()
        elif name == "_poller":
            self._loop.poller = None if type(value) is _Poller else value
        elif name in _NOTICED and "_loop" in self.__dict__:
            self._bindMethods()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name == "seconds":
            self._loop.clock_known = False
            self._loop.changed()
        elif name in _NOTICED and "_loop" in self.__dict__:
            self._bindMethods()

    def _checkOverrides(self) -> None:
        """Tell the loop whether it may take its short cuts."""
        self._loop.overridden = any(map(self._replaces, self._calledByMainLoop))
        self._loop.wake_replaced = self._wakesForThreadCalls and self._replaces("wakeUp")
        disconnect = self._disconnectSelectable
        self._loop.plain_disconnect = getattr(disconnect, "__func__", None) is _DISCONNECT

    def _replaces(self, name: str) -> bool:
        """Whether the program has put another method in the place of PyReactor's."""
        return name in self.__dict__ or getattr(type(self), name) is not _OWN[name]

    # ---- IReactorCore ----

    def installWaker(self) -> None:
        """Wake-ups are the loop's own; no descriptor of Twisted's is needed."""
        if not self.waker:
            self.waker = _Waker(self._loop)

    def mainLoop(self) -> None:
        """Run until the reactor is stopped or crashed."""
        self._loop.run()
        base._log.info("Main loop terminated.")

    def run(self, installSignalHandlers: bool = True) -> None:
        """
        Run the reactor.

        :param installSignalHandlers: whether to handle SIGINT, SIGTERM and SIGCHLD.
        """
        try:
            super().run(installSignalHandlers)
        finally:
            if self._lookedInto is not None:
                self._lookedInto.end()

    def _reallyStartRunning(self) -> None:
        super()._reallyStartRunning()
        _watch.current.read_environment()
        self._watchAsAsked()

    def _watchAsAsked(self) -> None:
        """Have the reactor watched and counted as the settings are now."""
        if self._lookedInto is None and _watch.current.anything():
            from pyreactor._watch.running import Running

            self._lookedInto = Running(self)
        if self._lookedInto is not None:
            self._lookedInto.begin()

    def runUntilCurrent(self) -> None:
        """Run the calls from threads and the timed calls that are due."""
        self._loop.runUntilCurrent()

    def doIteration(self, delay: float | None) -> None:
        """
        Handle the descriptors that are ready.

        :param delay: seconds to wait for the first of them; None waits for ever.
        :raise TypeError: if it is no number.
        :raise ValueError: if it is no number of seconds (NaN).
        :raise OverflowError: if it is more than the kernel takes.
        """
        self._loop.doIteration(_reports.poll_seconds(delay))

    doPoll = doIteration

    # ---- IReactorTime ----

    def timeout(self) -> float | None:
        """Seconds until the next timed call is due, or None if there is none."""
        return self._loop.timeout()

    if TYPE_CHECKING:

        def callLater(
            self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
        ) -> Any: ...
        def getDelayedCalls(self) -> Any: ...

    # ---- IReactorFDSet ----

    def removeAll(self) -> list[Any]:
        """Remove all readers and writers but the reactor's own, and return them."""
        removed = self._removeAll(self._loop.readers(), self._loop.writers())
        return [*removed, *self._continuousPolling.removeAll()]

    def getReaders(self) -> list[Any]:
        """The readers."""
        return [*self._loop.readers(), *self._continuousPolling.getReaders()]

    def getWriters(self) -> list[Any]:
        """The writers."""
        return [*self._loop.writers(), *self._continuousPolling.getWriters()]

    # ---- IReactorProcess ----

    def spawnProcess(
        self,
        processProtocol: Any,
        executable: Any,
        args: Any = (),
        env: Any = {},  # noqa: B006
        path: Any = None,
        uid: int | None = None,
        gid: int | None = None,
        usePTY: Any = 0,
        childFDs: Any = None,
    ) -> Any:
        """
        Start a child process.

        :param processProtocol: told of its output and its end (``IProcessProtocol``), or None.
        :param executable: the path of the program.
        :param args: the program's arguments, its own name first.
        :param env: its environment; None for this process's own.
        :param path: the folder to start it in, or None.
        :param usePTY: whether to give it a pseudo-terminal; a tuple gives that terminal.
        :param childFDs: a dict from the child's descriptors to "r", "w" (what this process does
            with it) or a descriptor of this process; None for the standard three.
        :return: an ``IProcessTransport``.
        :raise OSError: if the process cannot be started.
        :raise ValueError: if both usePTY and childFDs are given.
        """
        common = (executable, args, env, path, processProtocol, uid, gid)
        if not usePTY and process.Process is _process.STOCK:
            return _process.Process(self, *common, childFDs)
        if usePTY and childFDs is None and process.PTYProcess is _process.STOCK_PTY:
            return _process.PTYProcess(self, *common, usePTY)
        return super().spawnProcess(
            processProtocol, executable, args, env, path, uid, gid, usePTY, childFDs
        )

    # ---- IReactorTCP ----

    def listenTCP(
        self, port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> _tcp.Port:
        """
        Listen on a TCP port.

        :param port: its number; 0 takes a free one.
        :param backlog: how many connections may wait to be accepted.
        :param interface: the local address to bind; "" for all.
        :raise CannotListenError: if the address cannot be bound.
        """
        p = _tcp.Port(port, factory, backlog, interface, self)
        p.startListening()
        return p

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float = 30.0,
        bindAddress: Any = None,
    ) -> Any:
        """
        Connect to a TCP server.

        :param timeout: seconds until the attempt is given up.
        :param bindAddress: local (host, port) to connect from, or None.
        """
        connector = _tcp.Connector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    # ---- IReactorUNIX ----

    def listenUNIX(
        self,
        address: Any,
        factory: Any,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: Any = 0,
    ) -> _unix.Port:
        """
        Listen on a UNIX socket.

        :param address: its path, or an abstract name that begins with a null byte.
        :param backlog: how many connections may wait to be accepted.
        :param mode: the permissions of the file.
        :param wantPID: whether to hold a lock file beside it.
        :raise CannotListenError: if the address cannot be bound or the lock not be had.
        """
        p = _unix.Port(address, factory, backlog, mode, self, wantPID)
        p.startListening()
        return p

    def connectUNIX(
        self, address: Any, factory: Any, timeout: float = 30, checkPID: Any = 0
    ) -> Any:
        """
        Connect to a UNIX socket.

        :param timeout: seconds until the attempt is given up.
        :param checkPID: whether a lock file must show that the server lives.
        """
        connector = _unix.Connector(address, factory, timeout, self, checkPID)
        connector.connect()
        return connector

    # ---- IReactorUDP, IReactorMulticast, IReactorUNIXDatagram ----

    def listenUDP(
        self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192
    ) -> _udp.Port:
        """
        Receive and send UDP datagrams.

        :param port: the local port; 0 takes a free one.
        :param interface: the local IPv4 or IPv6 address to bind; "" for all of IPv4.
        :param maxPacketSize: bytes; what is longer is cut.
        :raise CannotListenError: if the address cannot be bound.
        """
        p = _udp.Port(port, protocol, interface, maxPacketSize, self)
        p.startListening()
        return p

    def listenMulticast(
        self,
        port: int,
        protocol: Any,
        interface: str = "",
        maxPacketSize: int = 8192,
        listenMultiple: bool = False,
    ) -> _udp.MulticastPort:
        """
        Receive and send UDP datagrams, also of multicast groups.

        :param listenMultiple: whether other sockets may listen on the same port.
        :raise CannotListenError: if the address cannot be bound.
        """
        reactor: Any = self
        p = _udp.MulticastPort(port, protocol, interface, maxPacketSize, reactor, listenMultiple)
        p.startListening()
        return p

    def listenUNIXDatagram(
        self, address: Any, protocol: Any, maxPacketSize: int = 8192, mode: int = 0o666
    ) -> _udp.DatagramPort:
        """
        Receive and send datagrams on a UNIX socket.

        :param address: its path, or an abstract name that begins with a null byte.
        :param mode: the permissions of the file.
        :raise CannotListenError: if the address cannot be bound.
        """
        p = _udp.DatagramPort(address, protocol, maxPacketSize, mode, self)
        p.startListening()
        return p

    def connectUNIXDatagram(
        self,
        address: Any,
        protocol: Any,
        maxPacketSize: int = 8192,
        mode: int = 0o666,
        bindAddress: Any = None,
    ) -> _udp.ConnectedDatagramPort:
        """
        Send datagrams to a UNIX socket, and receive its.

        :param protocol: a ``ConnectedDatagramProtocol``; told by ``connectionFailed``
            where connecting fails.
        :param bindAddress: the path or abstract name to send from, or None.
        """
        p = _udp.ConnectedDatagramPort(address, protocol, maxPacketSize, mode, bindAddress, self)
        p.startListening()
        return p

    # ---- IReactorSocket ----

    def adoptDatagramPort(
        self,
        fileDescriptor: int,
        addressFamily: int,
        protocol: Any,
        maxPacketSize: int = 8192,
    ) -> _udp.Port:
        """
        Use a datagram socket that is bound already; it is duplicated.

        :raise UnsupportedAddressFamily: unless it is AF_INET or AF_INET6.
        """
        if addressFamily not in (socket.AF_INET, socket.AF_INET6):
            raise error.UnsupportedAddressFamily(addressFamily)
        p: _udp.Port = _udp.Port._fromListeningDescriptor(
            self, fileDescriptor, addressFamily, protocol, maxPacketSize=maxPacketSize
        )
        p.startListening()
        return p

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """
        Listen on a socket that is listening already; it is duplicated.

        :raise UnsupportedAddressFamily: unless it is AF_INET, AF_INET6 or AF_UNIX.
        """
        if addressFamily not in self._supportedAddressFamilies:
            raise error.UnsupportedAddressFamily(addressFamily)
        p: Any
        if addressFamily == socket.AF_UNIX:
            p = _unix.Port._fromListeningDescriptor(self, fileDescriptor, factory)
        else:
            p = _tcp.Port._fromListeningDescriptor(self, fileDescriptor, addressFamily, factory)
        p.startListening()
        return p

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """
        Use a socket that is connected already; it is duplicated.

        :raise UnsupportedAddressFamily: unless it is AF_INET, AF_INET6 or AF_UNIX.
        """
        if addressFamily not in self._supportedAddressFamilies:
            raise error.UnsupportedAddressFamily(addressFamily)
        if addressFamily == socket.AF_UNIX:
            return _unix.Server._fromConnectedSocket(fileDescriptor, factory, self)
        return _tcp.Server._fromConnectedSocket(fileDescriptor, addressFamily, factory, self)


for _name, _stock in _OF_THE_LOOP.items():
    _method = _core.StandIn(vars(_core.Loop)[_name], vars(_stock)[_name], "_loop")
    setattr(PyReactor, _name, _method)
# What PyReactor has, whatever is put into it later.
_OWN = {name: getattr(PyReactor, name) for name in (*PyReactor._calledByMainLoop, "wakeUp")}


def inPlaceOf(stock: type, ours: type[PyReactor] = PyReactor) -> type[PyReactor]:
    """
    A class of reactors that programs take for one of Twisted's.

    Some programs look whether the reactor is the one that they asked for, or the best one:
    by ``isinstance``, by the name of ``reactor.__class__``, or by comparing classes.

    :param stock: the class of Twisted's, such as ``epollreactor.EPollReactor``.
    :param ours: what the reactors really are.
    """
    # What is shown is its own name; what autobahn reads is __name__.
    own = {"__module__": ours.__module__, "__qualname__": ours.__qualname__, "_stock": stock}
    made: Any = _SameAsStock(stock.__name__, (ours, stock), own)
    made.__doc__ = ours.__doc__
    if hasattr(stock, "doSelect"):  # its public name for doIteration
        made.doSelect = PyReactor.doIteration
    kind: type[PyReactor] = made
    return kind


def install(stock: type | None = None) -> None:
    """
    Install the reactor as ``twisted.internet.reactor``.

    :param stock: the class of Twisted's that programs shall take it for, or None.
    :raise ReactorAlreadyInstalledError: if one is installed.
    """
    kind = PyReactor if stock is None else inPlaceOf(stock)
    main.installReactor(kind())


__all__ = ["PyReactor", "inPlaceOf", "install"]
