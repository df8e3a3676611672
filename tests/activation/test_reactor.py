"""Which reactor a program gets, and what installing a second one raises."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.support import PYREACTOR, STOCK, check, outcome, python

ALREADY = "twisted.internet.error.ReactorAlreadyInstalledError: reactor already installed"


def run(code: str, **options: object) -> str:
    return check(dedent(code), **options)


class TestUnderTheRunner:
    @pytest.mark.parametrize("name", ["default", "epollreactor", "pollreactor", "selectreactor"])
    def test_script_that_installs_one_gets_ours(self, name: str) -> None:
        output = run(
            f"""
            from twisted.internet import {name}
            {name}.install()
            from twisted.internet import reactor
            reactor.callWhenRunning(reactor.stop)
            reactor.run()
            print(type(reactor).__module__)
            """,
            runner=PYREACTOR,
        )
        assert output == "pyreactor.reactor\n"

    @pytest.mark.parametrize("name", ["default", "epollreactor", "pollreactor", "selectreactor"])
    @pytest.mark.parametrize("runner", [STOCK, PYREACTOR], ids=["stock", "pyreactor"])
    def test_it_is_taken_for_the_one_asked_for(self, name: str, runner: tuple[str, ...]) -> None:
        """Scrapy compares classes, pytest-twisted asks isinstance, autobahn looks at the name."""
        asked = {"pollreactor": "PollReactor", "selectreactor": "SelectReactor"}
        output = run(
            f"""
            from twisted.internet import epollreactor, pollreactor, selectreactor, {name}
            {name}.install()
            from twisted.internet import reactor
            from twisted.python.reflect import qual
            print(qual(reactor.__class__).split(".")[-1])
            kinds = epollreactor.EPollReactor, pollreactor.PollReactor, selectreactor.SelectReactor
            for kind in kinds:
                answers = {{
                    isinstance(reactor, kind),
                    issubclass(reactor.__class__, kind),
                    type(reactor) == kind,
                    kind == type(reactor),
                    not type(reactor) != kind,
                    reactor.__class__ == kind,
                    {{kind: True}}.get(type(reactor), False),
                }}
                if answers != {{False}}:
                    print(kind.__name__, answers)
            assert isinstance(reactor, type(reactor)) and type(reactor) == type(reactor)
            # As Twisted's own tests do for a while.
            own, reactor.__class__ = reactor.__class__, epollreactor.EPollReactor
            reactor.__class__ = own
            reactor.callLater(0, reactor.stop)
            reactor.run()
            """,
            runner=runner,
        )
        kind = asked.get(name, "EPollReactor")
        assert output == f"{kind}\n{kind} {{True}}\n"

    @pytest.mark.parametrize("name", ["epollreactor", "pollreactor", "selectreactor"])
    @pytest.mark.parametrize("runner", [STOCK, PYREACTOR], ids=["stock", "pyreactor"])
    def test_its_class_otherwise(self, name: str, runner: tuple[str, ...]) -> None:
        """Subclasses equal themselves alone, others may answer a comparison, and it pickles."""
        output = run(
            f"""
            import pickle
            from unittest import mock
            from twisted.internet import {name}
            {name}.install()
            from twisted.internet import reactor
            kind = type(reactor)
            asked, = (k for k in vars({name}).values() if isinstance(k, type) and k == kind)

            class Mine(kind): pass
            class Other(kind): pass

            print(Mine == asked, asked == Mine, Mine == kind, kind == Mine, Mine == Other)
            print(Mine == Mine, Mine != asked, len({{Mine, Other, kind, asked}}))
            print(kind == mock.ANY, mock.ANY == kind, kind == 1, kind != None)
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                for dumps in pickle.dumps, pickle._dumps:
                    data = dumps([kind, Mine], protocol)
                    assert b"pyreactor" not in data
                    assert pickle.loads(data) == [kind, Mine]
            own = Mine()
            print([isinstance(each, kind) for each in (own, 1, kind)], isinstance(reactor, Mine))
            print(issubclass(Mine, kind), issubclass(int, kind), issubclass(kind, Mine))
            own = Mine()
            own.callLater(0, own.stop)
            own.run()
            getattr(reactor, "doSelect", reactor.doIteration)(0)
            """,
            runner=runner,
        )
        assert output == (
            "False False False False False\nTrue True 3\nTrue True False True\n"
            "[True, False, False] False\nTrue False False\n"
        )

    @pytest.mark.parametrize("first", ["default", "epollreactor", "asyncioreactor"])
    @pytest.mark.parametrize("second", ["epollreactor", "selectreactor", "asyncioreactor"])
    def test_second_install_raises_as_in_stock(
        self, tmp_path: Path, first: str, second: str
    ) -> None:
        (tmp_path / "script.py").write_text(
            dedent(
                f"""
                import asyncio
                asyncio.set_event_loop(asyncio.new_event_loop())
                from twisted.internet import {first}, {second}
                {first}.install()
                try:
                    {second}.install()
                except Exception as error:
                    print(type(error), error)
                """
            )
        )
        stock = outcome(python("script.py", runner=STOCK, cwd=tmp_path))
        ours = outcome(python("script.py", runner=PYREACTOR, cwd=tmp_path))
        assert ours == stock
        assert "ReactorAlreadyInstalledError" in ours[1]

    def test_install_after_import_of_reactor(self, tmp_path: Path) -> None:
        code = """
        from twisted.internet import reactor, epollreactor
        epollreactor.install()
        """
        for runner in (STOCK, PYREACTOR):
            result = python("-c", dedent(code), runner=runner)
            assert result.returncode == 1
            assert result.stderr.rstrip().endswith(ALREADY)


class TestInstallFunction:
    def test_installs_ours(self) -> None:
        run(
            """
            import pyreactor
            pyreactor.install()
            from twisted.internet import reactor
            assert type(reactor).__module__ == "pyreactor.reactor"
            reactor.callWhenRunning(reactor.stop)
            reactor.run()
            """
        )

    def test_import_alone_does_nothing(self) -> None:
        run(
            """
            import sys, pyreactor
            assert not any(name.startswith("twisted") for name in sys.modules)
            from twisted.internet import reactor
            assert type(reactor).__qualname__ == "EPollReactor"
            """
        )

    @pytest.mark.parametrize("before", ["from twisted.internet import reactor", "install()"])
    def test_raises_what_stock_raises(self, before: str) -> None:
        code = f"from pyreactor import install\n{before}\ninstall()"
        result = python("-c", code)
        assert result.returncode == 1
        assert result.stderr.rstrip().endswith(ALREADY)

    def test_too_late_changes_nothing(self) -> None:
        run(
            """
            import pyreactor
            from twisted.internet import reactor, default, error
            stock = default.install
            try:
                pyreactor.install()
            except error.ReactorAlreadyInstalledError:
                assert default.install is stock
            else:
                raise AssertionError("did not raise")
            """
        )

    @pytest.mark.parametrize("variables", [{"PYREACTOR": "0"}, {"PYREACTOR_DISABLE": "reactor"}])
    def test_switched_off_installs_the_default(self, variables: dict[str, str]) -> None:
        run(
            """
            import pyreactor
            pyreactor.install()
            from twisted.internet import reactor
            assert type(reactor).__qualname__ == "EPollReactor"
            """,
            env=variables,
        )


class TestReactorOption:
    """``--reactor=pyreactor`` of Twisted's own commands."""

    def test_twistd(self, tmp_path: Path) -> None:
        (tmp_path / "app.py").write_text(
            dedent(
                """
                from twisted.application import service
                from twisted.internet import reactor
                class Tell(service.Service):
                    def startService(self):
                        print("reactor:", type(reactor).__module__)
                        reactor.callLater(0, reactor.stop)
                application = service.Application("tell")
                Tell().setServiceParent(application)
                """
            )
        )
        result = python(
            *("-c", TWISTD),
            *("--reactor=pyreactor", "--nodaemon", "--python=app.py", "--logfile=-"),
            cwd=tmp_path,
        )
        assert result.returncode == 0, result.stderr
        assert "reactor: pyreactor.reactor" in result.stdout

    def test_twist(self, tmp_path: Path) -> None:
        result = python("-m", "twisted", "--reactor=pyreactor", "--help-reactors", cwd=tmp_path)
        assert "pyreactor" in result.stdout + result.stderr

    def test_trial(self, tmp_path: Path) -> None:
        (tmp_path / "test_it.py").write_text(
            dedent(
                """
                from twisted.trial.unittest import TestCase
                class ReactorTests(TestCase):
                    def test_reactor(self):
                        from twisted.internet import reactor
                        self.assertEqual(type(reactor).__module__, "pyreactor.reactor")
                """
            )
        )
        result = python("-m", "twisted.trial", "--reactor=pyreactor", "test_it", cwd=tmp_path)
        assert result.returncode == 0, result.stdout
        assert "PASSED (successes=1)" in result.stdout


TWISTD = """
import sys
from twisted.scripts.twistd import run
sys.argv[0] = "twistd"
run()
"""
