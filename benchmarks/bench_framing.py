"""
Framing: the C receivers against Twisted's own, without a network.

    python benchmarks/bench_framing.py [--rounds N] [--only TEXT]

Both sides take turns in one process; a row gives the median of the rounds in nanoseconds
per message, the spread between the quartiles, and how many times faster the C side is.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.protocols import basic as stock
from twisted.spread import banana

from pyreactor import basic as fast
from pyreactor._core import StandIn
from pyreactor._framing.members import MODULES, members

Feed = Callable[[], None]


def chunked(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def receiver(base: type, name: str) -> Any:
    """A connected protocol whose callback does nothing."""

    def callback(self: Any, message: Any) -> None:
        pass

    protocol = type("Bench", (base,), {name: callback, "MAX_LENGTH": 1 << 40})()
    protocol.makeConnection(StringTransport())
    return protocol


def feeder(protocol: Any, chunks: list[bytes]) -> Feed:
    def feed() -> None:
        receive = protocol.dataReceived
        for chunk in chunks:
            receive(chunk)

    return feed


def measure(sides: list[Feed], rounds: int, count: int) -> list[list[float]]:
    """Nanoseconds per message of each side, one value a round."""
    times: list[list[float]] = [[] for _ in sides]
    repeats = []
    for side in sides:
        side()
        began = perf_counter_ns()
        side()
        repeats.append(max(1, int(20e6 / max(1, perf_counter_ns() - began))))
    gc.disable()
    for _ in range(rounds):
        for side, repeat, out in zip(sides, repeats, times, strict=True):
            began = perf_counter_ns()
            for _ in range(repeat):
                side()
            out.append((perf_counter_ns() - began) / repeat / count)
    gc.enable()
    return times


def spread(values: list[float]) -> float:
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / statistics.median(values) * 100


def row(title: str, sides: list[Feed], rounds: int, count: int, wanted: str) -> None:
    slow, quick = measure(sides, rounds, count)
    a, b = statistics.median(slow), statistics.median(quick)
    print(
        f"{title:<58} {a:10.1f} ±{spread(slow):3.0f}% {b:9.1f} ±{spread(quick):3.0f}%"
        f" {a / b:7.2f}x  {wanted}",
        flush=True,
    )


def messages(kind: str, size: int, count: int) -> bytes:
    body = (b"abcdefghij" * (size // 10 + 1))[:size]
    prefix = {
        "line": b"",
        "Int8": size.to_bytes(1, "big") if size < 256 else b"",
        "Int16": size.to_bytes(2, "big") if size < 65536 else b"",
        "Int32": size.to_bytes(4, "big"),
        "net": b"%d:" % size,
    }[kind]
    end = {"line": b"\r\n", "net": b","}.get(kind, b"")
    return (prefix + body + end) * count


#: title, class, callback, framing, message size, chunk size, wanted ratio
ROWS = [
    ("LineReceiver", "lineReceived", "line", 20, 1460, "3"),
    ("LineReceiver", "lineReceived", "line", 20, 65536, "8"),
    ("LineReceiver", "lineReceived", "line", 1000, 64, "40"),
    ("LineOnlyReceiver", "lineReceived", "line", 20, 65536, "1.2"),
    ("LineOnlyReceiver", "lineReceived", "line", 20, 1460, ""),
    ("Int32StringReceiver", "stringReceived", "Int32", 20, 65536, "4"),
    ("Int16StringReceiver", "stringReceived", "Int16", 20, 1460, "4"),
    ("Int8StringReceiver", "stringReceived", "Int8", 20, 1460, ""),
    ("NetstringReceiver", "stringReceived", "net", 20, 65536, "20"),
]

BATCH_ROWS = [
    ("LineReceiver", "lineReceived", "BatchLineReceiver", "linesReceived", "line"),
    ("LineOnlyReceiver", "lineReceived", "BatchLineReceiver", "linesReceived", "line"),
    (
        "Int32StringReceiver",
        "stringReceived",
        "BatchInt32StringReceiver",
        "stringsReceived",
        "Int32",
    ),
    ("NetstringReceiver", "stringReceived", "BatchNetstringReceiver", "stringsReceived", "net"),
]


def against_stock(rounds: int, only: str) -> None:
    for name, callback, kind, size, chunk, wanted in ROWS:
        title = f"{name}, {size} bytes, {chunk}-byte chunks"
        if only not in title:
            continue
        count = 3000 if size < 100 else 50  # small enough to stay in the caches
        chunks = chunked(messages(kind, size, count), chunk)
        sides = [
            feeder(receiver(getattr(module, name), callback), chunks) for module in (stock, fast)
        ]
        row(title, sides, rounds, count, wanted)


def twisted_rows(rounds: int, only: str) -> None:
    """The same work as the line tests in Twisted's own benchmarks folder."""
    for name in ("LineReceiver", "LineOnlyReceiver"):
        for size in (16, 64, 256, 1024):
            title = f"Twisted's {name} test, {size}-byte chunks"
            if only not in title:
                continue
            data = ((b"abcde" * 10) + b"\r\n") * 1000

            def deliver(protocol: Any, data: bytes = data, size: int = size) -> None:
                i = 0
                while i < len(data):
                    protocol.dataReceived(data[i : i + size])
                    i += size

            protocols = [receiver(getattr(m, name), "lineReceived") for m in (stock, fast)]
            sides = [lambda p=p, d=deliver: d(p) for p in protocols]
            row(title, sides, rounds, 1000, "2")


