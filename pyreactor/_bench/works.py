"""What is measured: each work is a row of the table."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyreactor._bench.sides import ASYNCIO, TWISTED

Command = tuple[str, ...]


@dataclass(frozen=True)
class Work:
    """
    Something that each side does, with a program of its family; an operation costs so much.

    ``load`` has the options of closed_loop.py if the program is a server; otherwise the program
    measures itself, and ``{seconds}`` in its arguments is how long.  ``needs`` are modules without
    which a side cannot do it.  Rows of one ``curve`` differ by ``at`` alone, and make a line.
    """

    name: str
    operation: str
    programs: Mapping[str, Command] = field(hash=False)
    load: Command | None = None
    needs: tuple[str, ...] = ()
    selected: bool = False
    group: str = ""
    curve: str = ""
    at: int = 0


def _server(
    name: str,
    operation: str,
    load: str,
    twisted: str,
    asyncio: str = "",
    **more: object,
) -> Work:
    programs: dict[str, Command] = {TWISTED: tuple(twisted.split())}
    if asyncio:
        programs[ASYNCIO] = tuple(asyncio.split())
    return Work(name, operation, programs, tuple(load.split()), **more)  # type: ignore[arg-type]


def _alone(name: str, operation: str, twisted: str, asyncio: str = "", **more: object) -> Work:
    programs: dict[str, Command] = {TWISTED: tuple(twisted.split())}
    if asyncio:
        programs[ASYNCIO] = tuple(asyncio.split())
    return Work(name, operation, programs, **more)  # type: ignore[arg-type]


_ECHO = ("twisted_echo.py", "asyncio_echo.py")
_TLS = ("twisted_tls_echo.py", "asyncio_echo.py --tls")
_TLS_NEEDS = ("OpenSSL", "service_identity")
_UDP = ("twisted_udp_echo.py", "asyncio_udp_echo.py")
_NETWORK, _WEB, _CALLS, _TIME, _GROWTH = "network", "web and calls", "deferred", "time", "growth"


def _network() -> list[Work]:
    common = {"group": _NETWORK}
    rows = [
        _server(
            f"TCP echo, {connections} x {label}",
            "message",
            f"--kind tcp --connections {connections} --size {size}",
            *_ECHO,
            selected=(connections, size) in ((10, 1024), (100, 100)),
            **common,
        )
        for connections, label, size in (
            (1, "100 B", 100),
            (10, "1 KB", 1024),
            (100, "100 B", 100),
            (10, "100 KB", 102400),
        )
    ]
    rows += [
        _server(
            f"TLS echo, 10 x {label}",
            "message",
            f"--kind tls --connections 10 --size {size}",
            *_TLS,
            needs=_TLS_NEEDS,
            selected=size == 1024,
            **common,
        )
        for label, size in (("1 KB", 1024), ("100 KB", 102400))
    ]
    rows += [
        _server(
            "UDP echo, 10 x 100 B",
            "datagram",
            "--kind udp --connections 10 --size 100",
            *_UDP,
            selected=True,
            **common,
        ),
        _server(
            "UNIX echo, 10 x 1 KB",
            "message",
            "--kind tcp --connections 10 --size 1024",
            "twisted_unix_echo.py",
            "asyncio_echo.py --unix",
            **common,
        ),
        _server(
            "lines, 10 x 64 of 32 B",
            "64 lines",
            "--kind tcp --connections 10 --size 2048 --lines 64",
            "line_echo.py",
            "asyncio_echo.py --lines",
            selected=True,
            **common,
        ),
    ]
    return rows


def _web_and_calls() -> list[Work]:
    common = {"group": _WEB}
    web = "--kind http --connections 32"
    rows = [
        _server(
            "twisted.web, 32 connections", "request", web, "web_hello.py", selected=True, **common
        ),
        _server(
            "klein, 32 connections", "request", web, "web_klein.py", needs=("klein",), **common
        ),
        _alone("web Agent, a request", "request", "twisted_clients.py agent {count:500}", **common),
        _alone("DNS, a query", "query", "twisted_clients.py dns {count:1000}", **common),
        _alone(
            "WebSocket, a message",
            "message",
            "twisted_clients.py websocket {count:3000}",
            needs=("autobahn",),
            **common,
        ),
    ]
    for title, kind in (("AMP", "amp"), ("PB", "pb")):
        for words, at_once in (("one at a time", 1), ("16 under way", 16)):
            script = f"twisted_remote_calls.py {kind} {at_once} {{count:2000}}"
            rows.append(_alone(f"{title} calls, {words}", "call", script, **common))
    return rows


def _deferred() -> list[Work]:
    rows = []
    for name, operation, work, selected, same_in_asyncio in (
        ("Deferred, 10 callbacks", "Deferred", "callbacks", True, True),
        ("Deferred, error handled", "Deferred", "raises", False, True),
        ("generator, unfired yield", "yield", "inline_unfired", True, False),
        ("coroutine, unfired await", "await", "coroutine_unfired", True, True),
        ("coroutine, fired await", "await", "await_succeed", False, True),
        ("generators, 20 deep", "level", "nested", False, True),
        ("gatherResults of 100", "Deferred", "gather", True, True),
    ):
        asyncio = f"asyncio_deferred.py {work} {{seconds}}" if same_in_asyncio else ""
        twisted = f"twisted_deferred.py {work} {{seconds}}"
        rows.append(_alone(name, operation, twisted, asyncio, selected=selected, group=_CALLS))
    return rows


def _time() -> list[Work]:
    rows = []
    for name, work, count, selected in (
        ("callLater, scheduling", "schedule", 50_000, True),
        ("callLater, 50,000 due at once", "due_batch", 50_000, False),
        ("callLater(0), one hop", "hop", 30_000, True),
        ("callFromThread, own thread", "from_own_thread", 50_000, True),
        ("callFromThread, other thread", "from_thread", 30_000, False),
    ):
        script = f"timers.py {work} {{count:{count}}}"
        rows.append(
            _alone(
                name,
                "call",
                f"twisted_{script}",
                f"asyncio_{script}",
                selected=selected,
                group=_TIME,
            )
        )
    return rows


def _growth() -> list[Work]:
    rows = [
        _server(
            f"TCP echo, {connections:,} connections",
            "message",
            f"--kind tcp --connections {connections} --size 100",
            *_ECHO,
            group=_GROWTH,
            curve="TCP echo, by connections",
            at=connections,
        )
        for connections in (10, 1_000, 10_000)
    ]
    rows += [
        _alone(
            f"callLater, {count:,} pending",
            "call",
            f"twisted_timers.py due_batch {count}",
            f"asyncio_timers.py due_batch {count}",
            group=_GROWTH,
            curve="callLater, by calls pending",
            at=count,
        )
        for count in (1_000, 10_000, 100_000)
    ]
    rows += [
        _alone(
            f"chain of {count:,} Deferreds",
            "Deferred",
            f"twisted_deferred.py chain {{seconds}} {count}",
            group=_GROWTH,
            curve="chain of Deferreds, by its length",
            at=count,
        )
        for count in (10, 1_000, 10_000)
    ]
    return rows


WORKS: Sequence[Work] = (*_network(), *_web_and_calls(), *_deferred(), *_time(), *_growth())


def chosen(only: str | None, full: bool) -> list[Work]:
    """
    The works to do.

    @param only: patterns of names joined by semicolons, or None.  A pattern without ``*`` fits
        what has it anywhere in its name, whatever the case.
    @param full: whether to do all of them, rather than a selection.
    """
    if only is not None:
        patterns = [pattern.strip().lower() for pattern in only.split(";") if pattern.strip()]
        return [work for work in WORKS if any(_fits(work.name.lower(), each) for each in patterns)]
    return [work for work in WORKS if full or work.selected]


def _fits(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern if "*" in pattern else f"*{pattern}*")
