"""A flood takes one reading of a turn, and who never reads is not written to for ever."""

from __future__ import annotations

import re

import pytest

from tests.both import check_same_on_both
from tests.support import PROGRAMS, PYREACTOR, STOCK, python

READING = 256 * 1024
#: What one piece of the flood, or what TLS has of a record, adds at the most.
PIECE = 16_384
REQUEST = 35  # bytes

#: The most of a flood in one turn, here and on stock.
MOST = {
    "tcp": (READING, 65_536),
    "unix": (READING, 65_536),
    "tls": (READING + PIECE, 65_536 + PIECE),
    "pipe": (READING, 8192),
    # Datagrams, of 1,000 bytes: one batch may be begun.
    "udp": (READING // 1000 + 32, READING // 1000 + 1),
    "web": (READING // REQUEST + 1, 65_536 // REQUEST + 1),
}


def told(kind: str, runner: tuple[str, ...]) -> list[dict[str, int]]:
    """The numbers that the program tells, of each line."""
    result = python(PROGRAMS / "fairness.py", kind, runner=runner)
    assert result.returncode == 0, result.stderr
    found = [re.findall(r"([a-z ]+) (\d+)", line) for line in result.stdout.splitlines()]
    return [{name.strip(): int(number) for name, number in line} for line in found]


@pytest.mark.parametrize("kind", MOST)
def test_a_flood_has_a_bound_in_each_turn(kind: str) -> None:
    for runner, most in zip((PYREACTOR, STOCK), MOST[kind], strict=True):
        (numbers,) = told(kind, runner)
        assert numbers["late"] == 0, (runner, numbers)
        assert 0 < numbers["most"] <= most, (runner, numbers)


@pytest.mark.parametrize("kind", ["deaf", "deaf-unix", "deaf-tls"])
def test_nothing_grows_for_a_peer_that_never_reads(kind: str) -> None:
    for runner in (PYREACTOR, STOCK):
        numbers = told(kind, runner)
        assert len(numbers) == 2
        for line in numbers:
            # 400 times 50,000 were offered: it was paused, with no more than a buffer and a write.
            assert line["held"] <= 65_536 + 2 * 50_000, (runner, line)
            assert 0 < line.get("streaming given", line.get("pulled given", 0)) < 20_000_000


def test_a_chunk_of_many_lines_is_paused_within() -> None:
    check_same_on_both("fairness.py", ("lines",), "lines 100000 most 1000 turns with some 100")
