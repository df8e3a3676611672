"""
Runs one unchanged Twisted program, an echo server, on stock Twisted and on pyreactor, puts the
same load on both, and prints the comparison.
"""

from __future__ import annotations

import os
import select
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

SERVER = Path(__file__).resolve().parent.parent / "examples" / "echo_server.py"
SIDES = {"stock": [], "pyreactor": ["-m", "pyreactor"]}
CONNECTIONS = 10
MESSAGE = b"x" * 1024
SECONDS = 1.0
ROUNDS = 5


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Server:
    """The echo server, in a process of its own, on one core."""

    def __init__(self, runner: list[str], cores: list[int]) -> None:
        self.port = free_port()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYREACTOR")}
        self._process = subprocess.Popen(
            [sys.executable, *runner, str(SERVER), str(self.port)],
            stdout=subprocess.PIPE,
            env=environment,
        )
        os.sched_setaffinity(self._process.pid, cores[:1])
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate()


def load(port: int) -> int:
    """Send messages and await their echo for a while, on some connections at once."""
    poller = select.epoll()
    clients = {}
    for _ in range(CONNECTIONS):
        client = socket.create_connection(("127.0.0.1", port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poller.register(client.fileno(), select.EPOLLIN)
        clients[client.fileno()] = client
    missing = dict.fromkeys(clients, len(MESSAGE))
    for client in clients.values():
        client.sendall(MESSAGE)
    messages = 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for number, _ in poller.poll(1.0):
            missing[number] -= len(clients[number].recv(65536))
            if missing[number] == 0:
                messages += 1
                missing[number] = len(MESSAGE)
                clients[number].sendall(MESSAGE)
    for client in clients.values():
        client.close()
    return messages


def main() -> None:
    cores = sorted(os.sched_getaffinity(0))
    servers = {name: Server(runner, cores) for name, runner in SIDES.items()}
    os.sched_setaffinity(0, cores[-1:])
    rates: dict[str, list[float]] = {name: [] for name in SIDES}
    costs: dict[str, list[float]] = {name: [] for name in SIDES}
    print(f"{SERVER.name}, {CONNECTIONS} connections, {len(MESSAGE)} bytes per message")
    for number in range(1, ROUNDS + 1):
        for name, server in servers.items():
            before = server.cpu_seconds()
            messages = load(server.port)
            rates[name].append(messages / SECONDS)
            costs[name].append((server.cpu_seconds() - before) / messages * 1e6)
            print(
                f"  round {number}, {name:<10} {rates[name][-1]:>9.0f} messages/s, "
                f"server {costs[name][-1]:5.1f} µs of CPU per message",
                flush=True,
            )
    for server in servers.values():
        server.stop()
    rate = {name: statistics.median(values) for name, values in rates.items()}
    cost = {name: statistics.median(values) for name, values in costs.items()}
    print(
        f"medians: pyreactor serves {rate['pyreactor'] / rate['stock']:.2f} times as many "
        f"messages; stock needs {cost['stock'] / cost['pyreactor']:.2f} times as much CPU for each"
    )


if __name__ == "__main__":
    main()
