"""Which reactor a program gets that asks for asyncio's, and what it is taken for."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support import PYREACTOR, STOCK, check, outcome, python

OURS = "pyreactor.asyncioreactor.AsyncioReactor\n"
STOCKS = "twisted.internet.asyncioreactor.AsyncioSelectorReactor\n"
RUNNERS = pytest.mark.parametrize("runner", [STOCK, PYREACTOR], ids=["stock", "pyreactor"])

SHOW = """
def show(reactor):
    kind = type(reactor)
    done = []
    reactor.callLater(0, done.append, 1)
    reactor.callLater(0.001, reactor.stop)
    reactor.run()
    print(f"{kind.__module__}.{kind.__qualname__}" if done else "nothing was called")
"""
WAYS = {
    "install()": "asyncioreactor.install(); from twisted.internet import reactor",
    "install(eventloop)": "asyncioreactor.install(asyncio.new_event_loop());"
    " from twisted.internet import reactor",
    "install(eventloop=)": "asyncioreactor.install(eventloop=asyncio.new_event_loop());"
    " from twisted.internet import reactor",
    "AsyncioSelectorReactor()": "reactor = asyncioreactor.AsyncioSelectorReactor()",
    "AsyncioSelectorReactor(eventloop)": "reactor = asyncioreactor.AsyncioSelectorReactor("
    "asyncio.new_event_loop())",
    "installReactor": "reactor = asyncioreactor.AsyncioSelectorReactor(asyncio.new_event_loop());"
    " main.installReactor(reactor)",
    "installer": "from twisted.application.reactors import installReactor;"
    " reactor = installReactor('asyncio')",
    "by the class imported": "from twisted.internet.asyncioreactor import AsyncioSelectorReactor;"
    " reactor = AsyncioSelectorReactor(asyncio.new_event_loop())",
}
# What the oldest Twisted needs where no event loop is given, and others do not mind.
FIRST = """
import asyncio
asyncio.set_event_loop(asyncio.new_event_loop())
from twisted.internet import asyncioreactor, main
"""


def run(code: str, **options: object) -> str:
    return check(dedent(code), **options)


@pytest.mark.parametrize("way", WAYS)
def test_programs_get_ours(way: str) -> None:
    assert run(FIRST + SHOW + WAYS[way] + "\nshow(reactor)", runner=PYREACTOR) == OURS


def test_where_the_module_was_imported_before_activation() -> None:
    code = FIRST + "from pyreactor._activation import hook; hook.activate()\n" + SHOW
    assert run(code + WAYS["install()"] + "\nshow(reactor)") == OURS


@pytest.mark.parametrize("off", [{"PYREACTOR": "0"}, {"PYREACTOR_DISABLE": "reactor"}])
def test_switched_off(off: dict[str, str]) -> None:
    code = FIRST + SHOW + WAYS["install()"] + "\nshow(reactor)"
    assert run(code, runner=PYREACTOR, env=off) == STOCKS


@pytest.mark.parametrize("command", ["twistd", "trial"])
def test_commands(command: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        dedent(
            """
            import sys
            from twisted.internet import reactor
            from twisted.trial import unittest

            class Tests(unittest.TestCase):
                def test_it(self):
                    print(type(reactor).__module__, file=sys.__stderr__)
            """
        )
    )
    (tmp_path / "it.tac").write_text(
        dedent(
            """
            import sys
            from twisted.application import service
            from twisted.internet import reactor

            application = service.Application("it")
            print(type(reactor).__module__, file=sys.__stderr__)
            reactor.callWhenRunning(reactor.callLater, 0, reactor.stop)
            """
        )
    )
    arguments = {
        "twistd": ("--reactor=asyncio", "-n", "--pidfile=", "-y", "it.tac"),
        "trial": ("--reactor=asyncio", "test_it"),
    }[command]
    result = python(
        "-c",
        f"import sys; from twisted.scripts import {command}; sys.argv[0] = '{command}';"
        " sys.path.insert(0, '.');"
        f" {command}.run()",
        *arguments,
        runner=PYREACTOR,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert "pyreactor.asyncioreactor" in result.stderr


@RUNNERS
def test_it_is_taken_for_the_one_asked_for(runner: tuple[str, ...]) -> None:
    """Scrapy compares classes and names, pytest-twisted asks isinstance."""
    output = run(
        FIRST
        + """
