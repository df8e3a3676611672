"""
Random programs: what they are made of, by hypothesis or by plain chance.

Hypothesis makes what fails small; plain chance makes ten programs in the time of one.  So a test of
random programs has the first ones from hypothesis, and the many of a long run by plain chance.
Those are the same each time, too; PYREACTOR_SEED in the environment, a number, gives others.
"""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from hypothesis import strategies
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")
R = TypeVar("R")

SEED = int(os.environ.get("PYREACTOR_SEED", "0"))
#: Processes that share the many programs of a test.
SHARES = 4


class Chooser(Protocol):
    """Where choices come from: hypothesis, a fuzzer, or plain chance."""

    def integer(self, low: int, high: int) -> int: ...

    def data(self, limit: int) -> bytes: ...


class Drawn:
    """Choices drawn by hypothesis."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw

    def integer(self, low: int, high: int) -> int:
        return int(self.draw(strategies.integers(low, high)))

    def data(self, limit: int) -> bytes:
        return bytes(self.draw(strategies.binary(max_size=limit)))


class Chance:
    """Choices by plain chance, which are those of a number."""

    def __init__(self, number: int) -> None:
        self._random = random.Random(f"{SEED} {number}")

    def integer(self, low: int, high: int) -> int:
        # As quick as it goes, and even enough.
        return low + int(self._random.random() * (high - low + 1))

    def data(self, limit: int) -> bytes:
        return self._random.randbytes(min(self.integer(0, limit), self.integer(0, limit)))


def pick(choose: Chooser, options: Sequence[T]) -> T:
    """One of the options."""
    return options[choose.integer(0, len(options) - 1)]


# ---- what can be drawn, by the names of hypothesis' strategies ----


class Choice(Generic[T]):
    """A kind of value: how one is made of a chooser's choices, and hypothesis' strategy for it."""

    def __init__(
        self, make: Callable[[Chooser], T], strategy: SearchStrategy[T] | None = None
    ) -> None:
        self.make = make
        self._strategy = strategy
        #: Those that one is picked of.
        self.among: tuple[Choice[Any], ...] = (self,)

    @property
    def strategy(self) -> SearchStrategy[T]:
        """For ``given``."""
        if self._strategy is None:
            self._strategy = strategies.composite(lambda draw: self.make(Drawn(draw)))()
        return self._strategy

    def __or__(self, other: Choice[R]) -> Choice[T | R]:
        return one_of(*self.among, *other.among)

    def map(self, function: Callable[[T], R]) -> Choice[R]:
        return Choice(
            lambda choose: function(self.make(choose)),
            self.strategy.map(function),
        )


def just(value: T) -> Choice[T]:
    return Choice(lambda choose: value, strategies.just(value))


def none() -> Choice[None]:
    return just(None)


def integers(low: int, high: int) -> Choice[int]:
    return Choice(lambda choose: choose.integer(low, high), strategies.integers(low, high))


def booleans() -> Choice[bool]:
    return Choice(lambda choose: choose.integer(0, 1) == 1, strategies.booleans())


def sampled_from(options: Sequence[T]) -> Choice[T]:
    return Choice(lambda choose: pick(choose, options), strategies.sampled_from(options))


def one_of(*choices: Choice[Any]) -> Choice[Any]:
    made: Choice[Any] = Choice(
        lambda choose: pick(choose, choices).make(choose),
        strategies.one_of(*[each.strategy for each in choices]),
    )
    made.among = choices
    return made


def tuples(*choices: Choice[Any]) -> Choice[tuple[Any, ...]]:
    return Choice(
        lambda choose: tuple([each.make(choose) for each in choices]),
        strategies.tuples(*[each.strategy for each in choices]),
    )


def lists(each: Choice[T], *, min_size: int = 0, max_size: int) -> Choice[list[T]]:
    """Short ones more often than long ones."""

    def make(choose: Chooser) -> list[T]:
        size = min(choose.integer(min_size, max_size), choose.integer(min_size, max_size))
        return [each.make(choose) for _ in range(size)]

    return Choice(make, strategies.lists(each.strategy, min_size=min_size, max_size=max_size))


def text(letters: str, *, max_size: int) -> Choice[str]:
    made = lists(sampled_from(letters), max_size=max_size).map("".join)
    return Choice(made.make, strategies.text(letters, max_size=max_size))


def composite(function: Callable[..., T]) -> Callable[..., Choice[T]]:
    """A decorator: what a function makes whose first argument draws values of choices."""

    @functools.wraps(function)
    def made(*arguments: Any) -> Choice[T]:
        return Choice(
            lambda choose: function(lambda each: each.make(choose), *arguments),
            strategies.composite(
                lambda draw: function(lambda each: draw(each.strategy), *arguments)
            )(),
        )

    return made


# ---- programs ----


def many(choice: Choice[T], count: int, check: Callable[[T], object], share: int) -> None:
    """
    Check values that plain chance makes: this share, below SHARES, of so many.

    @raise AssertionError: a value fails; the message has its number, and the value.
    """
    for number in range(share, count, SHARES):
        value = choice.make(Chance(number))
        try:
            check(value)
        except Exception as error:
            raise AssertionError(f"number {number} of seed {SEED}: {value!r}") from error
