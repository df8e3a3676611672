"""What is measured: each work is a row of the table."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyreactor._bench.sides import ASYNCIO, EPOLL, ON_ASYNCIO, TWISTED

Command = tuple[str, ...]


@dataclass(frozen=True)
class Work:
    """
    Something that each side does, with a program of its family; an operation costs so much.

    ``load`` has a program that puts load on it, and its options, if it is a server; otherwise the
    program measures itself, and ``{seconds}`` in its arguments is how long.  ``{folder}`` is one
    that is made for a sample.  ``needs`` are modules, by families, and ``tools`` commands without
    which a side cannot do it.  ``reactor`` is that of Twisted's which its program runs on, by name.
    Rows of one ``curve`` differ by ``at`` alone, and make a line.
    """

    name: str
    operation: str
    programs: Mapping[str, Command] = field(hash=False)
    load: Command | None = None
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    tools: tuple[str, ...] = ()
    reactor: str = EPOLL
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
    script = "" if load.startswith("sftp_load.py ") else "closed_loop.py "
    command = tuple(f"{script}{load}".split())
    return Work(name, operation, programs, command, **more)  # type: ignore[arg-type]


def _alone(name: str, operation: str, twisted: str, asyncio: str = "", **more: object) -> Work:
    programs: dict[str, Command] = {TWISTED: tuple(twisted.split())}
    if asyncio:
        programs[ASYNCIO] = tuple(asyncio.split())
    return Work(name, operation, programs, **more)  # type: ignore[arg-type]


_ECHO = ("twisted_echo.py", "asyncio_echo.py")
_TLS = ("twisted_tls_echo.py", "asyncio_echo.py --tls")
_TLS_NEEDS = {TWISTED: ("OpenSSL", "service_identity"), ASYNCIO: ("cryptography",)}
_UDP = ("twisted_udp_echo.py", "asyncio_udp_echo.py")
_NETWORK, _WEB, _CALLS, _DEFERRED = "network", "web", "calls", "deferred"
_FRAMING, _LOG, _TIME, _GROWTH = "framing", "log", "time", "growth"


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
    rows += [
        _server(
            "accept, one message, close, 16 at once",
            "connection",
            "--kind once --connections 16 --size 100",
            "twisted_one_message.py",
            "asyncio_echo.py --once",
            **common,
        ),
        _alone(
            "spawnProcess of /bin/true",
            "process",
            "twisted_processes.py {count:300}",
            **common,
        ),
    ]
    return rows


def _web() -> list[Work]:
    common = {"group": _WEB}
    load = "--kind http --connections 32"
    return [
        _server(
            "twisted.web, 32 connections", "request", load, "web_hello.py", selected=True, **common
        ),
        _server(
            "klein, 32 connections",
            "request",
            load,
            "web_klein.py",
            needs={TWISTED: ("klein",)},
            **common,
        ),
        _server(
            "daphne, 32 connections",
            "request",
            load,
            "web_daphne.py",
            "web_uvicorn.py",
            needs={TWISTED: ("daphne",), ASYNCIO: ("uvicorn",)},
            reactor=ON_ASYNCIO,
            **common,
        ),
        _alone(
            "web Agent, 16 at once", "request", "twisted_clients.py agent 16 {count:700}", **common
        ),
        _alone(
            "treq, 16 at once",
            "request",
            "twisted_clients.py treq 16 {count:500}",
            needs={TWISTED: ("treq",)},
            **common,
        ),
        _alone(
            "Scrapy, a crawl",
            "page",
            "twisted_scrapy.py {count:500}",
            needs={TWISTED: ("scrapy",)},
            reactor=ON_ASYNCIO,
            **common,
        ),
        _alone(
            "WebSocket by autobahn, a message",
            "message",
            "twisted_clients.py websocket 1 {count:5000}",
            needs={TWISTED: ("autobahn",)},
            **common,
        ),
    ]


def _calls() -> list[Work]:
    common = {"group": _CALLS}
    rows = []
    for title, kind in (("AMP", "amp"), ("PB", "pb")):
        for words, at_once in (("one at a time", 1), ("16 under way", 16)):
            script = f"twisted_remote_calls.py {kind} {at_once} {{count:4000}}"
            rows.append(_alone(f"{title} calls, {words}", "call", script, **common))
    rows += [
        _alone(
            f"DNS by twisted.names, {words}",
            "query",
            f"twisted_clients.py dns {at_once} {{count:4000}}",
            **common,
        )
        for words, at_once in (("one query", 1), ("16 under way", 16))
    ]
    rows += [
        _alone(
            f"Redis by txredisapi, {words}",
            "command",
            f"twisted_clients.py redis {at_once} {{count:8000}}",
            needs={TWISTED: ("txredisapi",)},
            tools=("redis-server",),
            **common,
        )
        for words, at_once in (("one command", 1), ("16 under way", 16))
    ]
    rows += [
        _server(
            f"SFTP by OpenSSH, {order}",
            "MiB",
            f"sftp_load.py {order} --folder {{folder}}",
            "twisted_sftp.py {folder}",
            needs={TWISTED: ("OpenSSL", "bcrypt", "cryptography")},
            tools=("sftp", "ssh-keygen"),
            **common,
        )
        for order in ("put", "get")
    ]
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
        rows.append(_alone(name, operation, twisted, asyncio, selected=selected, group=_DEFERRED))
    return rows


def _framing() -> list[Work]:
    return [
        _alone(name, "message", f"twisted_framing.py {work} {{seconds}}", group=_FRAMING)
        for name, work in (
            ("LineReceiver, 1000 B in 64 B pieces", "lines"),
            ("Int32StringReceiver, 20 B", "int32"),
            ("NetstringReceiver, 20 B", "netstring"),
        )
    ]


def _log() -> list[Work]:
    return [
        _alone(name, "event", f"twisted_logging.py {work} {{count:{count}}}", group=_LOG)
        for name, work, count in (
            ("log.msg, nobody hears it", "msg nowhere", 100_000),
            ("Logger.info, nobody hears it", "info nowhere", 100_000),
            ("Logger.info, into twistd's file", "info twistd", 20_000),
            ("an access log's line, into that file", "access twistd", 20_000),
        )
    ]


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


WORKS: Sequence[Work] = (
    *_network(),
    *_web(),
    *_calls(),
    *_deferred(),
    *_framing(),
    *_log(),
    *_time(),
    *_growth(),
)


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
