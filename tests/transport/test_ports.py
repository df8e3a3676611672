"""UNIX and datagram ports of the reactor, in this process: what they hold, and give back."""

from __future__ import annotations

import contextlib
import errno
import gc
import inspect
import os
import select
import socket
import struct
import weakref
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import error, interfaces, protocol, udp, unix
from twisted.python import log
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pyreactor import _core, basic
from pyreactor._transport import udp as _udp
from pyreactor.reactor import PyReactor
from tests.loop.test_reactor import Recorder, no_leak, reactor, spin

__all__ = ["reactor"]  # a fixture


@implementer(interfaces.IFileDescriptorReceiver)
class Taking(Recorder):
    def fileDescriptorReceived(self, descriptor: int) -> None:
        self.received += b"[%d]" % (descriptor > 0)
        os.close(descriptor)


class Datagrams(protocol.DatagramProtocol):
    def __init__(self) -> None:
        self.received: list[tuple[bytes, Any]] = []

    def datagramReceived(self, data: bytes, addr: Any) -> None:
        self.received.append((data, addr))


class Connected(protocol.ConnectedDatagramProtocol):
    def __init__(self) -> None:
        self.received: list[bytes] = []

    def datagramReceived(self, data: bytes) -> None:
        self.received.append(data)


class Errors:
    """The errors that are logged inside a `with`."""

    def __enter__(self) -> list[Any]:
        self.found: list[Any] = []
        log.addObserver(self.observe)
        return self.found

    def observe(self, event: dict[str, Any]) -> None:
        if event.get("isError"):
            self.found.append(event["failure"])

    def __exit__(self, *exc: object) -> None:
        log.removeObserver(self.observe)


