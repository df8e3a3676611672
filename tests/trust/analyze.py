"""
What GCC's ``-fanalyzer`` tells of the C sources, but for what was judged to be none.

    python -m tests.trust.analyze [FILE...]

What is judged is so with GCC 12 and the headers of CPython 3.11; others may tell of more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support import CHECKOUT

OPTIONS = ["-std=c17", "-Icsrc", "-D_GNU_SOURCE", "-O1", "-c", "-o", os.devnull]
OPTIONS += ["-fanalyzer", "-fdiagnostics-format=json", f"-I{sysconfig.get_path('include')}"]

A_BLOCK = "PyBytes_AS_STRING of a block, and the start of a buffer with a size, are not NULL"
AN_ERROR = "a call that returned NULL has set an exception"
#: Why there is none, by the function in which a report ends.
JUDGED = {
    "reserve": A_BLOCK,
    "append": A_BLOCK,
    "handle": AN_ERROR,
    "take_stop_value": AN_ERROR,
    "fast_failure": AN_ERROR,
    "pyr_traceback_prepend": AN_ERROR,
    "fail": AN_ERROR,
    "run_except_clauses": AN_ERROR,
    "pyr_web_do": AN_ERROR,
}


def where(report: dict[str, Any]) -> str:
    """The last of the project's own functions that leads to what is reported."""
    own = [
        event["function"]
        for event in report.get("path", [])
        if event.get("location", {}).get("file", "").startswith("csrc/")
    ]
    return next((name for name in reversed(own) if not name.startswith("Py")), "?")


def reports(file: str) -> list[str]:
    """What is told of a file and not judged."""
    command = [os.environ.get("CC", "cc"), *OPTIONS, file]
    result = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if not result.stderr.startswith("["):
        return [f"{file}: {result.stderr}"]
    return [
        f"{file}: {where(report)}: {report['message']} {report.get('option', '')}"
        for report in json.loads(result.stderr.splitlines()[0])
        if where(report) not in JUDGED
    ]


def main() -> int:
    files = sys.argv[1:] or sorted(
        str(p.relative_to(CHECKOUT)) for p in CHECKOUT.glob("csrc/**/*.c")
    )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [report for several in pool.map(reports, files) for report in several]
    print("\n".join([*found, f"{len(files)} files, {len(found)} reports that are not judged"]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
