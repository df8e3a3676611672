"""The benchmarks run end to end, and the load generator notices a server that answers wrongly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness, interrupt, readme
from benchmarks.__main__ import ALL
from pyreactor._bench import results
from tests.support import CHECKOUT

STOCK = harness.ALL_SIDES["stock"]
MODULES = {
    "echo": "*",
    "unix_echo": "*",
    "udp_echo": "*",
    "accept": "*",
    "windowed": "slide 4 x 8 KiB,batch 4 x 1 KiB on IPv6 with nodelay at both",
    "sftp": "put,get -R 1 with nodelay*",
    "timers": "*",
    "log": "log.msg? no*,Logger.info? dropped*,Site.log*,log.msg? startLogging,*begun",
    "web_client": "*",
    "asyncio_reactor": "TCP echo, 1 x 100 B,TLS*",
    "asyncio_calls": "callLater*,callFromThread? own*,await of an*",
    "asyncio_programs": "*",
    "memory": "*",
    "idle": "*",
    "tls": "*",
    "application": "*",
    "twisted_own": "*",
    "web": "*",
    "web_rivals": "*",
}
"""The rows to run, of each benchmark: all of them where they differ in more than numbers."""


def run_benchmark(
    module: str, *options: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a benchmark's command line with tiny counts."""
    return subprocess.run(
        [sys.executable, "-m", module, "--tiny", *options],
        check=False,
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env={**os.environ, **(env or {})},
        timeout=900,  # a busy machine measures for minutes
    )


