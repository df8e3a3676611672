"""What a run of stock gave, in a file: one is enough for several runs of the comparison."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import distributions
from pathlib import Path

from tests.conformance.sides import WORKER, Results


@dataclass(frozen=True)
class Kept:
    """The results of stock's side that are stored in a file."""

    path: Path

    def read(self, names: Sequence[str] | None) -> Results | None:
        """Those of a run of these tests with what is installed now; or None."""
        if names is None or not self.path.exists():
            return None
        stored = json.loads(self.path.read_text())
        return Results(**stored["results"]) if stored["of"] == _run_of(names) else None

    def write(self, names: Sequence[str], results: Results) -> None:
        """Store them, if that run came to its end."""
        if results.trouble is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps({"of": _run_of(names), "results": asdict(results)}))


def _run_of(names: Sequence[str]) -> list[str]:
    """All that stock's results depend on: the tests, Python, its packages, and what runs them."""
    packages = sorted(
        f"{each.metadata['Name']} {each.version}"
        for each in distributions()
        if each.metadata["Name"] != "pyreactor"
    )
    runs = [path.read_bytes() for path in (WORKER, WORKER.with_name("sides.py"))]
    return [*names, sys.version, *packages, *(hashlib.sha256(text).hexdigest() for text in runs)]
