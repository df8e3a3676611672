"""
Unchanged Twisted programs on asyncio: the same on stock's asyncioreactor and on pyreactor's.

Those of tests/programs and the examples, each of which finds asyncioreactor installed, and
programs of their own for what the two event loops have to do with each other.
"""

from __future__ import annotations

import pytest

from tests.both import check_same_on_both, each_of
from tests.support import CHECKOUT
from tests.system.test_examples import EXAMPLES, FILES, NOT_ALONE
from tests.system.test_reactor_programs import CASES

ON_ASYNCIO = CHECKOUT / "tests" / "on_asyncio.py"
LOOPS = {"asyncio": (ON_ASYNCIO,), "uvloop": (ON_ASYNCIO, "--uvloop")}

OWN = [
    ("asyncio_beside.py", (), "reactor stopped False False"),
    ("asyncio_forked_servers.py", (), "the parent heard 16"),
    ("asyncio_life.py", (), "the third one's"),
    ("asyncio_order.py", (), "['soon 1', 'soon 2', 'later 1', 'later 2']"),
    ("asyncio_variables.py", (), "server received b'hello' server 0++"),
]


@each_of(OWN)
@pytest.mark.parametrize("loop", LOOPS)
def test_programs_of_asyncio(
    program: str, arguments: tuple[str, ...], point: str, loop: str
) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
        if program in {
            "asyncio_order.py",  # uvloop calls what is called soon after timers, or before
            "asyncio_life.py",  # once stopped, it may stop at once when it runs again
        }:
            return
    check_same_on_both(program, arguments, point, LOOPS[loop])


DIFFERENT = {
    # Raises at once, as on other reactors, where asyncio's loses the error.
    "call_from_threads.py",
    # Has no frame of asyncioreactor's callLater in what debug mode tells.
    "delayed_call_repr.py",
    # Raises in a handler, below which there is no frame of the framing.
    "line_receiver_nested_iterate.py",
    # Has one file under 20,000 numbers; see test_guest.py.
    "many_readers_and_a_timer.py",
    # Iterates once for what comes, where asyncio's iterates for the whole time.
    "stopped_and_continued.py",
    # Shows the methods of the epoll reactor.
    "methods.py",
}
# Many variants of one program, which differ in the ports and not in the loop: these are enough.
VARIANTS = {
    "udp_batches.py": {("nothing",), ("raise_error",), ("stop_listening",), ("pause",)},
    "unix_connected.py": {("nothing",), ("raise_pipe",), ("lose_peer",), ("raise_again",)},
}
SAME = [
    (program, arguments, "")
    for program, arguments, _ in CASES
    if program not in DIFFERENT and arguments in VARIANTS.get(program, {arguments})
]


@each_of(SAME)
def test_programs_of_the_reactor(program: str, arguments: tuple[str, ...], point: str) -> None:
    check_same_on_both(program, arguments, point, LOOPS["asyncio"])


ON_UVLOOP = {
    "abort_in_data_received.py",
    "callbacks_that_raise.py",
    "continuous_polling.py",
    "fork_in_an_event.py",
    "half_close.py",
    "producers.py",
    "reset_while_paused_and_writing.py",
    "signals.py",
    "start_tls.py",
    "timers.py",
    "udp_ports.py",
    "unix_descriptors.py",
}


@each_of([case for case in SAME if case[0] in ON_UVLOOP])
def test_programs_of_the_reactor_on_uvloop(
    program: str, arguments: tuple[str, ...], point: str
) -> None:
    pytest.importorskip("uvloop")
    check_same_on_both(program, arguments, point, LOOPS["uvloop"])


# Of those that install a reactor themselves, or are no programs, there is nothing to see here.
ALONE = [
    path
    for path in FILES
    if path.suffix == ".py"
    and str(path.relative_to(EXAMPLES))
    not in {
        *NOT_ALONE,
        "reactor/choose_epoll.py",
    }
]


@pytest.mark.parametrize("example", ALONE, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_examples(example: object) -> None:
    check_same_on_both(str(example), (), "", LOOPS["asyncio"])