def loadgen(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the load generator, for few messages unless told otherwise."""
    # Not for a short time, in which a busy machine may not get to a single message.
    short = ("--warmup", "0.01", "--messages", "100", "--timeout", "60")
    return subprocess.run(
        [harness.tool("loadgen"), *short, *arguments],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=600,
    )


@pytest.mark.parametrize(("module", "rows"), MODULES.items(), ids=MODULES)
def test_benchmark_measures_every_row_on_every_side_that_is_there(
    module: str, rows: str, tmp_path: Path
) -> None:
    """No row fails; a side is measured, or listed with the reason why it is not available."""
    path = tmp_path / "result.json"
    ran = run_benchmark(f"benchmarks.{module}", "--rows", rows, "--json", str(path))
    assert ran.returncode == 0, ran.stderr
    (comparison,) = json.loads(path.read_text())["comparisons"]
    assert comparison["failures"] == []
    assert comparison["works"]
    for work in comparison["works"]:
        sides = {"stock", "pyreactor"}
        if module.startswith("asyncio"):
            sides = {f"{side} on asyncio" for side in sides}
        assert sides <= set(work["sides"])
        assert not sides & set(comparison["unavailable"])
        if work["name"] in comparison["missing"]:
            assert f"{work['name']}: NOT AVAILABLE" in ran.stdout
            continue
        for name, side in work["sides"].items():
            if name in comparison["unavailable"]:
                assert comparison["unavailable"][name]
                assert f"side {name} NOT AVAILABLE" in ran.stdout
                assert side["samples"] == []
            else:
                # A run this short may take less CPU time than its clock can tell.
                measured = [sample["value"] >= 0 for sample in side["samples"]]
                assert measured == [True]


def test_all_benchmarks_together_list_their_rows() -> None:
    """The common command knows every benchmark."""
    ran = run_benchmark("benchmarks", "--list")
    assert ran.returncode == 0, ran.stderr
    for row in (
        "10 x 1 KB",
        "UNIX 10 x 1 KB",
        "UDP 10 x 100 B",
        "16 at a time",
        "slide 16 x 32 KiB",
        "put -R 1",
        "callLater, schedule",
        "per idle connection",
    ):
        assert row in ran.stdout
    # Those with other settings only where they are asked for.
    assert "nodelay" not in ran.stdout


def test_a_row_is_not_available_without_the_program_it_needs(tmp_path: Path) -> None:
    """Nothing is measured, the reason is shown, and the aim was not reached."""
    ran = run_benchmark(
        "benchmarks.application", "--check", "--rows", "web*", env={"PATH": str(tmp_path)}
    )
    assert ran.returncode == 1, ran.stderr
    assert "web hello world, 32 keep-alive: NOT AVAILABLE: wrk is not installed" in ran.stdout


def test_check_fails_when_an_aim_was_not_measured() -> None:
    """A comparison without its subject proves nothing, and ``--check`` says so."""
    ran = run_benchmark(
        "benchmarks.echo", "--check", "--rows", "10 x 1 KB", "--sides", "stock,libuv"
    )
    assert ran.returncode == 1, ran.stderr
    assert "NOT MEASURED" in ran.stdout


@pytest.mark.parametrize(
    ("program", "options"),
    [
        (("twisted_echo.py",), ("--connections", "3", "--size", "100")),
        (("twisted_echo.py",), ("-n", "0", "--duration", "2")),
        (("twisted_echo.py",), ("--connections", "2", "--size", "300000", "--verify-all")),
        (("twisted_echo.py",), ("--connections", "2", "--size", "1000", "--depth", "16")),
        (("twisted_echo.py",), ("--size", "1", "--messages", "50")),
        (("line_echo.py",), ("--size", "2048", "--line-length", "32", "--verify-all")),
        (("twisted_one_message.py",), ("--mode", "accept", "--connections", "4")),
        (("twisted_echo.py",), ("--mode", "accept", "--client-closes", "--sources", "3")),
        (("twisted_unix_echo.py",), ("--connections", "3", "--size", "100000", "--verify-all")),
        (("twisted_unix_echo.py",), ("--mode", "accept", "--client-closes")),
        (("twisted_udp_echo.py",), ("--mode", "udp", "--connections", "3")),
        (("twisted_udp_echo.py",), ("--mode", "udp", "--depth", "5", "--size", "4")),
        (("twisted_udp_echo.py",), ("--mode", "udp", "--size", "8192", "--messages", "50")),
    ],
)
def test_load_generator_accepts_a_server_that_answers_rightly(
    program: Sequence[str], options: Sequence[str]
) -> None:
    """Every mode counts messages, and at least as many as are asked for."""
    with harness.serving(STOCK, [*program]) as server:
        ran = loadgen(*options, server.target)
    assert ran.returncode == 0, ran.stderr
    result: dict[str, Any] = json.loads(ran.stdout)
    assert result["messages"] > 0
    assert result["latency_us"]["p50"] <= result["latency_us"]["max"] * 1.04
    if "--messages" in options:
        assert result["messages"] >= 50


@pytest.mark.parametrize(
    "options",
    [
        ("--size", "100", "--connections", "2"),
        ("--size", "102400", "--verify-all"),
        ("--size", "1000", "--depth", "8"),
        ("--mode", "idle", "--size", "5000"),
        ("--mode", "accept", "--client-closes", "--size", "1000"),
    ],
)
def test_load_generator_notices_a_server_that_spoils_bytes(options: Sequence[str]) -> None:
    """One wrong bit in a thousand bytes ends the run without a result."""
    with harness.serving(STOCK, ["corrupting_echo.py"]) as server:
        ran = loadgen(*options, server.target)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert "bytes that differ" in ran.stderr


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [("spoil", "bytes that differ"), ("cut", "sent back 99 bytes for 100")],
)
def test_load_generator_notices_datagrams_that_are_wrong(fault: str, complaint: str) -> None:
    """A datagram with a wrong bit, or without its end, ends the run without a result."""
    with harness.serving(STOCK, ["faulty_udp_echo.py", fault]) as server:
        ran = loadgen("--mode", "udp", "--connections", "3", server.target)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert complaint in ran.stderr


def test_windowed_load_notices_a_server_that_acknowledges_wrongly() -> None:
    """What comes is looked at, not only counted."""
    script = str(harness.HERE / "windowed_load.py")
    with harness.serving(STOCK, ["twisted_echo.py"]) as server:
        host, _, port = server.target.rpartition(":")
        where = [str(server.pid), host, port]
        ran = subprocess.run(
            [sys.executable, script, *where, "slide", "1", "16", "4"],
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "acknowledgements that differ" in ran.stderr


def test_load_generator_counts_datagrams_that_get_lost() -> None:
    """Those that do not come back are counted, and others are sent in their place."""
    with harness.serving(STOCK, ["faulty_udp_echo.py", "lose"]) as server:
        # Of 80 datagrams 8 are lost, and then each peer waits for one: 200 need them noticed.
        ran = loadgen("--mode", "udp", "--messages", "200", "--connections", "8", server.target)
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    assert result["messages"] >= 200
    assert result["lost"] > 0


def test_load_generator_notices_a_server_that_closes_too_early() -> None:
    """An echo connection that the server closes is a failure, not a short result."""
    with harness.serving(STOCK, ["twisted_one_message.py"]) as server:
        ran = loadgen("--size", "100", server.target)
    assert ran.returncode == 1
    assert "closed a connection" in ran.stderr or "reset" in ran.stderr


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--size", "0", "127.0.0.1:1"), "at least 1"),
        (("--size", "-5", "127.0.0.1:1"), "not a whole number"),
        (("--mode", "nonsense", "127.0.0.1:1"), "no such mode"),
        (("--mode", "udp", "--size", "3", "127.0.0.1:1"), "at least 4 bytes"),
        (("--mode", "udp", "unix:nowhere"), "needs an IP address"),
        (("--line-length", "33", "127.0.0.1:1"), "multiple of the line length"),
        (("localhost",), "not HOST:PORT"),
        ((), "usage"),
    ],
)
def test_load_generator_refuses_nonsense(options: Sequence[str], complaint: str) -> None:
    """A wrong command line is told in one line and measures nothing."""
    ran = loadgen(*options)
    assert ran.returncode in {1, 2}
    assert complaint in ran.stderr
    assert ran.stdout == ""


def test_a_side_that_runs_on_something_else_is_refused() -> None:
    """A server on the wrong reactor must not give numbers under another side's name."""
    wrong = harness.ALL_SIDES["pyreactor"]
    mislabelled = harness.Side(wrong.name, STOCK.argv, STOCK.env, wrong.runs_on, "")
    with (
        pytest.raises(harness.BenchmarkError, match="should run on pyreactor"),
        harness.serving(mislabelled, ["twisted_echo.py"]),
    ):
        pytest.fail("the server was taken for pyreactor's")
    with pytest.raises(harness.BenchmarkError, match="should run on pyreactor"):
        interrupt.delay(mislabelled, "idle")


def test_ratio_is_the_median_of_the_ratios_round_by_round() -> None:
    """Not the ratio of the medians, and turned over where less is better."""
    more = harness.Work("more", "messages/s", {"stock": 2.0})
    less = harness.Work("less", "ns", {"stock": 2.0}, less_is_better=True)
    comparison = harness.Comparison("t", [more, less], [], lambda work, side: {}, 3)
    for work in (more, less):
        comparison.samples[work.name, "pyreactor"] = [{"value": v} for v in (10.0, 40.0, 90.0)]
        comparison.samples[work.name, "stock"] = [{"value": v} for v in (10.0, 20.0, 10.0)]
    assert comparison.ratio(more, "stock") == results.Spread(2.0, 1.0, 9.0)
    assert comparison.ratio(less, "stock") == results.Spread(0.5, 1 / 9, 1.0)
    assert comparison.verdict(more, "stock") == "≥ 2 pass"
    assert comparison.verdict(less, "stock") == "≥ 2 MISSED"
    assert not comparison.reached()


def test_ratio_leaves_out_rounds_in_which_one_of_the_two_failed() -> None:
    """A failed sample has no partner to be compared with."""
    work = harness.Work("more", "messages/s")
    comparison = harness.Comparison("t", [work], [], lambda work, side: {}, 2)
    comparison.samples["more", "pyreactor"] = [None, {"value": 30.0}]
    comparison.samples["more", "stock"] = [{"value": 1.0}, {"value": 10.0}]
    assert comparison.ratio(work, "stock") == results.Spread(3.0, 3.0, 3.0)


def run_of(**sides: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """What --json writes of one row, as far as the README's table is made of it."""
    found: dict[str, Any] = {side: {"samples": taken} for side, taken in sides.items()}
    for side, one in found.items():
        one["ratio"] = None if side == "pyreactor" else {"median": 2.0}
    work = {"name": "10 x 1 KB", "sides": found}
    return {
        "machine": {"python": "CPython 3.11.7"},
        "comparisons": [{"title": "TCP echo", "works": [work]}],
    }


def test_the_readme_has_rates_and_cpu_time() -> None:
    """The median of the rounds' ratios; a side that was not there has an empty cell."""
    here = [{"cpu": cpu, "load": 50.0} for cpu in (1.0, 2.0, 4.0)]
    stock = [{"cpu": cpu, "load": 50.0} for cpu in (3.0, 2.0, 16.0)]
    assert list(readme.rates(run_of(stock=stock, pyreactor=here)))[2:] == [
        "| TCP echo, 10 connections, 1 KB | 2.00 (3.00) |  |  |"
    ]
    assert list(readme.rates(run_of(uvloop=[{}], pyreactor=[{}])))[2:] == [
        "| TCP echo, 10 connections, 1 KB |  | 2.00 |  |"
    ]


def test_the_readme_names_rows_that_there_are() -> None:
    """Each is found in the benchmark by its names."""
    options = harness.parser(None).parse_args([])
    known = {
        (made.title, work.name) for each in ALL for made in [each(options)] for work in made.works
    }
    assert {(title, name) for _, title, name in readme.ROWS} <= known


def test_the_readme_says_what_was_measured() -> None:
    """It is written anew whenever something is measured anew."""
    assert readme.README.read_text(encoding="utf-8") == readme.made()
