"""
Random programs on both sides, guided by what they reach in C, until so many seconds are over.

    .ci/checked.sh fuzz -m tests.fuzz [--seconds 60] [--processor] [--found FOLDER] [TARGET...]
    .ci/checked.sh fuzz -m tests.fuzz --input FILE TARGET
    .ci/checked.sh fuzz -m tests.fuzz --minimise FOLDER [--found FOLDER] [TARGET...]

Seconds are those of the clock, or with --processor those that a processor worked.  The targets
(targets.py) come in turns.  An input that takes an edge which none took before it is
kept, and later ones are made of it; they are stored in the folder --found, where the next search
finds them, beside those of tests/fuzz/corpus.  A finding ends the search.  Its input is in the
folder, too: --input runs it again.
"""

from __future__ import annotations

import argparse
import base64
import faulthandler
import gc
import hashlib
import random
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

from twisted.logger import globalLogBeginner

from tests.fuzz.search import Edges, Search, smallest
from tests.fuzz.targets import TARGETS

#: What tells the seconds that a search has.
Clock = Callable[[], float]

KEPT = Path(__file__).with_name("corpus")
#: Seconds that a target's turn takes at most, and those after which a run is taken to hang.
TURN, HANGS = 20.0, 300
#: What the kept inputs of a target may be in all.
MOST_BYTES = 6000


def read(path: Path) -> list[bytes]:
    """The inputs in a file, one in base64 on each line; none where there is no file."""
    if not path.exists():
        return []
    return [base64.b64decode(line) for line in path.read_text().split()]


def write(path: Path, inputs: list[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{base64.b64encode(data).decode()}\n" for data in inputs))


class Current:
    """The input that is run now, in a file: where the process ends, it is a finding."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "current"

    def store(self, data: bytes) -> None:
        self.path.write_bytes(data)

    def finding(self, name: str) -> Path:
        """Keep it."""
        data = self.path.read_bytes()
        found = self.path.with_name(f"finding-{name}-{hashlib.sha256(data).hexdigest()[:8]}")
        return self.path.rename(found)


def turn(name: str, search: Search, until: float, clock: Clock, current: Current) -> bool:
    """Search with one target until the clock says so; whether there was no finding."""
    gc.collect()  # what the target before it left would be told of in the middle of a run
    with TARGETS[name].around():
        while clock() < until:
            faulthandler.dump_traceback_later(HANGS, exit=True)
            for _ in range(10):
                data = search.next()
                current.store(data)
                try:
                    search.one(data)
                except Exception:
                    traceback.print_exc()
                    print(f"{name}: a finding, in {current.finding(name)}", flush=True)
                    return False
            faulthandler.cancel_dump_traceback_later()
    return True


def look(names: list[str], seconds: float, clock: Clock, found: Path, seed: int) -> int:
    """Search with all these targets for so many seconds of the clock; the exit code."""
    edges, current = Edges(), Current(found)
    print(f"seed {seed}, {'guided by edges of C' if edges.there else 'not guided'}", flush=True)
    searches = {}
    for name in names:
        kept = read(KEPT / f"{name}.txt") + read(found / f"{name}.txt")
        searches[name] = Search(TARGETS[name].function(), edges, random.Random(seed), kept)
    began, worked = time.monotonic(), time.process_time()
    end = clock() + seconds
    rest = list(names)
    fine = True
    while fine and (rest or clock() < end):
        # All come at least once, and have the same share of what is left of the time.
        rest = rest or list(names)
        name = rest.pop(0)
        print(f"{name} ...", file=sys.stderr, flush=True)
        share = max(0.1, (end - clock()) / (len(rest) + 1))
        search = searches[name]
        fine = turn(name, search, clock() + min(TURN, share), clock, current)
        write(found / f"{name}.txt", search.inputs + search.waiting)
    for name, search in searches.items():
        told = f"{search.runs:>9,} runs {len(search.inputs):>6,} kept {search.news:>7,} new"
        print(f"{name:<28}{told}")
    took = f"{time.process_time() - worked:,.0f} s of processor time"
    print(f"{took} in {time.monotonic() - began:,.0f} s by the clock")
    print("no finding" if fine else "a finding, see above", flush=True)
    return int(not fine)


def minimise(names: list[str], into: Path, found: Path) -> int:
    """Write what is worth keeping of all inputs; the exit code."""
    edges = Edges()
    for name in names:
        inputs = read(KEPT / f"{name}.txt") + read(found / f"{name}.txt")
        with TARGETS[name].around():
            chosen = smallest(TARGETS[name].function(), edges, inputs)
        few, size = [], 0
        for data in chosen:
            size += len(data)
            if size <= MOST_BYTES:
                few.append(data)
        write(into / f"{name}.txt", few)
        told = f"{len(inputs)} inputs, {len(chosen)} take all edges, {len(few)} are kept"
        print(f"{name:<28}{told}", flush=True)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--found", type=Path, default=Path("build/found"))
    parser.add_argument("--input", type=Path)
    parser.add_argument("--minimise", type=Path)
    options = parser.parse_args()
    names = options.targets or list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f"no such target: {', '.join(unknown)}")
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    warnings.simplefilter("always")  # on each side, not on the first alone
    warnings.simplefilter("ignore", ResourceWarning)  # which come whenever rubbish is collected
    if options.input:
        with TARGETS[names[0]].around():
            TARGETS[names[0]].function()(options.input.read_bytes())
        return 0
    if options.minimise:
        return minimise(names, options.minimise, options.found)
    clock = time.process_time if options.processor else time.monotonic
    return look(names, options.seconds, clock, options.found, options.seed)


if __name__ == "__main__":
    sys.exit(main())
