"""
``twistd --reactor=pyreactor pyreactor [--slow …] SERVICE``: any service of twistd's, watched.

The service is made by its own plugin; beside it is nothing but what `settings` asks for.
"""

from __future__ import annotations

import importlib
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.python import usage

from pyreactor._watch import settings

NAME = "pyreactor"


class Options(usage.Options):
    """What is asked for, and the service with its own options."""

    synopsis = "[options] SERVICE [options of the service]"
    optParameters = [
        ["slow", None, None, "report callbacks that keep the reactor for more seconds than this"],
        ["prometheus", None, None, "serve metrics on this port of 127.0.0.1"],
    ]
    optFlags = [
        ["stats", None, "print at the end, and on SIGUSR2, what the reactor has done"],
        ["top", None, "let `pyreactor top` look at it"],
    ]

    @property
    def subCommands(self) -> list[tuple[str, None, Any, str]]:
        """The services of all plugins but this one's."""
        self.makers = {
            maker.tapname: maker for maker in getPlugins(IServiceMaker) if maker.tapname != NAME
        }
        return [
            (name, None, lambda maker=maker: maker.options(), maker.description)
            for name, maker in sorted(self.makers.items())
        ]

    def postOptions(self) -> None:
        """
        Take what was asked for.

        @raise usage.UsageError: no service is named, the reactor is another one, or something
            cannot be.
        """
        if self.subCommand is None:
            raise usage.UsageError("which service is to be watched?")
        # The default one is chosen, if none is.
        importlib.import_module("twisted.internet.reactor")
        try:
            settings.installed_reactor()
        except RuntimeError as error:
            raise usage.UsageError(f"{error}: write twistd --reactor=pyreactor") from None
        asked = {
            settings.SLOW: self["slow"],
            settings.PROMETHEUS: self["prometheus"],
            settings.STATS: "1" if self["stats"] else None,
            settings.TOP: "1" if self["top"] else None,
        }
        for name, value in asked.items():
            if value is not None:
                try:
                    settings.current.tell(name, value)
                except ValueError as error:
                    raise usage.UsageError(str(error)) from None


def makeService(options: Options) -> Any:
    """The service that is named.  Mirrors twisted.application.service.IServiceMaker.makeService."""
    maker: Any = options.makers[options.subCommand]
    return maker.makeService(options.subOptions)
