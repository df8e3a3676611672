"""``python -m pyreactor``; see ``pyreactor._command.cli``."""

from __future__ import annotations

import sys

from pyreactor._command.cli import main

if __name__ == "__main__":
    sys.exit(main())
