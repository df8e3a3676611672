"""
Faults and corners of the reactor, each an unchanged Twisted program in tests/programs.

Each runs on stock Twisted and on pyreactor and must show the same; the line named with
it shows that the program came to the point it is about.
"""

from __future__ import annotations

import os
import re

import pytest

from tests.both import check_same_on_both, each_of, todays_words
from tests.support import PROGRAMS, PYREACTOR, STOCK, outcome, python

DESCRIPTORS = os.environ.get("PYREACTOR_DESCRIPTORS", "2000")

CASES = [
    ("accepted_lives.py", (), "all 15"),
    ("accepted_lives.py", ("unix",), "all 15"),
    ("abort_in_data_received.py", (), "server lost ConnectionAborted after calls: 1"),
    ("call_from_threads.py", (), "True 8"),
    ("calls_made_by_a_flush.py", (), "server lost ConnectionDone"),
    ("calls_made_by_a_flush.py", ("signals",), "server lost ConnectionDone"),
    ("callbacks_that_raise.py", (), "logged RuntimeError threaded call"),
    ("changed_classes.py", ("talk", "tcp"), "client lost ConnectionDone"),
    ("changed_classes.py", ("talk", "unix"), "client lost ConnectionDone"),
    ("changed_classes.py", ("sending", "tcp"), "all there"),
    ("changed_classes.py", ("sending", "unix"), "all there"),
    ("changed_classes.py", ("udp",), "own doRead"),
    ("changed_classes.py", ("memory",), "other banana 2"),
    ("continuous_polling.py", (), "lost ConnectionDone"),
    ("delayed_call_repr.py", (), "traceback at creation"),
    ("delayed_call_type.py", (), "a copy of it is a DelayedCall: True"),
    ("descriptor_limit.py", (DESCRIPTORS,), "out of descriptors: True"),
    ("fork_in_an_event.py", (), "parent received b'second'"),
    ("half_close.py", (), "server read side lost"),
    ("half_close.py", ("unix",), "server read side lost"),
    ("iterate_in_a_flush.py", (), "inside [b'written in the same turn']"),
    (
        "keyboard_interrupt.py",
        ("idle",),
        "logged KeyboardInterrupt  | Unexpected error in main loop",
    ),
    ("keyboard_interrupt.py", ("call",), "logged KeyboardInterrupt  | while handling timed call"),
    ("keyboard_interrupt.py", ("received",), "lost KeyboardInterrupt"),
    ("kinds_of_objects.py", (), "twisted.internet.tcp._AbortingMixin"),
    ("line_receiver_nested_iterate.py", (), "in order: [True, True, True, True, True]"),
    ("log_prefixes.py", (), "('hello', 'thread') ['Server', '127.0.0.1']"),
    ("made_of_twisteds.py", (), "[7] True"),
    ("many_readers_and_a_timer.py", (), "came every time"),
    ("methods.py", (), "all shown"),
    ("replaced_on_the_reactor.py", (), "all replaced"),
    ("nested_iterate.py", (), "client received b'reply'"),
    ("nested_iterate.py", ("unix",), "client received b'reply'"),
    ("out_of_descriptors.py", (), "EMFILE encountered"),
    ("out_of_descriptors.py", ("unix",), "EMFILE encountered"),
    ("own_sockets.py", ("made",), "recv b'ddd'"),
    ("own_sockets.py", ("made", "unix"), "recvmsg b'ddd'"),
    ("own_sockets.py", ("received",), "recv b'ddd'"),
    ("own_sockets.py", ("received", "unix"), "recvmsg b'ddd'"),
    ("own_sockets.py", ("back",), "recv b'cc'"),
    ("own_sockets.py", ("back", "unix"), "recvmsg b'cc'"),
    ("own_sockets.py", ("moved",), "client lost ConnectionDone"),
    ("own_sockets.py", ("moved", "unix"), "client lost ConnectionDone"),
    ("own_sockets.py", ("numberless",), "recv b'ddd'"),
    ("own_sockets.py", ("numberless", "unix"), "recvmsg b'ddd'"),
    ("own_sockets.py", ("patched",), "recv 1"),
    ("own_sockets.py", ("slow",), "recv 1"),
    ("own_sockets.py", ("writing",), "client lost ConnectionDone b'all'"),
    ("own_sockets.py", ("writing", "unix"), "client lost ConnectionDone b'all'"),
    ("own_sockets.py", ("written",), "client lost ConnectionDone b'all'"),
    ("own_sockets.py", ("written", "unix"), "client lost ConnectionDone b'all'"),
    ("own_sockets.py", ("slow", "unix"), "send 1"),
    ("own_sockets.py", ("listening",), "accept True"),
    ("own_sockets.py", ("listening", "unix"), "accept"),
    ("parked_greenlet.py", (), "b'from the greenlet'"),
    ("producers.py", (), "paused True resumed True"),
    ("producers.py", ("unix",), "paused True resumed True"),
    ("random_drops.py", ("10000",), "connectionLost calls [1]"),
    ("random_drops.py", ("10000", "unix"), "connectionLost calls [1]"),
    ("reactor_in_thread.py", (), "KeyboardInterrupt in the main thread"),
    ("replaced_in_defer.py", (), "_gotResultInlineCallbacks was called"),
    ("reset_mid_write.py", (), "lost ConnectionLost"),
    ("reset_mid_write.py", ("unix",), "lost ConnectionLost"),
    ("reset_while_paused.py", (), "lost ConnectionLost"),
    ("reset_while_paused_and_writing.py", (), "lost ConnectionLost"),
    ("run_twice.py", (), "ReactorNotRestartable"),
    ("signal_storm.py", ("own",), "handled True True"),
    ("signal_storm.py", ("twisted",), "handled True True"),
    ("signals.py", ("own", "SIGINT"), "stopped [2] None"),
    ("signals.py", ("twisted", "SIGINT"), "stopped [] 2"),
    ("signals.py", ("twisted", "SIGTERM"), "stopped [] 15"),
    ("signals_while_asleep.py", (), "timed call\nread b'line\\n'"),
    ("start_tls.py", (), "client lost ConnectionDone"),
    ("start_tls.py", ("unix",), "server lost ConnectionDone"),
    ("stopped_and_continued.py", (), "read b'done\\n'"),
    ("stop_listening_in_build_protocol.py", (), "b'hello'"),
    ("timers.py", (), "AlreadyCancelled"),
    ("udp_audit.py", (), "logged PermissionError socket.sendto"),
    ("udp_errors.py", (), "InvalidAddressError"),
    ("udp_fork.py", (), "b'9'"),
    ("udp_refused_between.py", (), "refused 2"),
    ("udp_ports.py", (), "right answers 600"),
    *(
        ("unix_connected.py", arguments, "received  0")
        for arguments in (
            ("change_socket",),
            ("cut_shorter",),
            ("cut_to_nothing",),
            ("iterate",),
            ("nothing",),
            ("nothing", "throughput"),
            ("raise_again",),
            ("raise_error",),
            ("raise_interrupt",),
            ("raise_interrupted",),
            ("raise_refused",),
            ("read_again",),
            ("read_up_to_a_float",),
            ("read_without_end",),
            ("second_port",),
            ("shut_socket",),
            ("stop_and_start_reading",),
            ("stop_listening",),
            ("take_longer",),
            ("udp_refused",),
        )
    ),
    ("unix_connected.py", ("connect_elsewhere",), "connected 1"),
    ("unix_connected.py", ("lose_peer",), "logged ConnectionResetError"),
    ("unix_connected.py", ("raise_nothing",), "logged IndexError"),
    ("unix_connected.py", ("raise_pipe",), "logged BrokenPipeError"),
    ("unix_connected.py", ("raise_refused_twice",), "logged ZeroDivisionError"),
    ("unix_connected.py", ("raise_words",), "logged OSError"),
    ("unix_connected.py", ("read_up_to_nothing",), "logged TypeError"),
    ("unix_connected.py", ("replace_method",), "replaced b'7'"),
    ("unix_connected.py", ("switch_protocol",), "other received b'7'"),
    ("unix_connected.py", ("take_itself",), "took b'4'"),
    ("unix_datagrams.py", (), "from b'\\x00pyreactor PID'"),
    ("unix_descriptors.py", ("unix",), "overrunning lost FileDescriptorOverrun"),
    ("unix_ports.py", (), "Cannot acquire lock"),
    ("write_wrong_types.py", (), "TypeError Data must be bytes"),
    *(
        ("udp_batches.py", arguments, "done with 7")
        for arguments in (
            ("connect",),
            ("cut_shorter",),
            ("iterate",),
            ("iterate", "throughput"),
            ("iterate_and_wait",),
            ("iterate_while_stopped",),
            ("nothing",),
            ("nothing", "throughput"),
            ("pause",),
            ("raise_error",),
            ("raise_exit",),
            ("read_again",),
            ("read_up_to_a_float",),
            ("read_without_end",),
            ("second_port",),
            ("send_to_itself",),
            ("stop_and_start_reading",),
            ("stop_listening",),
            ("take_longer",),
        )
    ),
    ("udp_batches.py", ("lose_at_once",), "done with 3"),
    ("udp_batches.py", ("replace_method",), "replaced b'7'"),
    ("udp_batches.py", ("switch_protocol",), "other received b'7'"),
]


