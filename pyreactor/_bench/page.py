"""The results as one HTML page, with nothing from elsewhere, and as a page of the documentation."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from pyreactor._bench import results
from pyreactor._bench.remarks import why
from pyreactor._bench.results import Document, Row

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.2rem; border-bottom: 1px solid #ddd; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  gap: 1rem; align-items: start; }
figure { margin: 0; } figcaption { font-weight: 600; }
svg { max-width: 100%; height: auto; }
.row { margin: .9rem 0; } .row p { margin: 0; } .name { font-weight: 600; }
.side { display: grid; grid-template-columns: 5.6rem 1fr; column-gap: .6rem; align-items: center;
  font-size: .9rem; }
.bar { background: #eef1f4; height: .8rem; } .bar i { display: block; height: 100%; }
.numbers { grid-column: 2; color: #555; font-size: .82rem; font-variant-numeric: tabular-nums; }
.stock i { background: #3b6ea8; } .pyreactor i { background: #1a8f4c; }
.uvloop i { background: #d98a1f; } .aiofastnet i { background: #8a5bb5; }
.watched i { background: #79b88f; }
.asyncio i { background: #7d7d7d; } .pypy i { background: #c2486e; }
.numbers span { white-space: nowrap; }
.faster { color: #14713c; font-weight: 600; } .slower { color: #b03024; font-weight: 600; }
.noisy { color: #7c6410; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { background: #f4f6f8; padding: .7rem; overflow-x: auto; font-size: .85rem; }
"""

GROUPS = {
    "network": "Network",
    "web": "Web",
    "calls": "Remote calls, clients, files",
    "deferred": "Deferreds, generators, coroutines",
    "framing": "Framing, without a network",
    "log": "Logging",
    "time": "Timed calls, calls from threads",
    "growth": "Growth",
}
HOW = (
    "Every side is a process of its own, and does each work once in each round, one side after the"
    " other, so that what disturbs the machine disturbs all alike. Programs run on one core, what"
    " puts load on them on another. What is compared is the CPU time that the program takes for one"
    " operation, by the kernel's clock of the process; a rate depends on the load's own speed, too."
    " A ratio is the median of the rounds' ratios. A row is called noisy where the rounds' ratios"
    " lie further apart than the sides do. A rate with ≥ is where the load's core was at its limit:"
    " it tells of the load, and the server had time to spare."
)
LOSSES = "What is not faster, or not certain"
REPRODUCE = """\
pip install 'pyreactor[bench]'
pyreactor bench --full --rounds 5 --against stock,uvloop --json run.json
pyreactor bench --from run.json --html run.html --markdown run.md
"""


def _groups(document: Document) -> Iterator[tuple[str, list[Row]]]:
    """The rows by group, those of none last."""
    by_group: dict[str, list[Row]] = {}
    for row in document["rows"]:
        by_group.setdefault(row["group"], []).append(row)
    for group in [*GROUPS, *(each for each in by_group if each not in GROUPS)]:
        if group in by_group:
            yield GROUPS.get(group, group.capitalize() or "Rows"), by_group[group]


# -- HTML ---------------------------------------------------------------------------------------


def html(document: Document) -> str:
    """The page."""
    title = "pyreactor, measured"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        f"<p>{escape(' '.join(results.summary(document)))}</p>",
        *_charts(document),
        *_html_rows(document),
        *_html_losses(document),
        "<h2>How it was measured</h2>",
        f"<p>{escape(HOW)}</p>",
        "<dl>",
        *(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _facts(document)),
        "</dl>",
        f"<h2>To measure it yourself</h2><pre>{escape(REPRODUCE)}</pre>",
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _facts(document: Document) -> list[tuple[str, str]]:
    facts = [*document["machine"].items(), ("taken", document["taken"])]
    facts.append(("rounds", str(document["rounds"])))
    facts += [(f"{side}, left out", why) for side, why in document["left_out"].items()]
    return [*facts, *(("failed", failure) for failure in document["failures"])]


def _charts(document: Document) -> Iterator[str]:
    try:
        from pyreactor._bench import charts
    except ImportError:
        yield "<p>Charts are drawn where pyreactor[bench] is installed.</p>"
        return
    gains = charts.gains(document)
    if gains is not None:
        caption = "How many times less CPU time: pyreactor beside stock Twisted"
        yield f"<h2>In one picture</h2><figure><figcaption>{caption}</figcaption>{gains}</figure>"
        yield "<p>The thin line goes from the least to the most of the rounds; yellow is noisy.</p>"
    curves = charts.curves(document)
    if curves:
        yield '<h2>Where there are more of them</h2><div class="charts">'
        for title, chart in curves:
            yield f"<figure><figcaption>{escape(title)}</figcaption>{chart}</figure>"
        yield "</div>"


