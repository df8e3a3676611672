"""Each example shows the same on stock Twisted and on pyreactor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import CHECKOUT, PYREACTOR, STOCK, outcome, python

EXAMPLES = CHECKOUT / "examples"
NATIVE = EXAMPLES / "native"  # these are pyreactor's own

FILES = sorted(
    path
    for path in EXAMPLES.rglob("*")
    if path.suffix in (".py", ".tac") and NATIVE not in path.parents
)

# Not to be run by themselves.
MODULES: set[str] = set()

# What there has to be, and the program that shows it.
FEATURES = {
    # The reactor
    "callWhenRunning, run and stop": "reactor/call_when_running.py",
    "epollreactor.install, and a second install": "reactor/choose_epoll.py",
    "the reactor's interfaces": "reactor/interfaces.py",
    "callLater and cancel": "reactor/call_later.py",
    "callLater again and again": "reactor/call_later_again.py",
    "LoopingCall": "reactor/looping_call.py",
    "LoopingCall: interval, errors": "reactor/looping_call_control.py",
    "deferLater": "reactor/defer_later.py",
    "react": "reactor/react.py",
    "errors do not stop the reactor": "reactor/error_in_a_call.py",
    "Ctrl-C": "reactor/stop_by_ctrl_c.py",
    # Deferred
    "callbacks": "deferred/first_callback.py",
    "callback chain": "deferred/callback_chain.py",
    "errors": "deferred/errors.py",
    "addCallbacks and addBoth": "deferred/pairs_of_callbacks.py",
    "a callback returns a Deferred": "deferred/returned_deferred.py",
    "chained Deferreds": "deferred/chain_deferred.py",
    "DeferredList": "deferred/deferred_list.py",
    "gatherResults": "deferred/gather_results.py",
    "inline callbacks": "deferred/inline_callbacks.py",
    "coroutines": "deferred/coroutines.py",
    "cancellation": "deferred/cancellation.py",
    "timeouts": "deferred/timeouts.py",
    "maybeDeferred, succeed and fail": "deferred/maybe_deferred.py",
    "firing twice, debugging": "deferred/fire_twice.py",
    "unhandled errors in the log": "deferred/unhandled_error.py",
    "pause and unpause": "deferred/pause.py",
    # Threads
    "deferToThread": "threads/defer_to_thread.py",
    "callInThread and callFromThread": "threads/call_in_thread.py",
    "blocking work": "threads/hide_blocking_work.py",
    # TCP
    "echo server": "tcp/echo_server.py",
    "echo client": "tcp/echo_client.py",
    "QOTD": "tcp/quote_of_the_day.py",
    "connectionMade and connectionLost": "tcp/visitors.py",
    "chat, a state machine": "tcp/chat.py",
    "startFactory and stopFactory": "tcp/factory_life.py",
    "the transport": "tcp/transport.py",
    "ClientFactory": "tcp/client_factory.py",
    "ReconnectingClientFactory": "tcp/reconnecting_client.py",
    "ClientCreator": "tcp/client_creator.py",
    "endpoints": "tcp/endpoints.py",
    "cancelling a connection": "tcp/cancel_connecting.py",
}


def name(path: Path) -> str:
    return path.relative_to(EXAMPLES).as_posix()


PROGRAMS = [path for path in FILES if path.suffix == ".py" and name(path) not in MODULES]


@pytest.mark.parametrize("program", PROGRAMS, ids=name)
def test_same_output(program: Path, tmp_path: Path) -> None:
    stock = outcome(python(program, runner=STOCK, cwd=tmp_path))
    ours = outcome(python(program, runner=PYREACTOR, cwd=tmp_path))
    assert ours == stock
    code, output, errors = ours
    assert (code, errors) == (0, "")
    assert output.count("\n") >= 2


def test_every_feature_has_its_example() -> None:
    assert sorted(FEATURES.values()) == sorted(map(name, FILES))


def test_the_index_names_every_example() -> None:
    index = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\[(.*?)\]\((.*?)\)", index)
    assert all(text == target for text, target in links)
    assert sorted(target for _, target in links) == sorted([*map(name, FILES), "native/"])


def test_examples_are_unchanged_twisted_programs() -> None:
    for path in FILES:
        assert "pyreactor" not in path.read_text(encoding="utf-8").lower(), name(path)