event_loop = asyncio.new_event_loop()
asyncioreactor.install(event_loop)
from twisted.internet import reactor
from twisted.python.reflect import qual

kind = asyncioreactor.AsyncioSelectorReactor
print(isinstance(reactor, kind), issubclass(type(reactor), kind), reactor.__class__ == kind)
print(kind == reactor.__class__, reactor.__class__ != kind, {kind: 1}.get(type(reactor)))
print(reactor._asyncioEventloop is event_loop, type(reactor).__name__)
print(sorted(name for name in ("doPoll", "doSelect", "_poller") if hasattr(reactor, name)))
own, reactor.__class__ = reactor.__class__, kind
reactor.__class__ = own
reactor.callLater(0, reactor.stop)
reactor.run()
""",
        runner=runner,
    )
    assert output == ("True True True\nTrue False 1\nTrue AsyncioSelectorReactor\n[]\n")


def test_a_class_made_of_stocks_is_stocks() -> None:
    """Whose methods it overrides, or calls, there."""
    output = run(
        FIRST
        + SHOW
        + """
class Own(asyncioreactor.AsyncioSelectorReactor):
    def callLater(self, *args):
        own.append(args)
        return super().callLater(*args)

own = []
show(Own(asyncio.new_event_loop()))
print(len(own) > 1)
""",
        runner=PYREACTOR,
    )
    assert output == "__main__.Own\nTrue\n"


REFUSING = """
class Refusing(asyncio.SelectorEventLoop):
    def add_reader(self, fd, callback, *args):
        if "eventpoll" in os.readlink(f"/proc/self/fd/{fd}"):
            raise ValueError("no such descriptors here")
        return super().add_reader(fd, callback, *args)
"""


def test_an_event_loop_that_refuses_our_descriptor() -> None:
    """The stock reactor runs on it, a line says so, and doctor why."""
    code = (
        FIRST
        + "import os\n"
        + REFUSING
        + SHOW
        + """
asyncioreactor.install(Refusing())
from twisted.internet import reactor
show(reactor)
from pyreactor._command.doctor import doctor
doctor(as_json=True)
"""
    )
    code_, output, errors = outcome(python("-c", code, runner=PYREACTOR))
    name, _, findings = output.partition("\n")
    why = (
        "__main__.Refusing.add_reader refused our descriptor: ValueError: no such descriptors here"
    )
    assert (code_, name + "\n") == (0, STOCKS)
    assert errors == f"pyreactor: the reactor part stays stock: {why}\n"
    assert json.loads(findings)["parts"]["reactor"] == {"c": False, "reason": why}


def test_doctor_tells_of_it() -> None:
    code = FIRST + WAYS["install()"] + "\nfrom pyreactor._command.doctor import doctor\n"
    findings = json.loads(run(code + "doctor(as_json=True)", runner=PYREACTOR))
    assert findings["healthy"]
    assert findings["parts"]["reactor"]["reason"].startswith(
        "twisted.internet.reactor is a pyreactor.asyncioreactor.AsyncioReactor"
    )


def test_with_gevent_it_is_stocks() -> None:
    """Whose event loop waits by gevent's select."""
    pytest.importorskip("gevent")
    code = "from gevent import monkey; monkey.patch_all()\n" + FIRST
    shown = "\nfrom twisted.python.reflect import qual; print(qual(type(reactor)))"
    result = python("-c", code + WAYS["install()"] + shown, runner=PYREACTOR)
    assert result.stdout == STOCKS
    assert "the reactor part stays stock" in result.stderr
