"""A garbage collection where one is least expected: at an allocation that may begin one."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any


class Finalized:
    """What calls a function as the collector finds it."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act
        self.itself = self

    def __del__(self) -> None:
        self.act()


@contextlib.contextmanager
def finalizer_at_allocation(number: int, act: Callable[[], Any]) -> Iterator[None]:
    """
    Have a function called by the collector inside the block: on CPython 3.10 and 3.11 at that
    allocation (from 0) of those that may collect, later in the bytecode after it; at the end of the
    block, at last.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.disable()
    Finalized(act)
    junk = [([], {}) for _ in range(300)]  # type: ignore[var-annotated]  # none is left that was freed
    gc.set_threshold(gc.get_count()[0] + number)
    gc.enable()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.collect()
        del junk
