"""When what was written leaves: with what belongs together, and without delay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import PROGRAMS, PYREACTOR, STOCK, check, outcome, python


@pytest.mark.parametrize("kind", [(), ("unix",)], ids=["tcp", "unix"])
def test_answers_to_input_that_waits_leave_together(kind: tuple[str, ...], tmp_path: Path) -> None:
    """An answer waits for the input that is there already, once; the next takes it along."""
    shown = []
    for number, side in enumerate((STOCK, PYREACTOR)):
        folder = tmp_path / str(number)
        folder.mkdir()
        shown.append(
            outcome(python(PROGRAMS / "answers_together.py", *kind, runner=side, cwd=folder))
        )
    assert shown[0] == shown[1]
    assert "call 2 the peer has an answer: False" in shown[1][1]
    assert "call 3 the peer has an answer: True" in shown[1][1]


ONE_CONNECTION = """if True:
    import fcntl, socket, struct
    from twisted.internet import protocol, reactor

    SIOCOUTQNSD = 0x894B  # how much of what was sent waits, and why not for the network

    def held_back(transport):
        return struct.unpack("i", fcntl.ioctl(transport.fileno(), SIOCOUTQNSD, bytes(4)))[0]

    def no_delay(transport):
        return transport.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0

    class Server(protocol.Protocol):
        def connectionMade(self):
            global server
            server = self.transport
            setUp(server)
        def dataReceived(self, data):
            for _ in data:
                self.transport.write(b"answer")

    port = reactor.listenTCP(0, protocol.Factory.forProtocol(Server), interface="127.0.0.1")
    client = socket.create_connection(("127.0.0.1", port.getHost().port))
    # It acknowledges late, as what only receives does.
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    server = None

    def turn(until):
        while not until():
            reactor.iterate(0.01)
        for _ in range(3):
            reactor.iterate(0)

    def received(size):
        got = b""
        def all_here():
            nonlocal got
            try:
                got += client.recv(size - len(got), socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass
            return len(got) >= size
        return all_here
"""


def connection(then: str, set_up: str = "pass") -> str:
    """What `then` prints, with a connection whose server began with `set_up`."""
    begin = f"def setUp(transport):\n    {set_up}\n"
    return check(begin + ONE_CONNECTION.replace("if True:", "if 1:", 1) + then, runner=PYREACTOR)


ANSWER_THREE_TIMES = """
    turn(lambda: server)
    for _ in range(3):
        client.send(b"1")
        turn(received(6))
        print(held_back(server), no_delay(server), server.getTcpNoDelay())
"""


def test_answers_leave_at_once() -> None:
    """
    From the second answer on, none waits until the one before it is acknowledged.

    A program sees the option as it has set it.
    """
    assert connection(ANSWER_THREE_TIMES) == "0 False False\n" + "0 True False\n" * 2


def test_what_the_program_says_of_delays_holds() -> None:
    no_delay = connection(ANSWER_THREE_TIMES, "transport.setTcpNoDelay(True)")
    assert no_delay == "0 True True\n" * 3
    delay = connection(ANSWER_THREE_TIMES, "transport.setTcpNoDelay(False)")
    assert delay == "0 False False\n" * 3


def test_what_the_program_says_to_the_socket_is_seen() -> None:
    option = "socket.IPPROTO_TCP, socket.TCP_NODELAY"
    no_delay = connection(ANSWER_THREE_TIMES, f"transport.socket.setsockopt({option}, 1)")
    assert no_delay == "0 True True\n" * 3


def test_the_end_of_a_connection_that_was_to_be_flushed_makes_a_call() -> None:
    """Nobody but the flush had the transport; what goes with it is heard of before the sleep."""
    output = check(
        """if True:
        import gc, socket
        from twisted.internet import error, main, protocol, reactor
        from twisted.python.failure import Failure

        class Last:
            def __del__(self):
                reactor.callLater(0, reactor.stop)

        class Server(protocol.Protocol):
            def dataReceived(self, data):
                transport, self.transport = self.transport, None
                transport.last = Last()
                transport.write(data)
                transport.stopReading()
                transport.stopWriting()
                transport.connectionLost(Failure(error.ConnectionDone()))

        gc.disable()
        port = reactor.listenTCP(0, protocol.Factory.forProtocol(Server), interface="127.0.0.1")
        client = socket.create_connection(("127.0.0.1", port.getHost().port))
        client.send(b"x")
        late = reactor.callLater(60, int)
        reactor.run(installSignalHandlers=False)
        print(reactor.seconds() < late.getTime())
        """,
        runner=PYREACTOR,
    )
    assert output == "True\n"


def test_what_answers_nothing_may_be_delayed() -> None:
    """Small writes of a server's own accord are put together by the kernel, as in stock."""
    output = connection("""
    turn(lambda: server)
    for _ in range(20):
        server.write(b"news")
        reactor.iterate(0)
    print(no_delay(server), server.getTcpNoDelay())
    """)
    assert output == "False False\n"