@each_of(CASES)
def test_same_on_both(program: str, arguments: tuple[str, ...], point: str) -> None:
    check_same_on_both(program, arguments, point)


STRICT = [
    ("abort_in_data_received.py", ()),
    ("call_from_threads.py", ()),
    ("callbacks_that_raise.py", ()),
    ("calls_made_by_a_flush.py", ()),
    ("fork_in_an_event.py", ()),
    ("half_close.py", ()),
    ("producers.py", ()),
    ("reactor_in_thread.py", ()),
    ("reset_while_paused_and_writing.py", ()),
    ("signals.py", ("twisted", "SIGINT")),
    ("start_tls.py", ()),
    ("timers.py", ()),
]


@pytest.mark.parametrize(
    ("program", "arguments"), STRICT, ids=[program for program, arguments in STRICT]
)
def test_same_in_development_mode(program: str, arguments: tuple[str, ...]) -> None:
    """
    With all of Python's own checks, and warnings as errors.

    What stock leaves to the garbage collector at the end, and is warned of, may be less here.
    """
    strict = ("-X", "dev", "-W", "error")
    stock = outcome(python(PROGRAMS / program, *arguments, runner=(*strict, *STOCK)))
    ours = outcome(python(PROGRAMS / program, *arguments, runner=(*strict, *PYREACTOR)))
    assert ours[0] == stock[0]
    assert ours[1] == todays_words(stock[1])

    def warnings(errors: str) -> set[str]:
        lines = [line for line in errors.splitlines() if "Warning" in line or "ignored" in line]
        return {re.sub(r"\d+", "N", line) for line in lines}

    assert warnings(ours[2]) <= warnings(stock[2])


