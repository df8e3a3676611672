"""The import hook: what it changes, what it leaves as it was, and what it survives."""

from __future__ import annotations

import zipfile
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support import PYREACTOR, check, python

# What the tests below start with.  `ours` tells whose install function that is.
SETUP = """
import sys
from pyreactor._activation.hook import activate
def ours(function):
    return hasattr(function, "_pyreactor_install")
"""


def run(code: str, **options: object) -> str:
    return check(SETUP + dedent(code), **options)


TARGETS = ["default", "epollreactor", "pollreactor", "selectreactor"]


class TestActivate:
    def test_imports_nothing_of_twisted(self) -> None:
        run(
            """
            before = set(sys.modules)
            activate()
            new = set(sys.modules) - before
            assert not any(name.startswith(("twisted", "zope")) for name in new), new
            """
        )

    def test_is_cheap_where_twisted_is_not_used(self) -> None:
        """What `pyreactor enable` adds to the start of every Python."""
        run(
            """
            before = set(sys.modules)
            activate()
            import json
            new = {name for name in set(sys.modules) - before if "pyreactor" in name}
            assert new == set(), new
            """
        )

    def test_installs_no_reactor(self) -> None:
        run(
            """
            activate()
            import twisted.internet.default, twisted.internet.defer
            assert "twisted.internet.reactor" not in sys.modules
            """
        )

    @pytest.mark.parametrize("name", TARGETS)
    def test_changes_modules_imported_later(self, name: str) -> None:
        run(
            f"""
            activate()
            from twisted.internet import {name} as module
            assert ours(module.install)
            """
        )

    @pytest.mark.parametrize("name", TARGETS)
    def test_changes_modules_imported_before(self, name: str) -> None:
        run(
            f"""
            from twisted.internet import {name} as module
            assert not ours(module.install)
            activate()
            assert ours(module.install)
            """
        )

    def test_twice_is_once(self) -> None:
        run(
            """
            activate()
            activate()
            from twisted.internet import default
            assert not ours(default.install.__wrapped__)
            from pyreactor._activation.hook import finder
            assert sys.meta_path.count(finder) == 1
            """
        )

    def test_replacement_looks_like_the_stock_function(self) -> None:
        run(
            """
            from twisted.internet import epollreactor
            def look():
                function = epollreactor.install
                return function.__module__, function.__name__, function.__doc__
            stock = look()
            activate()
            assert look() == stock
            """
        )


