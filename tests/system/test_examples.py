"""Each example shows the same on stock Twisted and on pyreactor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import postgresql
from tests.support import CHECKOUT, PYREACTOR, STOCK, outcome, python

EXAMPLES = CHECKOUT / "examples"
NATIVE = EXAMPLES / "native"  # these are pyreactor's own

FILES = sorted(
    path
    for path in EXAMPLES.rglob("*")
    if path.suffix in (".py", ".tac") and NATIVE not in path.parents
)

# These need more than to be run; tests/system/test_examples_started.py has some of them.
NOT_ALONE = {
    "calculator/calculation.py",
    "calculator/test_calculation.py",
    "calculator/test_client.py",
    "calculator/test_server.py",
    "database/postgresql.py",
}

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
    "hashing server": "threads/hashing_server.py",
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
    "TLS": "tcp/tls_echo.py",
    "transparent proxy": "tcp/port_forward.py",
    # UDP
    "UDP echo": "udp/echo.py",
    "connected UDP": "udp/connected.py",
    "multicast": "udp/multicast.py",
    "adopted datagram port": "udp/adopted_port.py",
    # Framing
    "messages in a stream": "framing/message_boundaries.py",
    "LineReceiver": "framing/lines.py",
    "LineReceiver in raw mode": "framing/raw_mode.py",
    "Int8StringReceiver, Int16StringReceiver, Int32StringReceiver": "framing/length_prefixes.py",
    "netstrings": "framing/netstrings.py",
    "struct": "framing/struct_basics.py",
    "private length-prefixed protocol": "framing/private_protocol.py",
    # Processes
    "command server that tails a file": "process/command_server.py",
    "spawnProcess": "process/talk_to_a_child.py",
    # Web, names, databases, remote objects
    "Agent and readBody": "web/agent.py",
    "static web server": "web/static_server.py",
    "page fetch with callbacks and errbacks": "web/fetch_page.py",
    "DNS server": "dns/name_server.py",
    "adbapi with SQLite": "database/sqlite.py",
    "adbapi with PostgreSQL": "database/postgresql.py",
    "Perspective Broker root": "pb/remote_calls.py",
    "Perspective Broker: passed references": "pb/passed_references.py",
    "Perspective Broker: errors": "pb/errors.py",
    # The calculator, and its tests by trial
    "what the calculator can do": "calculator/calculation.py",
    "calculator server": "calculator/server.py",
    "calculator client": "calculator/client.py",
    "trial": "calculator/test_calculation.py",
    "trial with StringTransport and task.Clock": "calculator/test_server.py",
    "trial with Deferreds": "calculator/test_client.py",
    # Services and twistd
    "a service": "application/service_life.py",
    "services in services": "application/service_collection.py",
    "TCPClient, UNIXServer, UNIXClient, ClientService": "application/client_service.py",
    ".tac: MultiService, TCPServer, UDPServer, TimerService": "application/echo_services.tac",
    ".tac: web server": "application/web_server.tac",
    ".tac: DNS by TCP and UDP": "application/name_server.tac",
    ".tac: DailyLogFile": "application/daily_log.tac",
    "twistd --logger": "application/log_observer.py",
    # Logs
    "startLogging": "logs/start_logging.py",
    "DailyLogFile": "logs/daily_log_file.py",
    "JSON logging": "logs/structured.py",
}


def name(path: Path) -> str:
    return path.relative_to(EXAMPLES).as_posix()


PROGRAMS = [path for path in FILES if path.suffix == ".py" and name(path) not in NOT_ALONE]


@pytest.mark.parametrize("program", PROGRAMS, ids=name)
def test_same_output(program: Path, tmp_path: Path) -> None:
    stock = outcome(python(program, runner=STOCK, cwd=tmp_path))
    ours = outcome(python(program, runner=PYREACTOR, cwd=tmp_path))
    assert ours == stock
    code, output, errors = ours
    assert (code, errors) == (0, "")
    assert output.count("\n") >= 2


def test_postgresql(tmp_path: Path) -> None:
    binaries = postgresql.programs()
    if binaries is None:
        pytest.skip("PostgreSQL's server is not installed; Debian's package is `postgresql`")
    program = EXAMPLES / "database" / "postgresql.py"
    with postgresql.server(binaries) as database:
        stock = outcome(python(program, database, runner=STOCK, cwd=tmp_path))
        ours = outcome(python(program, database, runner=PYREACTOR, cwd=tmp_path))
    assert ours == stock
    assert (ours[0], ours[2]) == (0, "")
    assert "left: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]" in ours[1]


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