def open_descriptors() -> int:
    """How many there are.  It may become less: Twisted's log remembers some errors, and with
    them what earlier tests left behind."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def unix_pair(reactor: Any, path: Path, kind: type[Recorder] = Recorder) -> tuple[Any, Any, Any]:
    """The port, a server's and a client's protocol."""
    made: list[Any] = []
    factory: Any = protocol.Factory.forProtocol(kind)
    client: Any = protocol.ClientFactory.forProtocol(kind)
    factory.noisy = client.noisy = False
    factory.made = client.made = made
    port = reactor.listenUNIX(str(path), factory)
    reactor.connectUNIX(str(path), client)
    spin(reactor, lambda: len(made) == 2 and all(p.connected for p in made))
    server, other = sorted(made, key=lambda each: not isinstance(each.transport, unix.Server))
    return port, server, other


def test_unix_transports_look_like_stock(reactor: PyReactor, tmp_path: Path) -> None:
    port, server, client = unix_pair(reactor, tmp_path / "socket")
    assert isinstance(port, unix.Port)
    assert isinstance(client.transport, unix.Client)
    for transport in (server.transport, client.transport):
        verifyObject(interfaces.IUNIXTransport, transport)
    handle = server.transport.getHandle()
    assert (handle.family, handle.getblocking()) == (socket.AF_UNIX, False)
    assert handle.fileno() == server.transport.fileno()


def test_datagram_ports_look_like_stock(reactor: PyReactor, tmp_path: Path) -> None:
    port = reactor.listenUDP(0, Datagrams(), interface="127.0.0.1")
    assert isinstance(port, udp.Port)
    verifyObject(interfaces.IUDPTransport, port)
    verifyObject(interfaces.IListeningPort, port)
    multicast = reactor.listenMulticast(0, Datagrams())
    assert isinstance(multicast, udp.MulticastPort)
    verifyObject(interfaces.IMulticastTransport, multicast)
    named: Any = reactor.listenUNIXDatagram(str(tmp_path / "one"), Datagrams())
    verifyObject(interfaces.IUNIXDatagramTransport, named)
    connected: Any = reactor.connectUNIXDatagram(
        str(tmp_path / "one"), protocol.ConnectedDatagramProtocol()
    )
    verifyObject(interfaces.IUNIXDatagramConnectedTransport, connected)
    assert not interfaces.IUNIXDatagramTransport.providedBy(connected)


def test_what_datagram_ports_lack_is_missed_in_stocks_words(
    reactor: PyReactor, tmp_path: Path
) -> None:
    path = str(tmp_path / "name")
    connecting = (path, Connected(), 8192, 0o666, None)
    pairs: list[tuple[Any, Any]] = [
        (reactor.listenUDP(0, Datagrams()), udp.Port(0, Datagrams())),
        (reactor.listenMulticast(0, Datagrams()), udp.MulticastPort(0, Datagrams())),
        (reactor.listenUNIXDatagram(path, Datagrams()), unix.DatagramPort(path, Datagrams())),
        (reactor.connectUNIXDatagram(path, Connected()), unix.ConnectedDatagramPort(*connecting)),
    ]
    for pair in pairs:
        said = []
        for port in pair:
            with pytest.raises(AttributeError) as raised:
                port.nothing  # noqa: B018
            said.append(str(raised.value))
        assert said[0] == said[1]


def test_the_queue_of_descriptors_is_the_one_stock_code_knows(
    reactor: PyReactor, tmp_path: Path
) -> None:
    _, server, client = unix_pair(reactor, tmp_path / "socket", Taking)
    transport = server.transport
    assert transport._sendmsgQueue == []
    transport._sendmsgQueue.append(0)
    transport.sendFileDescriptor(0)
    transport.write(b"abc")
    assert (transport._sendmsgQueue, transport.dataBuffer) == ([0, 0], b"abc")
    spin(reactor, lambda: client.received.endswith(b"c"))
    assert client.received == b"[1]a[1]bc"
    assert transport._sendmsgQueue == []


def test_descriptors_wait_with_bytes_for_a_slow_reader(reactor: PyReactor, tmp_path: Path) -> None:
    _, server, client = unix_pair(reactor, tmp_path / "socket", Taking)
    client.transport.pauseProducing()
    # So that not all of it is on its way at once, whatever the machine's default is.
    server.transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    server.transport.write(b"x" * 1_000_000)
    for _ in range(5):
        reactor.iterate(0.001)
    server.transport.sendFileDescriptor(0)
    server.transport.write(b"y")
    for _ in range(5):
        reactor.iterate(0.001)
    assert server.transport._sendmsgQueue == [0]
    client.transport.resumeProducing()
    spin(reactor, lambda: client.received.endswith(b"y"))
    assert client.received.count(b"[1]") == 1
    assert client.received.replace(b"[1]", b"") == b"x" * 1_000_000 + b"y"


def test_a_subclass_may_replace_write_some_data(reactor: PyReactor, tmp_path: Path) -> None:
    _, server, client = unix_pair(reactor, tmp_path / "socket", Taking)
    sent: list[int] = []
    transport = server.transport

    def at_most_two(data: bytes) -> Any:
        sent.append(len(data))
        return unix.Server.writeSomeData(transport, bytes(data)[:2])

    transport.writeSomeData = at_most_two
    transport.sendFileDescriptor(0)
    transport.write(b"12345")
    spin(reactor, lambda: client.received == b"[1]12345")
    assert sent == [5, 3, 1]


def test_wrong_values_for_a_connections_queue(reactor: PyReactor, tmp_path: Path) -> None:
    _, server, _ = unix_pair(reactor, tmp_path / "socket")
    for value in (None, (), "list"):
        with pytest.raises(TypeError):
            server.transport._sendmsgQueue = value
    with pytest.raises(TypeError):
        del server.transport._sendmsgQueue


def test_descriptors_do_not_leak_where_memory_runs_out(reactor: PyReactor, tmp_path: Path) -> None:
    """Each of the allocations of one read fails in turn; the last read has none left to fail."""
    testcapi = pytest.importorskip("_testcapi", reason="this Python is built without it")
    _, server, client = unix_pair(reactor, tmp_path / "socket", Taking)
    transport = server.transport
    # The first read of all makes the buffer that the others share, or does without.
    client.transport.write(b"x")
    spin(reactor, lambda: server.received)
    transport.pauseProducing()
    before = open_descriptors()
    for number in range(100):
        client.transport.sendFileDescriptor(0)
        client.transport.write(b"x" * 1000)
        reactor.iterate(0)
        # To append to it needs no memory.
        taken: list[Any] = [None] * 8
        del taken[4:]
        transport._ancillaryReceived = taken.append
        assert select.select([transport], [], [], 60)[0]
        failed = False
        testcapi.set_nomemory(number, number + 1)
        try:
            transport.doRead()
        except MemoryError:
            failed = True
        finally:
            testcapi.remove_mem_hooks()
        for messages in taken[4:]:
            for _, _, data in messages:
                os.close(*struct.unpack("i", data))
        assert open_descriptors() <= before
        if not failed:
            break
    assert number > 1
    assert not failed


@pytest.mark.parametrize("end", ["loseConnection", "abortConnection"])
def test_no_leak_in_unix_connections(reactor: PyReactor, tmp_path: Path, end: str) -> None:
    def work() -> None:
        port, server, client = unix_pair(reactor, tmp_path / "socket", Taking)
        server.transport.sendFileDescriptor(0)
        server.transport.write(b"x" * 1000)
        client.transport.sendFileDescriptor(0)
        client.transport.writeSequence([b"a", b"b"])
        spin(reactor, lambda: client.received and server.received)
        getattr(server.transport, end)()
        spin(reactor, lambda: server.lost and client.lost)
        port.stopListening()
        reactor.iterate()

    work()  # the first port of a process keeps a descriptor in reserve
    reactor.iterate(0)  # it has its own descriptors from now on
    before = open_descriptors()
    no_leak(work, times=100)
    assert open_descriptors() <= before


class Framed(basic.LineOnlyReceiver):
    made: list[Any]

    def connectionMade(self) -> None:
        self.factory.made.append(self)  # type: ignore[attr-defined,union-attr]

    def lineReceived(self, line: bytes) -> None:
        received[self] = line


received: dict[Any, bytes] = {}


@pytest.mark.parametrize("kind", [Taking, Framed])
@pytest.mark.parametrize("number", range(1, 9))
def test_a_collection_in_the_middle_of_a_read(
    reactor: PyReactor, tmp_path: Path, kind: Any, number: int
) -> None:
    """
    It runs Python code, and that may receive for another connection.

    Up to Python 3.11 it runs inside an allocation: here the `number`th.
    """
    pairs = [unix_pair(reactor, tmp_path / name, kind) for name in "ab"]
    for which, (_, server, client) in enumerate(pairs):
        server.transport.pauseProducing()
        if kind is Taking:
            client.transport.sendFileDescriptor(0)
        client.transport.write(b"%d" % which * 1000 + b"\r\n")
        reactor.iterate(0)
    first, second = (server for _, server, _ in pairs)
    for server in (first, second):
        assert select.select([server.transport], [], [], 60)[0]

    def collecting(phase: str, info: object) -> None:
        gc.disable()
        if phase == "start":
            second.transport.doRead()

    def all_read(server: Any) -> bytes:
        server.transport.doRead()
        if kind is Taking:
            server.transport.doRead()
            return server.received.replace(b"[1]", b"")
        return received.pop(server) + b"\r\n"

    collect = gc.get_threshold()
    gc.collect()
    gc.callbacks.append(collecting)
    allocated = [set() for _ in range(20)]  # type: ignore[var-annotated]
    gc.set_threshold(gc.get_count()[0] + number - 1)
    try:
        first.transport.doRead()
    finally:
        gc.set_threshold(*collect)
        gc.callbacks.remove(collecting)
        gc.enable()
        del allocated
    assert all_read(first) == b"0" * 1000 + b"\r\n"
    assert all_read(second) == b"1" * 1000 + b"\r\n"


def test_no_leak_in_datagrams(reactor: PyReactor) -> None:
    one, two = Datagrams(), Datagrams()
    ports: list[Any] = [reactor.listenUDP(0, each, interface="127.0.0.1") for each in (one, two)]
    where = ("127.0.0.1", ports[1].getHost().port)

    def work() -> None:
        for number in range(40):
            ports[0].write(b"%d" % number, where)
        with pytest.raises(error.MessageLengthError):
            ports[0].write(b"x" * 65_508, where)
        with pytest.raises(error.InvalidAddressError):
            ports[0].write(b"", ("localhost", 1))
        spin(reactor, lambda: len(two.received) == 40)
        two.received.clear()

    no_leak(work)


def test_no_leak_in_datagram_ports(reactor: PyReactor, tmp_path: Path) -> None:
    # Always the same, for peers are remembered; and nobody else takes it in between: the address
    # is this process's own, and the socket keeps the number from those who listen on all.
    kept = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    kept.bind(("127.0.0.1", 0))
    here = (f"127.1.{os.getpid() >> 8 & 255}.{os.getpid() & 255}", kept.getsockname()[1])

    def work() -> None:
        receiver, failing = Datagrams(), Datagrams()
        port: Any = reactor.listenUDP(here[1], receiver, interface=here[0])
        port.write(b"data", here)
        port.connect(*here)
        port.write(b"more")
        named: Any = reactor.listenUNIXDatagram(str(tmp_path / "name"), failing)
        named.write(b"data", str(tmp_path / "name"))
        spin(reactor, lambda: len(receiver.received) == 2 and failing.received)
        port.stopListening()
        named.stopListening()
        reactor.iterate()
        os.remove(tmp_path / "name")

    reactor.iterate(0)  # it has its own descriptors from now on
    before = open_descriptors()
    no_leak(work, times=100)
    assert open_descriptors() <= before
    kept.close()


def test_dropped_reactors_are_collected_with_their_ports(tmp_path: Path) -> None:
    def make(number: int) -> list[weakref.ref[Any]]:
        reactor = PyReactor()
        port, server, client = unix_pair(reactor, tmp_path / f"stream{number}")
        server.transport.sendFileDescriptor(0)
        datagrams: Any = reactor.listenUDP(0, Datagrams(), interface="127.0.0.1")
        named: Any = reactor.listenUNIXDatagram(str(tmp_path / f"{number}"), Datagrams())
        kept = (reactor, port, server, client, datagrams, named, datagrams.protocol)
        return [weakref.ref(each) for each in kept]

    make(5)  # libuv and Twisted open some descriptors once, for the process
    before = open_descriptors()
    references = [reference for number in range(5) for reference in make(number)]
    for _ in range(3):
        gc.collect()
    assert [reference() for reference in references] == [None] * len(references)
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_port_dropped_by_its_handler_is_kept_until_it_returns(reactor: PyReactor) -> None:
    """The last reference goes while datagrams of the port still wait in the batch."""

    class Dropping(Datagrams):
        def datagramReceived(self, data: bytes, addr: Any) -> None:
            Datagrams.datagramReceived(self, data, addr)
            if len(self.received) == 2:
                ports.clear()
                transport, self.transport = self.transport, None  # type: ignore[assignment]
                transport.connectionLost()  # type: ignore[union-attr]
                del transport
                gc.collect()

    receiver = Dropping()
    ports: list[Any] = [reactor.listenUDP(0, receiver, interface="127.0.0.1")]
    dropped = weakref.ref(ports[0])
    where = ("127.0.0.1", ports[0].getHost().port)
    for number in range(10):
        ports[0].write(b"%d" % number, where)
    spin(reactor, lambda: dropped() is None)
    assert [data for data, _ in receiver.received] == [b"0", b"1"]


@pytest.mark.parametrize("size", [0, 1, 8192, 65_507])
@pytest.mark.parametrize("limit", [0, 1, 8192, 65_536, 65_537, 200_000])
def test_datagrams_are_cut_to_max_packet_size(reactor: PyReactor, size: int, limit: int) -> None:
    receiver = Datagrams()
    port = reactor.listenUDP(0, receiver, interface="127.0.0.1", maxPacketSize=limit)
    where = ("127.0.0.1", port.getHost().port)
    data = (b"0123456789" * 6551)[:size]
    for _ in range(2):
        assert port.write(data, where) == size  # type: ignore[func-returns-value]
    spin(reactor, lambda: len(receiver.received) == 2)
    assert receiver.received == [(data[:limit], where)] * 2


def test_a_socket_closed_while_the_port_is_asked_for_a_size(reactor: PyReactor) -> None:
    """Its number may be another socket's by then, whose datagrams are not the port's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.setblocking(False)

        class Closing(_udp.Port):
            number = -1

            def _size(self) -> int:
                if self.number >= 0:
                    self.socket.close()
                    os.dup2(other.fileno(), self.number)
                return 8192

            maxPacketSize: Any = property(_size, lambda port, size: None)

        receiver = Datagrams()
        port: Any = Closing(0, receiver, "127.0.0.1", 8192, reactor)
        port.startListening()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"its own", ("127.0.0.1", port.getHost().port))
            sender.sendto(b"another's", other.getsockname())
        port.stopReading()
        port.number = port.fileno()
        with pytest.raises(OSError, match="Bad file descriptor"):
            port.doRead()
        os.close(port.number)
        assert receiver.received == []
        assert other.recv(100) == b"another's"


