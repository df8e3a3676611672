"""What a reactor has done: as a dict, and as text."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice
from types import CodeType
from typing import Any

from pyreactor import _core
from pyreactor._watch import words

BOUNDS = (0.0001, 0.001, 0.01, 0.1, 1.0)
"""Upper bounds, in seconds, of the classes of times but the last; as csrc/loop/statistics.h."""

_TIMES = 3 + len(BOUNDS) + 1
"""How many numbers tell of times: how many, nanoseconds in all and the longest, each class."""

TRANSPORTS = ("TCP", "UNIX", "pipe", "UDP", "UNIX datagram")
KINDS = {
    words.EVENT: "event",
    words.TIMED_CALL: "timed call",
    words.THREAD_CALL: "call from a thread",
    words.SHUTDOWN: "shutdown",
}
COSTLIEST = 10

Snapshot = dict[str, Any]


def snapshot(loop: _core.Loop) -> Snapshot:
    """What a loop has done; it is counted from now on, if it was not before."""
    found = loop.statistics()
    if found is None:
        loop.count(True)
        found = loop.statistics()
    assert found is not None
    costs, numbers = found
    rest = iter(numbers)
    (passed,), counts, work, sleep, late, traffic, (callbacks,) = (
        list(islice(rest, count)) for count in (1, 8, *(3 * (_TIMES,)), 2 * len(TRANSPORTS), 1)
    )
    return {
        "pid": os.getpid(),
        "seconds": passed / 1e9,
        "iterations": work[0],
        "working": _times(work),
        "asleep": _times(sleep),
        "events": counts[words.EVENT],
        "timed_calls": counts[words.TIMED_CALL],
        "late": _times(late),
        "thread_calls": counts[words.THREAD_CALL],
        "deferred_callbacks": callbacks,
        "transports": _transports(loop, list(zip(traffic[::2], traffic[1::2], strict=True))),
        "costliest": _costliest(costs),
    }


def _times(found: list[int]) -> dict[str, Any]:
    """Seconds in all, the longest, and how many there were in each class."""
    _, total, longest, *classes = found
    names = [*(f"{bound:g}" for bound in BOUNDS), "more"]
    return {
        "seconds": total / 1e9,
        "longest": longest / 1e9,
        "up_to": dict(zip(names, classes, strict=True)),
    }


def _transports(loop: _core.Loop, traffic: list[tuple[int, int]]) -> dict[str, dict[str, int]]:
    """By kind: bytes since the process began, and how many there are now."""
    there = dict.fromkeys(TRANSPORTS, 0)
    for selectable in {id(each): each for each in [*loop.readers(), *loop.writers()]}.values():
        kind = _kind(selectable)
        if kind is not None:
            there[kind] += 1
    return {
        name: {"received": received, "sent": sent, "open": there[name]}
        for name, (received, sent) in zip(TRANSPORTS, traffic, strict=True)
    }


def _kind(selectable: object) -> str | None:
    """The kind of a transport; None for anything else."""
    if isinstance(selectable, _core.FileStream):
        return "pipe"
    if isinstance(selectable, _core.StreamConnection):
        return "UNIX" if selectable._kind == "UNIX" else "TCP"
    if isinstance(selectable, _core.DatagramPort):
        return "UDP" if selectable._kind == "UDP" else "UNIX datagram"
    return None


def _costliest(costs: list[tuple[int, Any, int, float, float]]) -> list[dict[str, Any]]:
    found = []
    for kind, key, count, seconds, longest in sorted(costs, key=lambda cost: -cost[3])[:COSTLIEST]:
        what = KINDS.get(kind, "")
        named = f"{what}, {_name(key)}" if key is not None else what or "all others"
        found.append({"what": named, "count": count, "seconds": seconds, "longest": longest})
    return found


def _name(key: Any) -> str:
    """Of a class, a function's code, or another callable."""
    if isinstance(key, CodeType):
        name = getattr(key, "co_qualname", key.co_name)
        return f"{name} ({os.path.basename(key.co_filename)}:{key.co_firstlineno})"
    if isinstance(key, type):
        return f"{key.__module__}.{key.__qualname__}"
    return words.function(key)


# -- text ---------------------------------------------------------------------------------------


def text(now: Snapshot, before: Snapshot | None = None, width: int = 80) -> str:
    """
    In lines for a terminal.

    @param before: an earlier one of the same process, for what has happened since.
    """
    passed = now["seconds"] - (before["seconds"] if before else 0.0)
    lines = [_state(now, before, passed), ""]
    lines += _counts(now, before, passed)
    lines += ["", *_classes(now), "", *_traffic(now, before, passed)]
    lines += ["", f"{'seconds':>10} {'calls':>10} {'longest':>10}  costliest callbacks"]
    for cost in now["costliest"]:
        lines.append(
            f"{cost['seconds']:>10.3f} {cost['count']:>10,} {_short(cost['longest']):>10}"
            f"  {cost['what']}"
        )
    return "\n".join(line[:width].rstrip() for line in lines)


def _state(now: Snapshot, before: Snapshot | None, passed: float) -> str:
    working = now["working"]["seconds"] - (before["working"]["seconds"] if before else 0.0)
    share = min(100 * working / passed, 100.0) if passed > 0 else 0.0
    return (
        f"pid {now['pid']}, counted for {now['seconds']:.1f} s, at work for {share:.1f} %"
        f"{' of the last ' + f'{passed:.1f} s' if before else ''},"
        f" longest iteration {_short(now['working']['longest'])}"
    )


def _counts(now: Snapshot, before: Snapshot | None, passed: float) -> Iterable[str]:
    yield f"{'':<20} {'in all':>14} {'a second':>12}"
    for key in ("iterations", "events", "timed_calls", "thread_calls", "deferred_callbacks"):
        more = now[key] - (before[key] if before else 0)
        rate = more / passed if passed > 0 else 0.0
        yield f"{key.replace('_', ' '):<20} {now[key]:>14,} {rate:>12,.1f}"


def _classes(now: Snapshot) -> Iterable[str]:
    names = [f"≤ {_short(bound)}" for bound in BOUNDS] + ["more"]
    yield f"{'':<20}" + "".join(f"{name:>10}" for name in names)
    for key, title in (("working", "iterations took"), ("late", "timed calls late")):
        yield f"{title:<20}" + "".join(f"{count:>10,}" for count in now[key]["up_to"].values())


def _traffic(now: Snapshot, before: Snapshot | None, passed: float) -> Iterable[str]:
    yield f"{'transports':<20} {'open':>6} {'received':>12} {'sent':>12} {'a second':>12}"
    for name, found in now["transports"].items():
        if not any(found.values()):
            continue
        earlier = before["transports"][name] if before else {"received": 0, "sent": 0}
        more = found["received"] + found["sent"] - earlier["received"] - earlier["sent"]
        rate = _size(more / passed if passed > 0 else 0.0)
        received, sent = _size(found["received"]), _size(found["sent"])
        yield f"{name:<20} {found['open']:>6,} {received:>12} {sent:>12} {rate:>12}"


def _size(amount: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:,.1f} {unit}" if unit != "B" else f"{amount:,.0f} B"
        amount /= 1000
    return f"{amount:,.1f} TB"


def _short(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"
