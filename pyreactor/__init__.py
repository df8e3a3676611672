"""pyreactor: Twisted, faster and unchanged."""

from __future__ import annotations

import sys

from pyreactor._watch.settings import prometheus_collector, stats, watch

__all__ = ["__version__", "install", "prometheus_collector", "stats", "watch"]

# The one place of the version: pyproject.toml takes it from here.
__version__ = "0.1.0"


def install() -> None:
    """
    Switch on the accelerated parts and install pyreactor's reactor.

    To be called before ``twisted.internet.reactor`` is imported, like the ``install``
    functions of Twisted's reactor modules.  With ``PYREACTOR=0`` in the environment, or
    the reactor part switched off, Twisted's default reactor is installed.

    @raise twisted.internet.error.ReactorAlreadyInstalledError: a reactor is there already.
    """
    if "twisted.internet.reactor" in sys.modules:
        from twisted.internet.error import ReactorAlreadyInstalledError

        raise ReactorAlreadyInstalledError("reactor already installed")
    from pyreactor._activation import hook

    hook.activate()
    from twisted.internet import default

    default.install()
