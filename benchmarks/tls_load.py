"""
Load for a TLS echo server: ``tls_load.py PID PORT CONNECTIONS SIZE SECONDS WARMUP [MESSAGES]``.

Each connection has one message in flight.  Plain non-blocking sockets of the ssl module, so that
a message costs this process less than a server, whose process is PID.  Prints one JSON object;
wrong bytes end it.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import sys
import time
from pathlib import Path


class Connection:
    """One connection, its message, and how much of the answer has come."""

    def __init__(self, port: int, size: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", port), timeout=20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = context.wrap_socket(plain)
        self.tls.setblocking(False)
        self.message = bytes(i * 7 % 251 for i in range(size))
        self.answer = b""
        self.unsent = b""

    def ask(self) -> None:
        """Send the message anew."""
        self.unsent = self.message
        self.go_on()

    def go_on(self) -> None:
        """Send what the kernel takes."""
        try:
            while self.unsent:
                self.unsent = self.unsent[self.tls.send(self.unsent) :]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass

    def answered(self) -> bool:
        """Take in what has come; whether that completes the answer."""
        try:
            while len(self.answer) < len(self.message):
                data = self.tls.recv(len(self.message) - len(self.answer))
                if not data:
                    sys.exit("the server closed a connection")
                self.answer += data
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        if self.answer != self.message:
            sys.exit("bytes that differ")
        self.answer = b""
        return True


class Load:
    """All connections, and the count of answers."""

    def __init__(self, port: int, connections: int, size: int) -> None:
        self.poll = select.epoll()
        self.by_number = {}
        self.count = 0
        for _ in range(connections):
            connection = Connection(port, size)
            self.by_number[connection.tls.fileno()] = connection
            self.poll.register(connection.tls.fileno(), select.EPOLLIN)
            connection.ask()

    def run(self, seconds: float, messages: float) -> None:
        """Answer and ask for so long, or until so many have come."""
        ends = time.perf_counter() + seconds
        while self.count < messages and time.perf_counter() < ends:
            ready = self.poll.poll(20)
            if not ready:
                sys.exit("no answer for 20 s")
            for number, _ in ready:
                connection = self.by_number[number]
                if connection.unsent:
                    connection.go_on()
                if connection.answered():
                    self.count += 1
                    connection.ask()


def time_of(pid: int) -> float:
    """Seconds that the main thread of a process has run."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def main() -> None:
    """The command line."""
    pid, port, connections, size = map(int, sys.argv[1:5])
    seconds, warmup = map(float, sys.argv[5:7])
    messages = int(sys.argv[7]) if len(sys.argv) > 7 else float("inf")
    load = Load(port, connections, size)
    load.run(warmup, float("inf"))
    load.count = 0
    began, cpu, server = time.perf_counter(), time.process_time(), time_of(pid)
    load.run(seconds, messages)
    passed = time.perf_counter() - began
    used, server = time.process_time() - cpu, time_of(pid) - server
    result = {
        "messages_per_s": load.count / passed,
        "load_cpu": used / passed,
        "server_cpu_us_per_message": 1e6 * server / load.count,
    }
    print(json.dumps(result))


main()