#: title, what a call of Perspective Broker, or another use of Banana, sends
EXPRESSIONS: list[tuple[str, Any]] = [
    (
        "a PB call",
        (
            b"message",
            17,
            b"root",
            b"sum",
            1,
            [b"tuple", 17, 1, [b"unicode", b"sum"]],
            [b"dictionary"],
        ),
    ),
    ("a PB answer", (b"answer", 17, 18)),
    ("20 strings of 1000 bytes", [b"x" * 1000] * 20),
    ("100 floats", [1.5] * 100),
]


def banana_rows(rounds: int, only: str) -> None:
    """Messages of Perspective Broker: received, 1460 bytes at a time, and sent."""
    quick = type("Banana", (banana.Banana,), members(banana.Banana))
    for name, expression in EXPRESSIONS:
        sides = []
        for base in (banana.Banana, quick):
            protocol = receiver(base, "expressionReceived")
            protocol.currentDialect = b"pb"
            sides.append(protocol)
        sides[0].transport.clear()
        sides[0].sendEncoded(expression)
        data = sides[0].transport.value()
        count = 20
        title = f"Banana receives {name}"
        if only in title:
            chunks = chunked(data * count, 1460)
            row(title, [feeder(side, chunks) for side in sides], rounds, count, "3")
        title = f"Banana sends {name}"
        if only in title:
            feeds = [sender(side, expression, count) for side in sides]
            row(title, feeds, rounds, count, "3")


def sender(protocol: Any, expression: Any, count: int) -> Feed:
    class Nowhere:
        def write(self, data: bytes) -> None:
            pass

    protocol.transport = Nowhere()

    def send() -> None:
        for _ in range(count):
            protocol.sendEncoded(expression)

    return send


def batches(rounds: int, only: str) -> None:
    for name, callback, batch, batch_callback, kind in BATCH_ROWS:
        title = f"{batch} against C {name}"
        if only not in title:
            continue
        count = 3000
        chunks = chunked(messages(kind, 20, count), 65536)
        sides = [
            feeder(receiver(getattr(fast, name), callback), chunks),
            feeder(receiver(getattr(fast, batch), batch_callback), chunks),
        ]
        row(title, sides, rounds, count, "2.5")


def one_message(name: str, kind: str, size: int) -> tuple[Feed, int]:
    """
    Messages of `size` bytes in 1460-byte chunks, one MiB of them or a single one.

    All chunks but the ends of a large message are one object: received data is hot.
    """
    callback = "lineReceived" if kind == "line" else "stringReceived"
    protocol = receiver(getattr(fast, name), callback)
    whole = messages(kind, size, max(1, (1 << 20) // size))
    chunks = chunked(whole, 1460)
    if size >= 1 << 20:
        chunks = [chunks[0], *[chunks[1]] * (len(chunks) - 2), chunks[-1]]
    return feeder(protocol, chunks), len(whole)


def per_byte(rounds: int, only: str) -> None:
    """The cost per byte of one message, whatever its size."""
    for name, kind in (
        ("LineReceiver", "line"),
        ("LineOnlyReceiver", "line"),
        ("Int32StringReceiver", "Int32"),
        ("NetstringReceiver", "net"),
    ):
        if only not in f"{name} per byte":
            continue
        costs = []
        for exponent in range(10, 27, 2):
            feed, size = one_message(name, kind, 1 << exponent)
            [times] = measure([feed], max(3, rounds // 3), size)
            costs.append(statistics.median(times))
        text = " ".join(f"{cost * 1000:.0f}" for cost in costs)
        factor = max(costs) / min(costs)
        print(f"{name}, ps per byte, 1 KiB..64 MiB: {text}  max/min {factor:.2f}  (at most 2)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", help="only rows with this text")
    options = parser.parse_args()
    for module, names in MODULES.items():
        classes = [getattr(sys.modules[module], name) for name in names]
        if any(isinstance(vars(each)["dataReceived"], StandIn) for each in classes):
            raise SystemExit("the drop-in is active here: run this with PYREACTOR=0")
    print(f"{'ns per message':<58} {'stock':>16} {'pyreactor':>15} {'ratio':>8}  at least")
    against_stock(options.rounds, options.only)
    twisted_rows(options.rounds, options.only)
    banana_rows(options.rounds, options.only)
    print(f"{'':<58} {'one by one':>16} {'batch':>15}")
    batches(options.rounds, options.only)
    per_byte(options.rounds, options.only)


if __name__ == "__main__":
    main()
