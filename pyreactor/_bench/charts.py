"""Charts by matplotlib, as SVG that a page can hold (``pip install pyreactor[bench]``)."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib

from pyreactor._bench import results
from pyreactor._bench.results import Document, Row

matplotlib.use("svg")

from matplotlib import pyplot  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: E402

COLOURS = {
    "stock": "#3b6ea8",
    "pyreactor": "#1a8f4c",
    "watched": "#79b88f",
    "uvloop": "#d98a1f",
    "aiofastnet": "#8a5bb5",
    "asyncio": "#7d7d7d",
    "pypy": "#c2486e",
}
VERDICTS = {
    results.FASTER: COLOURS["pyreactor"],
    results.SLOWER: "#c0392b",
    results.NOISY: "#c9a227",
    results.ONCE: "#6aa9c9",
}
# Narrow, so that the words are still to be read where the page is as narrow as a phone.
WIDTH = 4.4
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pyreactor",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
}


def _svg(figure: Figure, title: str) -> str:
    with io.StringIO() as stream:
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
        text = stream.getvalue()
    pyplot.close(figure)
    svg = text[text.index("<svg") :]
    # The names of its parts would be those of the other charts on the page, too.
    mark = re.sub(r"\W+", "-", title)
    svg = re.sub(r'id="([^"]+)"', rf'id="{mark}-\1"', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{mark}-", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)


def _plain(number: float, _position: object = None) -> str:
    return f"{number:,.10g}"


def gains(document: Document) -> str | None:
    """How many times less CPU time each row takes on pyreactor than on stock, or None."""
    found = [(row, ratio) for row in document["rows"] if (ratio := results.gain(row))]
    if not found:
        return None
    found.sort(key=lambda pair: pair[1].median)
    with matplotlib.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(WIDTH, 0.7 + 0.24 * len(found)))
        names = [row["name"] for row, _ in found]
        medians = [ratio.median for _, ratio in found]
        colours = [VERDICTS.get(results.verdict(row), "#999999") for row, _ in found]
        axes.barh(names, [median - 1 for median in medians], left=1, color=colours, height=0.7)
        for at, (_, ratio) in enumerate(found):
            axes.plot([ratio.least, ratio.most], [at, at], color="#222222", linewidth=1)
            end = max(ratio.most, ratio.median, 1.0)
            axes.text(end * 1.05, at, results.significant(ratio.median), va="center", fontsize=8)
        _log_axis(
            axes,
            min(0.8, *(ratio.least for _, ratio in found)),
            max(end * 1.6 for end in [max(ratio.most, 1.0) for _, ratio in found]),
        )
        axes.axvline(1, color=COLOURS["stock"], linewidth=1)
        axes.tick_params(axis="y", length=0, labelsize=8)
        axes.set_xlabel("stock's CPU time divided by pyreactor's", loc="right")
        axes.margins(y=0.01)
        return _svg(figure, "gains")


def _log_axis(axes: Axes, least: float, most: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(least, most)
    ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20, 50, 100) if least <= tick <= most]
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(FuncFormatter(_plain))
    axes.xaxis.set_minor_formatter(NullFormatter())


def curves(document: Document) -> list[tuple[str, str]]:
    """Title and chart of each curve: the cost of an operation where there are more of something."""
    by_title: dict[str, list[Row]] = {}
    for row in document["rows"]:
        if row["curve"]:
            by_title.setdefault(row["curve"], []).append(row)
    made = []
    for title, rows in by_title.items():
        chart = _curve(title, rows, document["sides"])
        if chart is not None:
            made.append((title, chart))
    return made


def _curve(title: str, rows: list[Row], sides: list[str]) -> str | None:
    with matplotlib.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(WIDTH, 2.7))
        most = 0.0
        for side in sides:
            points = [(row["at"], found) for row in rows if (found := results.spread(row, side))]
            if len(points) < 2:
                continue
            at = [point for point, _ in points]
            medians = [found.median * 1e6 for _, found in points]
            least = [found.least * 1e6 for _, found in points]
            highest = [found.most * 1e6 for _, found in points]
            most = max(most, *highest)
            colour = COLOURS.get(side)
            axes.plot(at, medians, marker="o", markersize=4, color=colour, label=side)
            axes.fill_between(at, least, highest, color=colour, alpha=0.2, linewidth=0)
        if not most:
            pyplot.close(figure)
            return None
        axes.set_xscale("log")
        axes.set_xticks([row["at"] for row in rows])
        axes.xaxis.set_major_formatter(FuncFormatter(_plain))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(0, most * 1.15)
        axes.set_ylabel("µs of CPU time")
        axes.legend(frameon=False, fontsize=8)
        return _svg(figure, title)
