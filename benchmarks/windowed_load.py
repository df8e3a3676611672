"""
Windowed uploads: ``windowed_load.py PID HOST PORT MODE WINDOW SIZE BLOCKS [nodelay]``.

Sends BLOCKS blocks of SIZE bytes, never more than WINDOW of them unacknowledged.  With MODE
"slide" each acknowledgement lets the next block go; with "batch" a whole window goes once the one
before it is acknowledged.  A blocking socket; PID is the server.  A shorter upload on another
connection comes first and is not counted.  Prints one JSON object; wrong acknowledgements end it.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path

ACKNOWLEDGEMENT = 16
"""Its size in bytes."""


def upload(skt: socket.socket, mode: str, window: int, block: bytes, blocks: int) -> bytes:
    """Send the blocks; all the acknowledgements."""
    answer = bytearray()
    sent = acknowledged = 0
    while acknowledged < blocks:
        if mode == "slide" or acknowledged == sent:
            while sent < min(acknowledged + window, blocks):
                skt.sendall(block)
                sent += 1
        data = skt.recv(65536)
        if not data:
            sys.exit("the server closed the connection")
        answer += data
        acknowledged = len(answer) // ACKNOWLEDGEMENT
    return bytes(answer)


def time_of(pid: int) -> float:
    """Seconds that the main thread of a process has run."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def measure(
    pid: int, address: tuple[str, int], mode: str, window: int, size: int, blocks: int
) -> dict[str, float]:
    """Upload over a new connection, and check every acknowledgement; what it took."""
    block = bytes(size)
    with socket.create_connection(address, timeout=20) as skt:
        if "nodelay" in sys.argv:
            skt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began, cpu, server = time.perf_counter(), time.process_time(), time_of(pid)
        answer = upload(skt, mode, window, block, blocks)
        passed = time.perf_counter() - began
        used, server = time.process_time() - cpu, time_of(pid) - server
    if answer != b"".join(b"%016d" % number for number in range(blocks)):
        sys.exit("acknowledgements that differ")
    return {
        "seconds": passed,
        "load_cpu": used / passed,
        "server_cpu_us_per_block": 1e6 * server / blocks,
    }


def main() -> None:
    """The command line."""
    pid, host, port, mode = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    window, size, blocks = map(int, sys.argv[5:8])
    # A block at least, a fifth at most: the server's first steps are slower than the others.
    measure(pid, (host, port), mode, window, size, max(blocks // 5, 1))
    print(json.dumps(measure(pid, (host, port), mode, window, size, blocks)))


main()