def _html_rows(document: Document) -> Iterator[str]:
    for title, rows in _groups(document):
        yield f"<h2>{escape(title)}</h2>"
        for row in rows:
            name = f"{row['name']}, per {row['operation']}"
            yield f'<div class="row"><p class="name">{escape(name)}</p>'
            medians = [
                found.median for each in document["sides"] if (found := results.spread(row, each))
            ]
            for side in document["sides"]:
                yield _html_side(row, side, max(medians, default=1.0))
            yield "</div>"


def _html_side(row: Row, side: str, most: float) -> str:
    found = results.spread(row, side)
    if found is None:
        missing = escape(results.why_missing(row, side))
        return missing and f'<div class="side"><span>{side}</span><span>{missing}</span></div>'
    width = 100 * found.median / most
    return (
        f'<div class="side {side}"><span>{side}</span>'
        f'<span class="bar"><i style="width:{width:.1f}%"></i></span>'
        f'<span class="numbers">{_numbers(row, side, found)}</span></div>'
    )


def _numbers(row: Row, side: str, found: results.Spread) -> str:
    words = [f"<b>{results.duration(found.median)}</b> ({results.durations(found)})"]
    if rate := results.rates(row, side):
        words.append(f"<span>{rate}</span>")
    if peak := results.spread(row, side, "peak"):
        words.append(f"<span>{results.size(peak.median)}</span>")
    late = results.spread(row, side, "p99")
    if late is not None:
        words.append(f"<span>99 % within {results.duration(late.median)}</span>")
    ratio = results.gain(row, side)
    if ratio is not None and side != results.BASE:
        kind = results.verdict(row, side)
        more_words = f" {kind}" if kind in (results.NOISY, results.SLOWER) else ""
        mark = kind if kind in (results.FASTER, results.SLOWER, results.NOISY) else ""
        words.append(f'<span class="{mark}">{results.factor(ratio)}{more_words}</span>')
    return " · ".join(words)


def _html_losses(document: Document) -> Iterator[str]:
    losses = results.losses(document)
    if losses:
        yield f"<h2>{LOSSES}</h2><ul>"
        for loss in losses:
            reason = escape(why(loss.row, loss.base))
            yield f"<li>{escape(loss.row)}: {loss.words()}. {reason}</li>"
        yield "</ul>"


# -- Markdown -----------------------------------------------------------------------------------


def markdown(document: Document) -> str:
    """The same as a page of Markdown, without charts."""
    lines = [
        "# Performance",
        "",
        *results.summary(document),
        "",
        "## How it was measured",
        "",
        *textwrap.wrap(HOW, 110),
        "",
    ]
    lines += [f"- {name}: {value}" for name, value in _facts(document)]
    for title, rows in _groups(document):
        lines += ["", f"## {title}", "", *markdown_table(document["sides"], rows)]
    losses = results.losses(document)
    if losses:
        lines += ["", f"## {LOSSES}", ""]
        for loss in losses:
            lines.append(f"- {loss.row}: {loss.words()}. {why(loss.row, loss.base)}".rstrip())
    lines += ["", "## To measure it yourself", ""]
    lines += [f"    {line}" for line in REPRODUCE.splitlines()]
    return "\n".join(lines) + "\n"


def markdown_table(sides: Iterable[str], rows: list[Row]) -> Iterator[str]:
    """The rows, with columns for those of the sides that have done any."""
    sides = [side for side in sides if any(row["samples"].get(side) for row in rows)]
    others = [side for side in sides if side not in (results.SUBJECT, results.WATCHED)]
    ratios = [f"{side} / {results.SUBJECT}" for side in others]
    yield f"| CPU time of | {' | '.join([*sides, *ratios])} |"
    yield f"|---|{'--:|' * (len(sides) + len(ratios))}"
    for row in rows:
        cells: list[Any] = [f"{row['name']}, per {row['operation']}"]
        for side in sides:
            found = results.spread(row, side)
            cells.append("" if found is None else results.duration(found.median))
        cells += [_markdown_ratio(row, side) for side in others]
        yield f"| {' | '.join(cells)} |"


def _markdown_ratio(row: Row, base: str) -> str:
    ratio, said = results.gain(row, results.SUBJECT, base), results.verdict(row, base=base)
    more = f" {said}" if said in (results.NOISY, results.SLOWER) else ""
    return "" if ratio is None else f"{results.factor(ratio)}{more}"
