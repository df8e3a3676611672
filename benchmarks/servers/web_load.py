"""
Sends one request again and again over kept connections, each when the answer before it is whole.

Arguments: target, process to look at, connections, requests, which request, and how many more to
send before (0: a tenth).  Prints JSON: the CPU time of that process for each request, in seconds,
the rate, and the share of the time that this load was at work.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
from pathlib import Path

HOST = b"Host: localhost:8080\r\nUser-Agent: load\r\nAccept: */*\r\n"
MANY = HOST + b"".join(b"X-Header-%d: the value of number %d\r\n" % (n, n) for n in range(17))
FORM = b"name=Jane+Doe&mail=jane%40example.org&age=41&text=some+words"


def post(kind: bytes, body: bytes) -> bytes:
    """The request that posts this."""
    length = b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
    return b"POST /page HTTP/1.1\r\n" + HOST + length + body


REQUESTS = {
    "hello": b"GET /page HTTP/1.1\r\n" + HOST + b"\r\n",
    "headers": b"GET /page HTTP/1.1\r\n" + MANY + b"\r\n",
    "form": post(b"application/x-www-form-urlencoded", FORM),
    "post": post(b"application/octet-stream", b"x" * 10240),
    "small": b"GET /files/small HTTP/1.1\r\n" + HOST + b"\r\n",
    "large": b"GET /files/large HTTP/1.1\r\n" + HOST + b"\r\n",
    "klein": b"GET /klein/hello HTTP/1.1\r\n" + HOST + b"\r\n",
    "json": b"GET /klein/json/7 HTTP/1.1\r\n" + HOST + b"\r\n",
}


class Connection:
    """One connection, and how much of an answer is still to come."""

    def __init__(self, host: str, port: int, request: bytes) -> None:
        self.socket = socket.create_connection((host, port))
        self.request = request
        self.head = b""
        self.left: int | None = None

    def ask(self) -> None:
        """Send the request."""
        self.socket.sendall(self.request)

    def receive(self) -> bool:
        """Take what came.  Whether an answer is whole."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise SystemExit("the server closed a connection")
        if self.left is None:
            self.head += data
            head, end, body = self.head.partition(b"\r\n\r\n")
            if not end:
                return False
            if not head.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"a strange answer: {head[:200]!r}")
            length = re.search(rb"(?i)\r\nContent-Length: (\d+)", head)
            if length is None:
                return self.chunks(head, body)
            self.left, data, self.head = int(length[1]), body, b""
        self.left -= len(data)
        if self.left < 0:
            raise SystemExit("an answer is too long")
        whole = self.left == 0
        if whole:
            self.left = None
        return whole

    def chunks(self, head: bytes, body: bytes) -> bool:
        """Whether a short answer in chunks, whose bytes are no such end, is whole."""
        if b"\r\nTransfer-Encoding: chunked" not in head:
            raise SystemExit(f"a strange answer: {head[:200]!r}")
        whole = body.endswith(b"\r\n0\r\n\r\n")
        if whole:
            self.head = b""
        return whole


def exchange(connections: list[Connection], count: int) -> None:
    """So many requests, answered."""
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        asked = done = 0
        for connection in connections[:count]:
            connection.ask()
            asked += 1
        while done < count:
            # All that came, and only then all that is asked next: the server finds several
            # requests at once, as it would from a load that is quicker than this one.  If each
            # answer were followed by the next request at once, a server that takes less time
            # than this load would sleep, and be woken up, for each of them.
            ready = selector.select()
            answered = [key.data for key, _ in ready if key.data.receive()]
            done += len(answered)
            for connection in answered[: count - asked]:
                connection.ask()
            asked += min(len(answered), count - asked)


def cpu_seconds(pid: str) -> float:
    """How long the main thread of a process has run."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def main(
    target: str, pid: str, connections: str, requests: str, name: str, warm_up: str = "0"
) -> None:
    """Warm up, and measure."""
    host, _, port = target.rpartition(":")
    made = [Connection(host, int(port), REQUESTS[name]) for _ in range(int(connections))]
    count = int(requests)
    exchange(made, int(warm_up) or max(count // 10, 1))
    before, used, began = cpu_seconds(pid), time.process_time(), time.monotonic()
    exchange(made, count)
    after, used, passed = cpu_seconds(pid), time.process_time() - used, time.monotonic() - began
    result = {"cpu": (after - before) / count, "rate": count / passed, "load": used / passed}
    print(json.dumps(result))


main(*sys.argv[1:])
