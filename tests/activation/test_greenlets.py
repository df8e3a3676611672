"""
Programs with gevent's or eventlet's stand-ins for Python's modules.

Where these stand in for the module select, the reactor has to be Twisted's, which waits by that
module and so lets greenlets run; the other parts stay on.  tests/programs/greenlets.py runs on both
sides; with the stand-ins put in first, it ends only if a greenlet runs while the reactor waits.
"""

from __future__ import annotations

import json

import pytest

from tests.support import PROGRAMS, PYREACTOR, STOCK, check, python

SELECT = {"gevent": "gevent.select", "eventlet": "eventlet.green.select"}
PUT_IN = {
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": "import warnings; warnings.simplefilter('ignore')\n"
    "import eventlet; eventlet.monkey_patch()",
}


def words(whose: str) -> str:
    why = "and only Twisted's own reactors wait by that module"
    return f"select.select is {SELECT[whose]}'s, {why}"


def warning(whose: str) -> str:
    return f"pyreactor: the reactor part stays stock: {words(whose)}\n"


@pytest.mark.parametrize("whose", sorted(SELECT))
@pytest.mark.parametrize(
    ("when", "reactor"),
    [
        ("first", "default"),
        ("first", "epollreactor"),
        ("first", "pollreactor"),
        ("first", "selectreactor"),
        ("imported", "default"),
    ],
)
def test_the_reactor_is_stocks(whose: str, when: str, reactor: str) -> None:
    program = PROGRAMS / "greenlets.py"
    stock, ours = (
        python(program, whose, when, reactor, runner=runner) for runner in (STOCK, PYREACTOR)
    )
    assert (stock.returncode, stock.stderr) == (0, "")
    assert (ours.returncode, ours.stdout) == (0, stock.stdout)
    assert ours.stderr == warning(whose)
    expected = "the thread has seen the greenlet run" if when == "first" else "received b'to"
    assert expected in stock.stdout


@pytest.mark.parametrize("whose", sorted(SELECT))
def test_one_asked_for_by_name_is_stocks(whose: str) -> None:
    """pyreactor.install() says so and gives a reactor that works."""
    program = PROGRAMS / "greenlets.py"
    stock, ours = (
        python(program, whose, "first", "pyreactor", env=variables)
        for variables in ({"PYREACTOR": "0"}, {})
    )
    assert (stock.returncode, stock.stderr) == (0, "")
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, stock.stdout, warning(whose))


@pytest.mark.parametrize("whose", sorted(SELECT))
def test_ours_with_other_sockets_and_threads(whose: str) -> None:
    """Without select's functions stock's reactor waits as ours does."""
    program = PROGRAMS / "greenlets.py"
    stock, ours = (
        python(program, whose, "but select", "default", runner=runner)
        for runner in (STOCK, PYREACTOR)
    )
    assert (stock.returncode, stock.stderr) == (0, "")
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, stock.stdout, "")
    code = f"""
{PUT_IN[whose].replace("()", "(select=False)")}
import pyreactor; pyreactor.install()
from twisted.internet import reactor
print(type(reactor._loop).__module__)
"""
    assert check(code) == "pyreactor._core\n"


@pytest.mark.parametrize("whose", sorted(SELECT))
def test_the_reactor_option(whose: str) -> None:
    code = f"""
{PUT_IN[whose]}
from twisted.application.reactors import installReactor
installReactor("pyreactor")
from twisted.internet import defer, reactor
print(type(reactor).__module__, type(defer.Deferred.callback).__name__)
"""
    result = python("-c", code)
    stock = {"gevent": "poll", "eventlet": "select"}[whose]
    assert result.stderr == warning(whose)
    assert result.stdout.startswith(f"twisted.internet.{stock}reactor ")
    assert not result.stdout.endswith(" function\n")  # Deferred is in C


@pytest.mark.parametrize("whose", sorted(SELECT))
def test_doctor_says_why(whose: str) -> None:
    code = f"""
{PUT_IN[whose]}
from pyreactor._command.doctor import doctor
raise SystemExit(doctor(as_json=True))
"""
    result = python("-c", code)
    assert (result.returncode, result.stderr) == (1, warning(whose))
    parts = json.loads(result.stdout)["parts"]
    assert parts.pop("reactor") == {"c": False, "reason": words(whose)}
    assert all(part["c"] for part in parts.values())


def test_what_would_be_installed() -> None:
    """Asked before the reactor is chosen, the status is of the one that would be."""
    code = """
from pyreactor._activation import hook
hook.activate()
from twisted.internet import default
print(hook.statuses()["reactor"])
import select
del select.epoll
print(hook.statuses()["reactor"])
"""
    before, after = check(code).splitlines()
    assert before.startswith("(True, ")
    assert after.startswith('(False, "select.epoll was taken away, and only Twisted')
