"""
Milliseconds of a windowed upload: blocks that the server acknowledges, some of them under way.

"slide" sends a block for each acknowledgement, "batch" a window when all of the last one's have
come.  A row is named after the mode, the window, the block, and what is not as usual: TCP_NODELAY
at the server, at the client or at both, and IPv6.  Only the usual rows are done unless ``--rows``
names others.  Run as ``python -m benchmarks.windowed``.
"""

from __future__ import annotations

import argparse
import itertools
import socket
import sys
from dataclasses import dataclass
from functools import partial

from benchmarks import harness
from benchmarks.harness import HERE, Comparison, Sample, Side, Work

SIDES = ("stock", "pyreactor")
AIMS = {"stock": 0.9}
KIB = 1024
MOST_BYTES, MOST_BLOCKS, LEAST_BLOCKS = 8 * KIB * KIB, 2000, 64
NODELAY: dict[str, tuple[str, ...]] = {
    "": (),
    " with nodelay at server": ("server",),
    " with nodelay at client": ("client",),
    " with nodelay at both": ("server", "client"),
}
"""Which ends set TCP_NODELAY."""
HOSTS = {"": "127.0.0.1", " on IPv6": "::1"}


@dataclass(frozen=True)
class Upload:
    """What a row does; ``size`` is the block's, in bytes."""

    mode: str
    window: int
    size: int
    nodelay: tuple[str, ...]
    host: str

    def is_usual(self) -> bool:
        """Whether it is done without being named."""
        return not self.nodelay and self.host == HOSTS[""]

    def blocks(self, share: float) -> int:
        """How many blocks: as many as all limits allow, or a share of them."""
        full = max(min(MOST_BYTES // self.size, MOST_BLOCKS), LEAST_BLOCKS)
        return max(int(full * share), self.window)


UPLOADS = {
    f"{mode} {window} x {kib} KiB{family}{nodelay}": Upload(
        mode, window, kib * KIB, NODELAY[nodelay], HOSTS[family]
    )
    for family, nodelay, mode, kib, window in itertools.product(
        HOSTS, NODELAY, ("slide", "batch"), (1, 8, 32, 64), (1, 4, 16, 64)
    )
}


def works(options: argparse.Namespace) -> list[Work]:
    """The rows asked for."""
    return harness.chosen_works(
        options,
        [
            Work(name, "ms", AIMS, less_is_better=True)
            for name, upload in UPLOADS.items()
            if options.rows != "*" or upload.is_usual()
        ],
    )


def why_not_ipv6() -> str | None:
    """The reason why there is no IPv6 on this machine, or None."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        return f"IPv6: {error}"
    return None


def take(upload: Upload, side: Side, share: float) -> Sample:
    """Milliseconds of an upload."""
    at_server, at_client = (("nodelay",) * (end in upload.nodelay) for end in ("server", "client"))
    program = ["twisted_windowed.py", upload.host, str(upload.size), *at_server]
    with harness.serving(side, program) as server:
        port = server.target.rpartition(":")[2]
        numbers = [upload.window, upload.size, upload.blocks(share)]
        where = [str(server.pid), upload.host, port, upload.mode]
        command = [sys.executable, str(HERE / "windowed_load.py"), *where, *map(str, numbers)]
        # As many blocks as there are at most, each held up for 40 ms, take 100 s.
        result = harness.run_json(
            [*command, *at_client], harness.cores()[1], harness.STOCK_ENV, timeout=120
        )
    return {
        "value": 1000 * result["seconds"],
        "cpu": result["server_cpu_us_per_block"],
        "load": 100 * result["load_cpu"],
    }


def compare(options: argparse.Namespace) -> Comparison:
    """The comparison as asked for."""
    share = harness.scaled(options, 1.0, 0.5, 0.0)
    rows = works(options)
    missing = why_not_ipv6()
    return Comparison(
        "windowed upload",
        rows,
        harness.chosen_sides(options, SIDES),
        lambda work, side: take(UPLOADS[work.name], side, share),
        harness.rounds_of(options),
        options.subject,
        seconds_per_sample=1.0,
        columns={"cpu": "server CPU µs/block", "load": "load CPU %"},
        notes=(
            f"{MOST_BYTES // KIB // KIB} MiB or {MOST_BLOCKS:,} blocks, at least {LEAST_BLOCKS}"
            f"{'' if share == 1.0 else ', or a part of that'}; a ratio over 1 means faster",
        ),
        missing={row.name: missing for row in rows if missing and "IPv6" in row.name},
    )


main = partial(harness.main, compare, __doc__)

if __name__ == "__main__":
    sys.exit(main())
