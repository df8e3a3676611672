"""The same by rich, where that is installed (``pip install pyreactor[bench]``)."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from pyreactor._bench import results, text
from pyreactor._bench.results import Document, Row

COLOURS = {
    results.FASTER: "green",
    results.SLOWER: "bold red",
    results.NOISY: "yellow",
    results.ONCE: "cyan",
    results.NOTHING: "dim",
}


class RichProgress:
    """A bar, drawn by this thread alone: no thread may be there when a program is started."""

    def __init__(self) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
        )
        self.task = self.progress.add_task("", total=None)

    def begin(self, total: int) -> None:
        """So many samples are to come."""
        self.progress.update(self.task, total=total)
        self.progress.start()

    def sample(self, what: str) -> None:
        """A sample begins."""
        self.progress.update(self.task, description=what)
        self.progress.refresh()

    def done(self) -> None:
        """It has been taken."""
        self.progress.advance(self.task)

    def note(self, text: str) -> None:
        """Something that stays to be read."""
        self.progress.console.print(text, markup=False, highlight=False)

    def end(self) -> None:
        """No sample is to come."""
        self.progress.refresh()
        self.progress.stop()


def table(row: Row, sides: list[str], layout: text.Layout) -> Table:
    """The sides of a row."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(width=0)
    for number, width in enumerate(layout.widths):
        made.add_column(width=width, justify="right" if number else "left", no_wrap=True)
    made.add_column(no_wrap=True)
    for side in sides:
        line = text.cells(row, side)
        if not any(line[1:]):
            continue
        if line[2]:
            drawn = text.bar(text.share(row, side, sides), layout.bar)
            colour = "blue" if side == results.BASE else COLOURS[results.verdict(row, side)]
            made.add_row("", *line[:5], Text(f"{drawn} {line[5]}", style=colour))
        else:
            made.add_row("", side, "", "", "", "", Text(line[1], style="dim"))
    return made


def show(document: Document) -> None:
    """Print the machine, the table and the summary."""
    console = Console()
    layout = text.Layout.of(document, console.width)
    for line in text.machine(document, console.width):
        console.print(line, style="dim", markup=False, highlight=False)
    console.print()
    console.print(text.heading(document), markup=False, highlight=False)
    console.print()
    console.print(f"  {layout.line(text.TITLES)}", style="dim", markup=False, highlight=False)
    for row in document["rows"]:
        console.print(Text(f"{row['name']} (per {row['operation']})", style="bold"))
        console.print(table(row, document["sides"], layout))
    console.print()
    for line in text.closing(document, console.width):
        console.print(line, markup=False, highlight=False)