def test_unix_datagrams_larger_than_udp_allows(reactor: PyReactor, tmp_path: Path) -> None:
    receiver = Datagrams()
    path = str(tmp_path / "name")
    port: Any = reactor.listenUNIXDatagram(path, receiver, maxPacketSize=150_000)
    assert port.write(b"x" * 120_000, path) == 120_000
    spin(reactor, lambda: receiver.received)
    assert receiver.received == [(b"x" * 120_000, path)]


def test_the_same_peer_is_the_same_tuple_until_it_is_forgotten(reactor: PyReactor) -> None:
    """So an answer needs no parsing; and the tuple is right, whoever came in between."""
    receiver = Datagrams()
    port: Any = reactor.listenUDP(0, receiver, interface="127.0.0.1")
    where = ("127.0.0.1", port.getHost().port)
    for _ in range(2):
        port.write(b"", where)
    spin(reactor, lambda: len(receiver.received) == 2)
    assert receiver.received[0][1] is receiver.received[1][1]


def test_wrong_packet_sizes_end_the_port_as_in_stock(reactor: PyReactor) -> None:
    with Errors() as errors:
        for size in (-1, "size", None):
            port: Any = reactor.listenUDP(0, Datagrams(), interface="127.0.0.1")
            port.maxPacketSize = size
            port.write(b"data", ("127.0.0.1", port.getHost().port))
            spin(reactor, lambda port=port: not port.connected)  # type: ignore[misc]
    assert [failure.type for failure in errors] == [ValueError, TypeError, TypeError]


