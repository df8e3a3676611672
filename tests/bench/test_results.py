"""What samples mean, and how they are shown."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import pytest

from pyreactor._bench import page, results, text

CHARTS = importlib.util.find_spec("matplotlib") is not None


def row(name: str = "a row", **sides: list[float | None]) -> results.Row:
    """A row of which each side's samples took so many seconds of CPU time."""
    samples = {
        side: [
            None if cpu is None else {"cpu": cpu, "rate": 1 / cpu if cpu else 0.0, "peak": 5e7}
            for cpu in taken
        ]
        for side, taken in sides.items()
    }
    return {
        "name": name,
        "operation": "message",
        "group": "network",
        "curve": "",
        "at": 0,
        "missing": {},
        "samples": samples,
    }


def document(*rows: results.Row, **more: Any) -> results.Document:
    """A document of these rows."""
    made: results.Document = {
        "format": results.FORMAT,
        "taken": "2026-01-01T00:00:00Z",
        "machine": {
            "processor": "some <processor>",
            "system": "Linux",
            "cores": "0 and 1",
            "python": "CPython 3",
            "pyreactor": "1",
        },
        "rounds": 3,
        "sides": ["stock", "pyreactor"],
        "left_out": {},
        "failures": [],
        "rows": list(rows),
    }
    return {**made, **more}


WON = row("won", stock=[4e-6, 4.2e-6, 4.4e-6], pyreactor=[2e-6, 2e-6, 2e-6])
LOST = row("lost", stock=[2e-6, 2e-6, 2e-6], pyreactor=[4e-6, 4e-6, 4.1e-6])
NOISY = row("noisy", stock=[2e-6, 4e-6, 3e-6], pyreactor=[3e-6, 2e-6, 2e-6])
FAILED = row("failed", stock=[2e-6, 2e-6, 2e-6], pyreactor=[None, None, None])


@pytest.mark.parametrize(
    ("of", "verdict"),
    [
        (WON, results.FASTER),
        (LOST, results.SLOWER),
        (NOISY, results.NOISY),
        (FAILED, results.NOTHING),
        (row(stock=[2.0], pyreactor=[1.0]), results.ONCE),
        (row(stock=[2.0, None], pyreactor=[1.0, 1.0]), results.FASTER),
        (row(stock=[2.0, 0.0], pyreactor=[1.0, 0.0]), results.FASTER),
        (row(stock=[1.0, 1.0], pyreactor=[1.0, 1.0]), results.NOISY),
        # Won in each round, and yet the rounds tell more of the machine than of the sides.
        (row(stock=[1.1, 1.6, 1.2], pyreactor=[1.0, 1.0, 1.0]), results.NOISY),
    ],
)
def test_verdicts(of: results.Row, verdict: str) -> None:
    """A row whose spread is wider than its difference is noisy, not won."""
    assert results.verdict(of) == verdict


def test_a_ratio_is_taken_round_by_round() -> None:
    """Not of the medians: each round's sides shared the state of the machine."""
    found = results.gain(row(stock=[2.0, 30.0, 8.0], pyreactor=[1.0, 10.0, 2.0]))
    assert found == results.Spread(3.0, 2.0, 4.0)


def test_the_summary_tells_losses() -> None:
    """By name, as what is noisy and what was not measured."""
    assert results.summary(document(WON, LOST, NOISY, FAILED)) == [
        "pyreactor takes less CPU time than stock in 1 of 3 rows.",
        "It takes more in 1: lost.",
        "Noisy in 1: noisy.",
        "Not measured in 1: failed.",
    ]


