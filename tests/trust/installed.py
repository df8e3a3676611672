"""pyreactor, installed: to be imported before what imports Twisted's reactor."""

from __future__ import annotations

from typing import Any

import pyreactor

pyreactor.install()

from twisted.internet import reactor as installed  # noqa: E402

reactor: Any = installed
