#!/usr/bin/env python3
"""
Print the digests of functions of Twisted's, as pyreactor/_versions.py has them.

    digests.py twisted.web.http Request.write Request.finish …

Run it with each supported release of Twisted first on PYTHONPATH, and read what changed
before a further digest is taken for known.
"""

from __future__ import annotations

import sys
from importlib import import_module

from pyreactor import _versions


def main(name: str, paths: list[str]) -> None:
    """One line for each of the functions."""
    module = import_module(name)
    lines = _versions.lines_of(module)
    for path in paths:
        try:
            found = _versions.digest(_versions.function_of(module, path), lines)
        except _versions.Unknown as error:
            found = str(error)
        print(f'"{path}": "{found}",')


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
