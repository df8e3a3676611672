"""``python -m pyreactor``; see ``pyreactor._cli``."""

from __future__ import annotations

import sys

from pyreactor._cli import main

if __name__ == "__main__":
    sys.exit(main())
