"""
Random programs on both sides, others each time, until so many seconds are over.

    python -m tests.fuzz [--seconds 60] [PART...]

The parts are the differential tests of the rooms: framings, Banana, Deferreds, timed calls,
streams and datagrams, TLS records.  What fails is shown as small as hypothesis can make it, and is
kept in .hypothesis, from where every later run begins: make a test of it.  Where atheris is
installed, the targets of fuzz_framing.py run as well, which are guided by what the inputs reach;
their corpora are below build/fuzz.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import time

from tests.support import CHECKOUT

#: Tests of random programs, and the variable that says how many there are.
PARTS = {
    "framings": ("tests/framing/test_differential.py", "PYREACTOR_FRAMING_EXAMPLES"),
    "banana": ("tests/framing/test_banana.py", "PYREACTOR_FRAMING_EXAMPLES"),
    "deferred": ("tests/deferred/test_differential.py", "PYREACTOR_EXAMPLES"),
    "loop": ("tests/loop/test_differential.py", "PYREACTOR_TEST_EXAMPLES"),
    "tls": ("tests/tls/test_records.py", "PYREACTOR_TEST_EXAMPLES"),
}
TARGETS = [
    "LineReceiver",
    "LineOnlyReceiver",
    "IntNStringReceiver",
    "NetstringReceiver",
    "BatchLineReceiver",
    "BatchIntNStringReceiver",
    "BatchNetstringReceiver",
    "HeaderReceiver",
    "Banana",
]
#: Programs in one run of pytest: it is asked after each whether time is over.
EXAMPLES = {"loop": 20, "tls": 40}
MORE_EXAMPLES = 200
#: Coverage-guided targets begin anew with what was found after so many seconds.
SLICE = 10


def programs(part: str) -> int:
    """One run of a part's tests; the exit code."""
    tests, variable = PARTS[part]
    examples = str(EXAMPLES.get(part, MORE_EXAMPLES))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", tests]
    command += ["--hypothesis-profile=random", "--no-header", "-m", "hypothesis"]
    env = {**os.environ, variable: examples}
    return subprocess.run(command, cwd=CHECKOUT, env=env, check=False).returncode


def guided(target: str, seconds: int) -> int:
    """A coverage-guided target for so long; the exit code."""
    corpus = CHECKOUT / "build" / "fuzz" / target
    corpus.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "tests/fuzz/fuzz_framing.py", target, str(corpus)]
    command += [f"-max_total_time={seconds}", "-len_control=0", "-max_len=600", "-verbosity=0"]
    command += [f"-artifact_prefix={corpus.parent}/"]
    return subprocess.run(command, cwd=CHECKOUT, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join([*PARTS, *TARGETS])}")
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    has_atheris = importlib.util.find_spec("atheris") is not None
    parts = options.parts or [*PARTS, *(TARGETS if has_atheris else [])]
    end = time.monotonic() + options.seconds
    rounds = dict.fromkeys(parts, 0)
    while True:
        for part in parts:
            code = programs(part) if part in PARTS else guided(part, SLICE)
            if code:
                print(f"{part}: a finding, see above")
                return 1
            rounds[part] += 1
            if time.monotonic() >= end and min(rounds.values()) > 0:
                told = ", ".join(f"{part} {times}" for part, times in rounds.items())
                print(f"no finding; rounds: {told}")
                return 0


if __name__ == "__main__":
    sys.exit(main())
