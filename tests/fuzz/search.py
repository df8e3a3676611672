"""A search among inputs, guided by the edges of the C code that they take."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable
from typing import Any

#: Bytes that follow those of a changed input: so that it is seldom too short for a program.
TAIL = 400
#: One input in so many is made of nothing but chance.
FRESH = 10
MOST_EDGES = 1 << 16


class Edges:
    """What edges.c counts; nothing, where it is not loaded."""

    def __init__(self) -> None:
        self.library: Any = ctypes.CDLL(None)
        self.there = hasattr(self.library, "edges_begin")
        self._taken = (ctypes.c_uint32 * MOST_EDGES)()

    def begin(self) -> None:
        if self.there:
            self.library.edges_begin()

    def news(self) -> int:
        """How much the last run had that none before it had."""
        return int(self.library.edges_news()) if self.there else 0

    def taken(self) -> frozenset[int]:
        """The edges of the last run, each with how often it was taken, roughly."""
        if not self.there:
            return frozenset()
        count = min(self.library.edges_taken(self._taken, MOST_EDGES), MOST_EDGES)
        return frozenset(self._taken[:count])


def changed(rand: random.Random, data: bytes, other: bytes) -> bytes:
    """An input that is like the first, with a little of the second."""
    made = bytearray(data)
    for _ in range(1 << rand.randrange(4)):
        at = rand.randrange(len(made) + 1)
        end = min(len(made), at + rand.randrange(1, 17))
        kind = rand.randrange(7)
        if kind == 0 and at < len(made):
            made[at] ^= 1 << rand.randrange(8)
        elif kind == 1 and at < len(made):
            made[at] = rand.choice((0, 1, 2, 127, 128, 255, rand.randrange(256)))
        elif kind == 2:
            made[at:at] = rand.randbytes(end - at)
        elif kind == 3:
            del made[at:end]
        elif kind == 4:
            made[at:at] = made[at:end]
        elif kind == 5 and other:
            start = rand.randrange(len(other))
            made[at:end] = other[start : start + rand.randrange(1, 65)]
        elif other:
            made[at:] = other[rand.randrange(len(other)) :]
    return bytes(made)


class Search:
    """One target's inputs, of which those are kept that took an edge no other took."""

    def __init__(
        self,
        run: Callable[[bytes], bytes | None],
        edges: Edges,
        rand: random.Random,
        kept: list[bytes],
    ) -> None:
        self.run, self.edges, self.random = run, edges, rand
        self.waiting = list(kept)  # from earlier searches, to be run first
        self.inputs: list[bytes] = []
        self.runs = self.news = 0

    def next(self) -> bytes:
        """The next input to run."""
        rand = self.random
        if self.waiting:
            return self.waiting.pop()
        if not self.inputs or rand.randrange(FRESH) == 0:
            return rand.randbytes(rand.randrange(1, 2 * TAIL))
        # Rather one that was found late: what is around it is less known.
        chosen = self.inputs[int(len(self.inputs) * rand.random() ** 0.5)]
        return changed(rand, chosen, rand.choice(self.inputs)) + rand.randbytes(TAIL)

    def one(self, data: bytes) -> None:
        """Run an input; what it raises is a finding."""
        self.runs += 1
        self.edges.begin()
        used = self.run(data)
        news = self.edges.news()
        if used is not None and (news or not self.edges.there):
            self.news += news
            self.inputs.append(used)


def smallest(
    run: Callable[[bytes], bytes | None], edges: Edges, inputs: list[bytes]
) -> list[bytes]:
    """
    Few and short inputs that take all the edges which these take each time.

    What is taken in one of two runs only depends on what the interpreter keeps.
    """
    taken: dict[bytes, frozenset[int]] = {}
    for data in inputs:
        found = []
        for _ in range(2):
            edges.begin()
            used = run(data)
            found.append(edges.taken())
        if used is not None:
            taken[used] = found[0] & found[1]
    chosen: list[bytes] = []
    covered: set[int] = set()
    while taken:
        best = max(taken, key=lambda data: (len(taken[data] - covered) / (20 + len(data)), data))
        if not taken[best] - covered:
            break
        covered |= taken.pop(best)
        chosen.append(best)
    return chosen