def lines_of(program: str) -> list[str]:
    """What `program`, which must succeed silently, prints on pyreactor."""
    code, output, errors = outcome(python(PROGRAMS / program, runner=PYREACTOR))
    assert (code, errors) == (0, "")
    return output.splitlines()


def test_a_descriptor_closed_behind_the_reactors_back() -> None:
    """Stock raises on removing it, and never polls what takes its number over."""
    assert lines_of("closed_behind_the_back.py") == [
        "one read b'1'",
        "one is a reader: False",
        "number reused: True",
        "two read b'2'",
        "two lost ConnectionDone",
        "server received b'data'",
        "file descriptor cannot be a negative integer (-1)",
        "server lost ConnectionLost",
    ]


def test_a_fork_leaves_both_processes_a_loop() -> None:
    """Stock's child shares the parent's epoll, and breaks on it."""
    assert lines_of("fork_and_go_on.py") == [
        "child received b'ping'",
        "parent received b'ping'",
        "child exited with 0",
    ]


def test_a_udp_port_that_loses_its_socket_when_it_looks_whether_it_is_connected() -> None:
    """Stock looks in another order, when the socket does not matter any more."""
    assert lines_of("udp_socket_taken_away.py") == [
        "doRead AttributeError True",
        "write AttributeError True",
    ]


def test_a_udp_port_whose_socket_was_closed_by_a_handler() -> None:
    """What it had received is dropped, and what took the number over is left alone.

    Stock fails to remove the port from its epoll, again and again.
    """
    code, output, errors = outcome(
        python(PROGRAMS / "udp_batches.py", "close_and_reuse", runner=PYREACTOR)
    )
    lines = output.splitlines()
    assert (code, errors.count("Bad file descriptor")) == (0, 1)
    assert [line for line in lines if line.startswith("done")] == [
        f"done with {i}" for i in range(4)
    ]
    assert lines[-4:] == [
        "done with 3",
        "logged OSError [Errno 9] Bad file descriptor | {log_text}",
        "connected 0 reading False",
        "left alone b'not for the port'",
    ]
