"""
The web part: the server of ``twisted.web`` works in C, its client by shorter ways in Python.

Twisted's classes stay what and where they are; methods of theirs are replaced by such in C, or
given other code, so that subclasses, instances and imported names all follow.  A method that
somebody else has replaced before stays theirs, and one that a release has otherwise stays
Twisted's.
"""

from __future__ import annotations

import sys
from types import ModuleType

SERVER = ("twisted.web.http", "twisted.web.server", "twisted.web.static")
CLIENT = ("twisted.internet.endpoints", "twisted.web._newclient", "twisted.web.client")
TARGETS = SERVER + CLIENT


def activate(module: ModuleType) -> None:
    """Put the methods in C into the classes of one of the modules, or change the client's."""
    from pyreactor._web import client, setup

    if module.__name__ in CLIENT:
        client.install(module)
    else:
        setup.put_in(module)


def status() -> tuple[bool, str]:
    """Whether the server works in C in this process, the client by other code, and why (not)."""
    setup = sys.modules.get("pyreactor._web.setup")
    client = sys.modules.get("pyreactor._web.client")
    imported = [name for name in TARGETS if name in sys.modules]
    if not imported:
        return False, f"{SERVER[0]} is not imported"
    if setup is None or client is None:
        return False, "not activated"
    server = [name for name in SERVER if name in imported]
    left: dict[str, str] = client.stock_functions()
    if server:
        left.update(setup.forms.stock_functions())
    if SERVER[-1] in imported:
        left.update(setup.files.stock_functions())
    for target in server:
        for name in setup.MODULES[target]:
            left.update(setup.stock(name))
    reasons = list(left.values())
    if server:
        reasons += setup.stock_heads(sys.modules[SERVER[0]])
    if reasons:
        return False, f"not in C: {'; '.join(reasons)}"
    parts = [f"the server of {' and '.join(server)} works in C"] if server else []
    if server and not setup.offers_heads():
        parts.append("heads of requests do not, as LineReceiver is not in C")
    if CLIENT[-1] in imported:
        parts.append("the client asks by shorter ways")
    return True, "; ".join(parts) or "names of hosts are made once"