def test_a_packet_size_that_has_another_port_receive(reactor: PyReactor) -> None:
    class Size:
        def __index__(self) -> int:
            for _ in range(3):
                ports[1].write(b"to the second", here[1])
            ports[1].doRead()
            return 8192

    receivers = [Datagrams(), Datagrams()]
    ports: list[Any] = [reactor.listenUDP(0, r, interface="127.0.0.1") for r in receivers]
    ports[0].maxPacketSize = Size()
    here = [("127.0.0.1", port.getHost().port) for port in ports]
    for number in range(3):
        ports[0].write(b"from the first %d" % number, here[0])
        ports[1].write(b"from the second %d" % number, here[0])
        spin(reactor, lambda: len(receivers[0].received) == 2)
        assert receivers[0].received == [
            (b"from the first %d" % number, here[0]),
            (b"from the second %d" % number, here[1]),
        ]
        receivers[0].received.clear()
    assert set(receivers[1].received) == {(b"to the second", here[1])}


def connected_port(reactor: PyReactor, path: Path, receiver: Connected) -> Any:
    """A port that hears from itself."""
    return reactor.connectUNIXDatagram(str(path), receiver, bindAddress=str(path))


@pytest.mark.parametrize("size", [0, 1, 8192, 65_536, 120_000])
@pytest.mark.parametrize("limit", [0, 1, 8192, 65_536, 65_537, 200_000])
def test_datagrams_to_a_connected_port_are_cut(
    reactor: PyReactor, tmp_path: Path, size: int, limit: int
) -> None:
    receiver = Connected()
    port = connected_port(reactor, tmp_path / "name", receiver)
    assert isinstance(inspect.getattr_static(port, "doRead"), _core.StandIn)
    port.maxPacketSize = limit
    data = (b"0123456789" * 12_000)[:size]
    for _ in range(2):
        assert port.write(data) == size
    spin(reactor, lambda: len(receiver.received) == 2)
    assert receiver.received == [data[:limit]] * 2


