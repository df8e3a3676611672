"""``pyreactor bench`` as a user runs it, with samples too short to say anything."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import descendants, is_there, wait_for
from tests.support import CHECKOUT, TIMEOUT, environment, python

BENCH = ("-m", "pyreactor", "bench")
ROWS = "TCP echo, 10 x 1 KB;10 callbacks"


def test_a_selection_is_measured_shown_and_written(tmp_path: Path) -> None:
    """On both sides, in rounds; the page and the table can be made again from the samples."""
    json_file, html, again = tmp_path / "run.json", tmp_path / "run.html", tmp_path / "again.html"
    ran = python(
        *BENCH,
        *("--quick", "--rounds", "2", "--only", ROWS, "--against", "stock,watched,asyncio"),
        *("--json", json_file, "--html", html),
    )
    assert ran.returncode == 0, ran.stderr
    document = json.loads(json_file.read_text())
    assert [row["name"] for row in document["rows"]] == [
        "TCP echo, 10 x 1 KB",
        "Deferred, 10 callbacks",
    ]
    assert document["sides"] == ["stock", "pyreactor", "watched", "asyncio"]
    assert document["rounds"] == 2
    for row in document["rows"]:
        for samples in row["samples"].values():
            assert len(samples) == 2
            for sample in samples:
                assert sample["cpu"] >= 0 and sample["rate"] > 0 and sample["peak"] > 1e6
    assert "With --slow and --stats beside without: TCP echo, 10 x 1 KB: " in ran.stdout
    shown = python(*BENCH, "--from", json_file, "--html", again)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == ran.stdout
    assert again.read_text() == html.read_text()
    more = python(*BENCH, "--quick", "--only", "await; 10 callb", "--into", json_file)
    assert more.returncode == 0, more.stderr
    merged = json.loads(json_file.read_text())
    assert [row["name"] for row in merged["rows"]] == [
        "TCP echo, 10 x 1 KB",
        "Deferred, 10 callbacks",
        "coroutine, unfired await",
        "coroutine, fired await",
    ]
    assert [list(row["samples"]) for row in merged["rows"]] == [
        ["stock", "pyreactor", "watched", "asyncio"],
        *[["stock", "pyreactor"]] * 3,
    ]


def test_every_row_works(tmp_path: Path) -> None:
    """Each that differs in more than numbers is measured, or lacks what is not installed."""
    path = tmp_path / "run.json"
    rows = "echo, 1 x*;echo, 10 x 1*B;lines;web;klein;DNS;calls;await;yield;deep;chain of 10 *"
    rows += ";accept;spawn;daphne;treq;Scrapy;Redis;SFTP;Receiver;nobody hears;into"
    rows += ";Deferred,*;gather;call*own*;call*other*;call*hop;call*scheduling;call* 1,000 *"
    ran = python(*BENCH, "--quick", "--against", "pyreactor", "--only", rows, "--json", path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    document = json.loads(path.read_text())
    assert document["failures"] == []
    for row in document["rows"]:
        if row["missing"]:
            assert row["missing"]["pyreactor"].endswith("not installed")
        else:
            assert len(row["samples"]["pyreactor"]) == 1


def test_the_list_tells_what_rows_lack(tmp_path: Path) -> None:
    """Of what is not pyreactor's to bring; by side, where the sides differ."""
    (tmp_path / "klein.py").write_text("raise ImportError\n")
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(CHECKOUT)])}
    listed = (*BENCH, "--list", "--only", "klein;10 callbacks")
    ran = python(*listed, env=env)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        "klein, 32 connections (per request): klein is not installed",
        "Deferred, 10 callbacks (per Deferred)",
    ]
    ran = python(*listed, "--against", "asyncio", env=env)
    assert ran.stdout.splitlines()[0] == (
        "klein, 32 connections (per request): pyreactor: klein is not installed;"
        " asyncio: nothing like it in asyncio"
    )