class TestImportSystem:
    def test_module_attributes_are_as_without_us(self) -> None:
        code = """
        {activate}
        import importlib.util, inspect
        from twisted.internet import default
        spec = default.__spec__
        print(type(default.__loader__).__name__, default.__loader__ is spec.loader)
        print(spec.name, spec.origin, spec.cached, spec.parent, spec.has_location)
        print(default.__file__, default.__package__, default.__doc__)
        print(getattr(default, "__cached__", None))  # 3.15 has none
        print(inspect.getsource(default)[:1000])
        print(spec == importlib.util.find_spec("twisted.internet.default"))
        print(spec._initializing)
        """
        stock = run(code.format(activate=""))
        assert run(code.format(activate="activate()")) == stock

    def test_module_sees_its_own_loader_while_executed(self, tmp_path: Path) -> None:
        fake_twisted(
            tmp_path,
            "def install(): pass\nseen = type(__loader__), type(__spec__.loader)",
        )
        run(
            """
            activate()
            from importlib.machinery import SourceFileLoader
            from twisted.internet import default
            assert default.seen == (SourceFileLoader, SourceFileLoader)
            assert ours(default.install)
            """,
            cwd=tmp_path,
        )

    def test_reload_changes_again(self) -> None:
        run(
            """
            activate()
            import importlib
            from twisted.internet import epollreactor
            first = epollreactor.install
            assert importlib.reload(epollreactor) is epollreactor
            assert epollreactor.install is not first
            assert ours(epollreactor.install)
            assert type(epollreactor.__loader__).__name__ == "SourceFileLoader"
            """
        )

    def test_import_anew_changes_again(self) -> None:
        run(
            """
            activate()
            import twisted.internet.epollreactor as first
            del sys.modules["twisted.internet.epollreactor"]
            import importlib
            second = importlib.import_module("twisted.internet.epollreactor")
            assert second is not first and ours(second.install)
            """
        )

    def test_find_spec_without_import(self) -> None:
        """A spec that was only looked at can still tell the source."""
        run(
            """
            activate()
            import importlib.util, runpy
            spec = importlib.util.find_spec("twisted.internet.epollreactor")
            assert "twisted.internet.epollreactor" not in sys.modules
            assert "EPollReactor" in spec.loader.get_source(spec.name)
            assert spec.loader.get_code(spec.name).co_filename == spec.origin
            assert "EPollReactor" in runpy.run_module("twisted.internet.epollreactor")
            """
        )

    def test_module_made_by_hand_from_the_spec(self) -> None:
        run(
            """
            activate()
            import importlib.util
            spec = importlib.util.find_spec("twisted.internet.epollreactor")
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
            assert ours(module.install)
            """
        )

    def test_lazy_loader(self) -> None:
        run(
            """
            activate()
            import importlib.util
            spec = importlib.util.find_spec("twisted.internet.epollreactor")
            spec.loader = importlib.util.LazyLoader(spec.loader)
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
            assert ours(module.install)
            """
        )

    @pytest.mark.parametrize("position", [0, 1, "len(sys.meta_path)"])
    def test_another_hook_that_asks_the_whole_machinery(self, position: object) -> None:
        """Hooks like wrapt's call importlib.util.find_spec from inside find_spec."""
        run(
            f"""
            import importlib.util
            class Hook:
                busy = False
                seen = 0
                def find_spec(self, name, path=None, target=None):
                    if self.busy or name != "twisted.internet.epollreactor":
                        return None
                    self.busy = True
                    try:
                        self.seen += 1
                        return importlib.util.find_spec(name)
                    finally:
                        self.busy = False
            activate()
            hook = Hook()
            sys.meta_path.insert({position}, hook)
            from twisted.internet import epollreactor
            assert ours(epollreactor.install)
            assert not ours(epollreactor.install.__wrapped__)
            assert type(epollreactor.__loader__).__name__ == "SourceFileLoader"
            assert type(epollreactor.__spec__.loader).__name__ == "SourceFileLoader"
            assert hook.seen or {position!r} != 0
            """
        )

    def test_finder_without_find_spec(self) -> None:
        run(
            """
            activate()
            from twisted import internet
            sys.meta_path.insert(1, object())
            from pyreactor._activation.hook import finder
            assert finder.find_spec("twisted.internet.default", internet.__path__) is not None
            """
        )

    def test_zip_import(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
            archive.writestr("twisted/__init__.py", "__version__ = '26.10.0'")
            archive.writestr("twisted/internet/__init__.py", "")
            archive.writestr("twisted/internet/default.py", "def install(): pass")
        run(
            """
            sys.path.insert(0, "lib.zip")
            activate()
            from twisted.internet import default
            assert "lib.zip" in default.__file__
            assert type(default.__loader__).__name__ == "zipimporter"
            assert ours(default.install)
            """,
            cwd=tmp_path,
        )

    def test_threads_that_import_at_once(self) -> None:
        run(
            """
            activate()
            import threading
            barrier = threading.Barrier(8)
            seen = []
            def work(name):
                barrier.wait()
                module = __import__("twisted.internet." + name, fromlist=["install"])
                seen.append(ours(module.install))
            names = ["default", "epollreactor", "pollreactor", "selectreactor"] * 2
            threads = [threading.Thread(target=work, args=(name,)) for name in names]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert seen == [True] * 8, seen
            """
        )

    def test_activation_while_another_thread_imports(self, tmp_path: Path) -> None:
        fake_twisted(
            tmp_path,
            """
            import sys
            started, go_on = sys.modules["__main__"].events
            started.set()
            go_on.wait()
            def install(): pass
            """,
        )
        run(
            """
            import threading
            events = started, go_on = threading.Event(), threading.Event()
            def work():
                import twisted.internet.default
            thread = threading.Thread(target=work)
            thread.start()
            started.wait()
            threading.Timer(0.1, go_on.set).start()
            activate()
            thread.join()
            assert ours(sys.modules["twisted.internet.default"].install)
            """,
            cwd=tmp_path,
        )

    def test_activation_by_the_module_that_is_imported(self, tmp_path: Path) -> None:
        fake_twisted(
            tmp_path,
            """
            from pyreactor._activation.hook import activate
            activate()
            def install(): pass
            """,
        )
        result = python("-c", "import twisted.internet.default", cwd=tmp_path)
        assert result.returncode == 0
        assert result.stderr == (
            "pyreactor: twisted.internet.default was being imported when pyreactor was activated\n"
        )

    def test_module_that_fails_once_can_be_imported_later(self, tmp_path: Path) -> None:
        fake_twisted(
            tmp_path,
            """
            import sys
            if not hasattr(sys, "second_time"):
                sys.second_time = True
                raise ImportError("not yet")
            def install(): pass
            """,
        )
        run(
            """
            activate()
            try:
                import twisted.internet.default
            except ImportError as error:
                assert str(error) == "not yet"
            from twisted.internet import default
            assert ours(default.install)
            """,
            cwd=tmp_path,
        )


class TestSwitches:
    def test_bypass(self) -> None:
        run(
            """
            from twisted.internet import epollreactor
            activate()
            from twisted.internet import default, pollreactor
            for module in default, epollreactor, pollreactor:
                assert not ours(module.install)
            """,
            env={"PYREACTOR": "0"},
        )

    @pytest.mark.parametrize("value", ["1", "", "yes"])
    def test_other_values_do_not_bypass(self, value: str) -> None:
        run(
            """
            activate()
            from twisted.internet import default
            assert ours(default.install)
            """,
            env={"PYREACTOR": value},
        )

    def test_disable_by_environment(self) -> None:
        run(
            """
            activate()
            from twisted.internet import default
            assert not ours(default.install)
            """,
            env={"PYREACTOR_DISABLE": " framing , reactor,"},
        )

    def test_unknown_names_are_warned_about(self) -> None:
        result = python(
            "-c", "print('runs')", runner=PYREACTOR, env={"PYREACTOR_DISABLE": "reactr,framing"}
        )
        assert (result.returncode, result.stdout) == (0, "runs\n")
        assert result.stderr == (
            "pyreactor: PYREACTOR_DISABLE names an unknown part 'reactr'"
            " (parts: reactor, deferred, framing, log, web)\n"
        )


class TestFailingParts:
    """Whatever goes wrong here, the program runs on stock Twisted and the user is told."""

    FAILURE = """
    from types import SimpleNamespace
    from pyreactor._activation import hook
    calls = []
    def fail(module):
        calls.append(module.__name__)
        raise RuntimeError("no\\nluck")
    hook.current.parts["reactor"].module = SimpleNamespace(
        TARGETS=("twisted.internet.default", "twisted.internet.epollreactor"),
        activate=fail,
        status=lambda: (True, "boasting"),
    )
    """

    @pytest.mark.parametrize("early", [True, False])
    def test_program_goes_on(self, early: bool) -> None:
        steps = ["activate()", "import twisted.internet.default"]
        code = (
            SETUP
            + dedent(self.FAILURE)
            + "\n".join(steps if early else reversed(steps))
            + dedent(
                """
                from twisted.internet import reactor
                assert type(reactor).__qualname__ == "EPollReactor"
                assert len(calls) == 1, calls
                print(hook.statuses()["reactor"])
                """
            )
        )
        result = python("-c", code)
        assert result.returncode == 0, result.stderr
        reason = "activation failed: RuntimeError: no\nluck"
        assert result.stdout == f"{(False, reason)}\n"
        assert result.stderr == (
            "pyreactor: the reactor part stays stock: activation failed: RuntimeError: no luck\n"
        )

    def test_extension_that_cannot_be_loaded(self) -> None:
        code = SETUP + dedent(
            """
            sys.modules["pyreactor._core"] = None
            activate()
            from twisted.internet import reactor
            print(type(reactor).__qualname__)
            """
        )
        result = python("-c", code)
        assert (result.returncode, result.stdout) == (0, "EPollReactor\n")
        assert "the reactor part stays stock" in result.stderr

    def test_reactor_that_cannot_be_imported(self) -> None:
        code = """if True:
            import sys
            from pyreactor._activation.hook import activate, statuses
            sys.modules["pyreactor._transport.tcp"] = None
            activate()
            from twisted.internet import reactor
            print(type(reactor).__qualname__, statuses()["reactor"][0])
            """
        result = python("-c", code)
        assert (result.returncode, result.stdout) == (0, "EPollReactor False\n")
        assert "the reactor part stays stock" in result.stderr

    def test_without_pyopenssl(self) -> None:
        """Twisted needs it for TLS only, and so do we."""
        run(
            """
            sys.modules["OpenSSL"] = None
            activate()
            from twisted.internet import reactor
            from pyreactor._activation.hook import statuses
            from pyreactor._transport.tcp import Server
            assert statuses()["reactor"][0], statuses()
            assert not hasattr(Server, "startTLS")
            """
        )

    def test_part_that_was_not_built(self) -> None:
        run(
            """
            sys.modules["pyreactor._activation.framing"] = None
            activate()
            import twisted.protocols.basic
            from pyreactor._activation.hook import statuses
            assert statuses()["framing"] == (False, "not built"), statuses()
            """
        )


def fake_twisted(folder: Path, default: str) -> None:
    """A twisted package whose twisted.internet.default is `default`."""
    internet = folder / "twisted" / "internet"
    internet.mkdir(parents=True)
    (folder / "twisted" / "__init__.py").write_text("__version__ = '26.10.0'")
    (internet / "__init__.py").write_text("")
    (internet / "default.py").write_text(dedent(default))