def test_a_connected_port_without_what_it_needs(reactor: PyReactor, tmp_path: Path) -> None:
    """Where stock's doRead never returns, the error is logged once for each call."""
    receiver = Connected()
    port = connected_port(reactor, tmp_path / "name", receiver)
    name = type(port).__name__
    with Errors() as errors:
        for size in (-1, "size", None, 2**70):
            port.maxPacketSize = size
            port.doRead()
        port.maxPacketSize = 8192
        del port.protocol
        port.write(b"for nobody")
        port.doRead()
        port.protocol = receiver
        port.connectionLost()
        port.doRead()
    assert [(failure.type, str(failure.value)) for failure in errors] == [
        (ValueError, "negative buffersize in recvfrom"),
        (TypeError, "'str' object cannot be interpreted as an integer"),
        (TypeError, "'NoneType' object cannot be interpreted as an integer"),
        (OverflowError, "Python int too large to convert to C ssize_t"),
        (AttributeError, f"'{name}' object has no attribute 'protocol'"),
        (AttributeError, f"'{name}' object has no attribute 'socket'"),
    ]
    assert receiver.received == []


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EAGAIN, errno.ECONNREFUSED, None])
def test_an_error_of_a_connected_port_leaves_no_cycle(
    reactor: PyReactor, tmp_path: Path, number: int | None
) -> None:
    """What the handler held goes at once, and not when the garbage collector comes."""

    class Held:
        pass

    class Failing(Connected):
        def datagramReceived(self, data: bytes) -> None:
            held = Held()
            self.held = weakref.ref(held)
            raise OSError(*([] if number is None else [number, "raised"]))

        def connectionRefused(self) -> None:
            raise ValueError

    receiver = Failing()
    port = connected_port(reactor, tmp_path / "name", receiver)
    port.write(b"data")
    gc.disable()
    try:
        with contextlib.suppress(OSError, ValueError, IndexError):
            port.doRead()
            assert number == errno.EAGAIN
        assert receiver.held() is None
    finally:
        gc.enable()


def test_no_leak_in_connected_ports(reactor: PyReactor, tmp_path: Path) -> None:
    class Failing(Connected):
        def datagramReceived(self, data: bytes) -> None:
            Connected.datagramReceived(self, data)
            if data:
                raise BlockingIOError(int(data), "raised")

        def connectionRefused(self) -> None:
            self.received.append(b"refused")

    receiver = Failing()
    port = connected_port(reactor, tmp_path / "name", receiver)

    def work() -> None:
        for data in (b"", b"%d" % errno.ECONNREFUSED, b"%d" % errno.EAGAIN):
            port.write(data)
        port.write(b"%d" % errno.EPIPE)
        port.doRead()
        with pytest.raises(BlockingIOError, match="raised"):
            port.doRead()
        assert len(receiver.received) == 5
        receiver.received.clear()

    no_leak(work)
