"""The page of ``pyreactor bench --html`` in a browser, on a screen as narrow as a phone's."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pyreactor._bench import page
from tests.bench.test_results import CHARTS, LOST, NOISY, WON, document, row
from tests.support import CHECKOUT

CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no page was opened: there is no chromium, which is too large to be installed for this",
)

WIDTH = 360
"""CSS pixels."""

# The page in a frame of that width, as a window of Chromium's is never that narrow; and what this
# finds in it: words outside of the screen or of their chart, or wider than what they stand in.
FRAME = """<!doctype html><meta charset="utf-8">
<iframe id="frame" style="width: %dpx; height: 800px; border: 0" srcdoc="%s"></iframe>
<script>
onload = () => {
  const frame = document.getElementById("frame");
  const inside = frame.contentDocument;
  const screen = inside.documentElement;
  const outer = {left: 0, right: screen.clientWidth, top: -Infinity, bottom: Infinity};
  const within = (box, other) => box.left >= other.left - 0.5 && box.right <= other.right + 0.5
    && box.top >= other.top - 0.5 && box.bottom <= other.bottom + 0.5;
  const cut = [], sizes = [];
  for (const each of inside.querySelectorAll("body *")) {
    if (each.closest("defs, pre *, script")) continue;
    const box = each.getBoundingClientRect();
    let out = !within(box, outer);
    if (each.tagName === "text") {
      const scale = each.getScreenCTM();
      sizes.push(Math.hypot(scale.a, scale.b) * parseFloat(getComputedStyle(each).fontSize));
      out ||= !within(box, each.ownerSVGElement.getBoundingClientRect());
    } else if (each instanceof frame.contentWindow.HTMLElement && each.tagName !== "PRE") {
      out ||= each.clientWidth > 0 && each.scrollWidth > each.clientWidth + 1;
    }
    if (out) cut.push(`${each.tagName}: ${each.textContent.slice(0, 60)}`);
  }
  const found = {width: screen.scrollWidth, cut, charts: inside.querySelectorAll("svg").length,
                 smallest: Math.min(...sizes, 100), words: inside.body.innerText.length};
  document.title = JSON.stringify(found);
};
</script>
"""


def shown(made: str, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """What a browser makes of a page, and what it complains of."""
    file = folder / "frame.html"
    file.write_text(FRAME % (WIDTH, html.escape(made)), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    options += ["--disable-dev-shm-usage", f"--user-data-dir={folder}/profile"]
    options += ["--enable-logging=stderr", "--dump-dom"]
    ran = subprocess.run(
        [str(CHROMIUM), *options, file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    title = re.search(r"<title>(.*?)</title>", ran.stdout, re.DOTALL)
    assert title is not None, ran.stderr
    complaints = [line for line in ran.stderr.splitlines() if re.search("CONSOLE|ERR_", line)]
    return json.loads(html.unescape(title[1])), complaints


def made_here() -> str:
    """A page with all that a page may have."""
    rows = [
        {**row(f"{at}", stock=[2e-6, 2e-6], pyreactor=[1e-6, 1e-6]), "curve": "by size", "at": at}
        for at in (10, 1000)
    ]
    long = row("a name of a row that is as long as a name may be", stock=[1e-6], pyreactor=[2e-6])
    return page.html(document(*rows, WON, LOST, NOISY, long, left_out={"pypy": "no pypy3"}))


def of_the_project() -> str:
    """The project's own page of performance."""
    return (CHECKOUT / "docs" / "performance.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("make", "charts"), [(made_here, 2 if CHARTS else 0), (of_the_project, None)]
)
def test_a_page_opens_without_an_error_and_nothing_is_cut_off(
    make: Any, charts: int | None, tmp_path: Path
) -> None:
    """Nor is anything too small to be read, or the page wider than the screen."""
    found, complaints = shown(make(), tmp_path)
    assert complaints == []
    assert found["cut"] == []
    assert found["width"] == WIDTH
    assert found["words"] > 1000
    assert found["smallest"] >= 8
    assert found["charts"] == charts if charts is not None else found["charts"] >= 1


@pytest.mark.parametrize(
    ("more", "cut"),
    [
        ('<p style="width: 500px">too wide</p>', "P: too wide"),
        ('<p style="overflow: hidden; width: 50px">unbroken_and_long</p>', "P: unbroken_and_long"),
        ('<svg width="50"><text x="40" y="20">out of it</text></svg>', "text: out of it"),
    ],
)
def test_what_is_cut_off_is_found(more: str, cut: str, tmp_path: Path) -> None:
    """Otherwise the test above would tell nothing."""
    found, _ = shown(f"<!doctype html><body>{more}<script>nothing()</script></body>", tmp_path)
    assert cut in found["cut"]


def test_complaints_are_found(tmp_path: Path) -> None:
    """Of scripts that fail, and of what is not there."""
    _, complaints = shown("<!doctype html><body><script>nothing()</script></body>", tmp_path)
    assert len(complaints) == 1 and "nothing is not defined" in complaints[0]