def test_a_side_that_is_not_there_is_named_and_left_out(tmp_path: Path) -> None:
    """As is a row that a side cannot do."""
    (tmp_path / "aiofastnet.py").write_text("raise ImportError('not installed')\n")
    ran = python(
        *BENCH,
        *("--quick", "--only", "unfired yield", "--against", "stock,pypy,asyncio,aiofastnet"),
        *("--pypy", "/nonexistent/pypy3"),
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), str(CHECKOUT)])},
    )
    assert ran.returncode == 0, ran.stderr
    assert "pypy was left out" in ran.stdout
    assert "aiofastnet was left out: ImportError: not installed" in ran.stdout
    assert "asyncio    nothing like it in asyncio" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "no such row"], "no row has 'no such row' in its name (see --list)"),
        (["--against", "stock,tornado"], "no side is named 'tornado'"),
        (["--rounds", "0"], "--rounds: at least 1"),
        (["--into", "a.json", "--json", "b.json"], "--into is for rows of the bench's own"),
        (["--into", "/nonexistent.json"], "/nonexistent.json: No such file or directory"),
        (["--from", "/nonexistent.json"], "/nonexistent.json: No such file or directory"),
    ],
)
def test_what_cannot_be_done(arguments: list[str], words: str) -> None:
    """One line says why, and the exit code is 2."""
    ran = python(*BENCH, *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("pyreactor bench: ") and words in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_a_failed_sample_is_told(tmp_path: Path) -> None:
    """By the exit code, too; the other sides are measured."""
    (tmp_path / "twisted").mkdir()
    (tmp_path / "twisted" / "__init__.py").write_text("raise RuntimeError('broken')\n")
    ran = python(
        *BENCH,
        *("--quick", "--only", "10 callbacks", "--against", "stock,asyncio"),
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), str(CHECKOUT)])},
    )
    assert "stock was left out: RuntimeError: broken" in ran.stdout
    assert "asyncio" in ran.stdout


def test_what_was_measured_before_it_was_ended_is_kept(tmp_path: Path) -> None:
    """In the file, of each row that all sides have done; it can be shown."""
    path = tmp_path / "run.json"
    command = [sys.executable, *BENCH, "--quick", "--rounds", "1000", "--only", ROWS]
    process = subprocess.Popen(
        [*command, "--json", path],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(path.exists, "the file")
    process.kill()
    process.wait(TIMEOUT)
    document = json.loads(path.read_text())
    assert document["interrupted"] == document["rounds"] + 1
    assert {len(samples) for samples in document["rows"][0]["samples"].values()} & {1, 2}
    shown = python(*BENCH, "--from", path)
    assert shown.returncode == 0, shown.stderr
    assert "It was interrupted in round " in shown.stdout


def test_rounds_that_take_too_long_are_left_out() -> None:
    """By --minutes; the first one is whole."""
    ran = python(*BENCH, "--quick", "--rounds", "5", "--minutes", "0.0001", "--only", "10 callb")
    assert ran.returncode == 0, ran.stderr
    assert "1 of 5 rounds: a round takes" in ran.stderr
    assert " 1 round." in ran.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_when_it_is_ended(number: signal.Signals) -> None:
    """Whatever ends it, in the middle of a sample."""
    # A server under load, so that there are two programs; it would go on for long.
    command = [sys.executable, *BENCH, "--full", "--rounds", "50", "--only", "TCP echo, 10 x 1 KB"]
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: len(descendants(process.pid)) >= 2, "a server and its load")
    started = descendants(process.pid)
    process.send_signal(number)
    _, errors = process.communicate(timeout=TIMEOUT)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert errors.endswith("pyreactor bench: interrupted; nothing is left running\n")
    wait_for(lambda: not any(map(is_there, started)), "the end of all that it started")


def test_a_terminal_shows_progress_and_colours() -> None:
    """By rich, which is a part of pyreactor[bench]."""
    pytest.importorskip("rich")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *BENCH, "--quick", "--only", "10 callbacks"],
        env=environment({"TERM": "xterm-256color", "COLUMNS": "100"}),
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    try:
        while data := os.read(leader, 65536):
            shown += data
    except OSError:  # the end of a terminal
        pass
    os.close(leader)
    assert process.wait(TIMEOUT) == 0
    assert b"round 1 of 1: Deferred, 10 callbacks, stock" in shown
    assert b"\x1b[1mDeferred, 10 callbacks (per Deferred)" in shown