def test_the_summary_of_one_round_counts_nothing() -> None:
    """Neither as won nor as not won."""
    once = row("once", stock=[2.0], pyreactor=[1.0])
    words = "One round tells nothing of how certain a number is: take --rounds 3 or more."
    assert results.summary(document(once)) == [words]
    assert results.summary(document(once, WON)) == [
        "pyreactor takes less CPU time than stock in 1 of 1 rows.",
        words,
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2.5, "2.50 s"),
        (0.0123, "12.3 ms"),
        (4.56e-6, "4.56 µs"),
        (789e-9, "789 ns"),
        (999.4e-9, "999 ns"),
        (999.6e-9, "1.00 µs"),
        (9.994e-6, "9.99 µs"),
        (9.996e-6, "10.0 µs"),
        (99.96e-3, "100 ms"),
        (0, "0.00 ns"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    """Three digits, in the unit that suits."""
    assert results.duration(seconds) == words


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_the_table_fits_the_terminal(width: int, ascii_only: bool) -> None:
    """No line is longer, and each row has a line for each side."""
    shown = text.report(document(WON, LOST, NOISY, FAILED), max(width, 80), ascii_only)
    assert all(len(line) <= max(width, 80) for line in shown.splitlines())
    assert re.search(
        r"won \(per message\)\n +stock +4.20 µs .*\n +pyreactor +2.00 µs .* x 2.10\n", shown
    )
    assert re.search(r"pyreactor +4.00 µs .* x 0.50 SLOWER\n", shown)
    assert re.search(r"pyreactor .* x 1.50 noisy\n", shown)
    assert re.search(r"pyreactor +failed\n", shown)
    assert ("█" in shown) is not ascii_only


def test_bars_have_the_length_of_their_share() -> None:
    """To an eighth of a column; nothing is so little that it is not seen."""
    assert text.bar(1.0, 10) == "█" * 10
    assert text.bar(0.5, 5) == "██▌"
    assert text.bar(0.0, 5) == "▏"
    assert text.bar(0.5, 10, True) == "#####"


def test_the_page_is_one_file_without_scripts() -> None:
    """Nothing is loaded from elsewhere, names are escaped, losses are listed."""
    made = page.html(document(WON, LOST, NOISY, left_out={"pypy": "not <there>"}))
    assert "<script" not in made
    assert not re.search(r"(?:src|href)=[\"']?(?!#)", made.replace('xlink:href="#', ""))
    assert "@import" not in made and "url(http" not in made
    assert "some &lt;processor&gt;" in made and "not &lt;there&gt;" in made
    assert "What is not faster, or not certain" in made
    assert made.count("<svg") == (1 if CHARTS else 0)
    assert ("Charts are drawn where pyreactor[bench] is installed" in made) is not CHARTS


def test_the_page_has_a_chart_for_each_curve() -> None:
    """Of rows that differ in a number alone, and where there are two of them at least."""
    rows = [
        {**row(f"{at}", stock=[2e-6, 2e-6], pyreactor=[1e-6, 1e-6]), "curve": "by size", "at": at}
        for at in (10, 1000, 10000)
    ]
    alone = {**row("x", stock=[1e-6], pyreactor=[1e-6]), "curve": "of one", "at": 1}
    made = page.html(document(*rows, alone))
    assert made.count("<svg") == (2 if CHARTS else 0)
    ids = re.findall(r'\bid="([^"]+)"', made)
    assert len(ids) == len(set(ids))


def test_the_page_of_markdown_has_every_row() -> None:
    """In tables by group, with what the page in HTML says of losses."""
    made = page.markdown(document(WON, LOST))
    assert "| won, per message | 4.20 µs | 2.00 µs | x 2.10 |" in made
    assert "| lost, per message | 2.00 µs | 4.00 µs | x 0.50 slower |" in made
    assert "- lost: x 0.50 beside stock, slower." in made


BESIDE = row("lost", stock=[4.0, 4.0], pyreactor=[2.0, 2.0], uvloop=[1.0, 1.0])


def test_losses_are_told_beside_each_side() -> None:
    """With a reason where one is known; a watched side is no rival."""
    watched = row("won", stock=[4.0, 4.0], pyreactor=[2.0, 2.0], watched=[1.0, 1.0])
    sides = ["stock", "pyreactor", "watched", "uvloop"]
    assert [each.words() for each in results.losses(document(BESIDE, watched, sides=sides))] == [
        "x 0.50 beside uvloop, slower"
    ]
    known = {**BESIDE, "name": "daphne, 32 connections"}
    made = page.markdown(document(known, sides=["stock", "pyreactor", "uvloop"]))
    assert "| 4.00 s | 2.00 s | 1.00 s | x 2.00 | x 0.50 slower |" in made
    assert "- daphne, 32 connections: x 0.50 beside uvloop, slower. The other side is" in made


@pytest.mark.parametrize(("load", "words"), [(0.95, "≥ 2.00/s"), (0.5, "2.00/s")])
def test_a_rate_at_the_limit_of_the_load_is_marked(load: float, words: str) -> None:
    """As the server could do more."""
    of = row(stock=[0.5, 0.5])
    for sample in of["samples"]["stock"]:
        sample["load"] = load
    assert results.rates(of, "stock") == words
    assert results.rates(of, "pyreactor") == ""


def test_rows_of_another_run_take_the_place_of_those_of_the_same_name() -> None:
    """What only one of the two has stays; a side that had not to do a row is not said to fail."""
    before = document(WON, LOST, left_out={"watched": "not there", "pypy": "no pypy3"})
    won = row("won", stock=[6.0, 6.0], pyreactor=[2.0, 2.0], watched=[2.1, 2.1])
    added = document(won, NOISY, sides=["stock", "pyreactor", "watched"])
    made = results.merged(before, added)
    assert [each["name"] for each in made["rows"]] == ["won", "lost", "noisy"]
    assert made["rows"][0] is won and made["rows"][1] is LOST
    assert made["sides"] == ["stock", "pyreactor", "watched"]
    assert made["left_out"] == {"pypy": "no pypy3"}
    shown = text.report(made, 80)
    assert shown.count("watched") == 1 and "failed" not in shown
