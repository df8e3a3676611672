"""``python -m pyreactor``: programs see and show the same as under plain ``python``."""

from __future__ import annotations

import json
import py_compile
import sys
import sysconfig
import zipfile
from pathlib import Path
from textwrap import dedent

import pytest

import pyreactor
from tests.support import PYREACTOR, STOCK, outcome, python

# Prints what a program can see of how it was started.
LOOK_AROUND = """\
import sys
def plain(value):
    if isinstance(value, (str, type(None))):
        return value
    return getattr(value, "name", type(value).__name__)
seen = {name: plain(value) for name, value in globals().items()}
for name, value in sorted(seen.items()):
    print(name, value)
print(sys.argv, sys.path[0], __name__)
print(sys._getframe().f_code.co_filename, sys.modules["__main__"].__dict__ is globals())
print(__loader__.name if hasattr(__loader__, "name") else __loader__)
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


def assert_same(*arguments: str | Path, cwd: Path, stdin: str = "") -> tuple[int, str, str]:
    """The program behaves the same on both sides.  Gives back how."""
    stock = outcome(python(*arguments, runner=STOCK, cwd=cwd, stdin=stdin))
    ours = outcome(python(*arguments, runner=PYREACTOR, cwd=cwd, stdin=stdin))
    assert ours == stock
    return ours


class TestWhatAProgramSees:
    """``sys.argv``, ``sys.path[0]``, ``__main__`` and ``__file__``."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        write(tmp_path / "script.py", LOOK_AROUND)
        write(tmp_path / "package" / "__init__.py", "")
        write(tmp_path / "package" / "__main__.py", LOOK_AROUND)
        write(tmp_path / "package" / "inner.py", LOOK_AROUND)
        (tmp_path / "below").mkdir()
        (tmp_path / "below" / "link.py").symlink_to("../script.py")
        with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
            archive.writestr("__main__.py", LOOK_AROUND)
        py_compile.compile(str(tmp_path / "script.py"), str(tmp_path / "compiled.pyc"))
        return tmp_path

    @pytest.mark.parametrize(
        "arguments",
        [
            ["script.py"],
            ["script.py", "--help", "-m", "x", ""],
            ["./script.py"],
            ["below/../script.py", "a b"],
            ["below/link.py"],
            ["compiled.pyc"],
            ["package", "a"],
            ["app.zip", "a"],
            ["-m", "script", "a"],
            ["-mscript", "a"],
            ["-m", "package", "--version"],
            ["-m", "package.inner"],
            ["-c", LOOK_AROUND, "-x", "a"],
        ],
        ids=lambda arguments: " ".join(arguments)[:30].replace("\n", " "),
    )
    def test_program_sees_the_same(self, folder: Path, arguments: list[str]) -> None:
        code, output, _ = assert_same(*arguments, cwd=folder)
        assert code == 0
        assert "__main__" in output

    def test_absolute_path_from_elsewhere(self, folder: Path) -> None:
        code, _, _ = assert_same(folder / "script.py", "a", cwd=folder / "below")
        assert code == 0

    def test_standard_input(self, folder: Path) -> None:
        code, _, _ = assert_same("-", "a", cwd=folder, stdin=LOOK_AROUND)
        assert code == 0

    def test_safe_path_is_kept(self, folder: Path) -> None:
        flag = "-P" if sys.version_info >= (3, 11) else "-I"
        stock = python(flag, "script.py", cwd=folder)
        # -P and -I hide the checkout's directory; bring it back.
        code = (
            "import sys; sys.path.append(sys.argv.pop(1));"
            " from pyreactor.__main__ import main; main()"
        )
        checkout = str(Path(pyreactor.__file__).parent.parent)
        ours = python(flag, "-c", code, checkout, "script.py", cwd=folder)
        assert (ours.returncode, ours.stderr) == (0, "")
        assert ours.stdout == stock.stdout

    def test_script_named_like_a_command(self, tmp_path: Path) -> None:
        write(tmp_path / "doctor", LOOK_AROUND)
        code, output, _ = assert_same("./doctor", cwd=tmp_path)
        assert code == 0
        dashed = python("--", "doctor", runner=PYREACTOR, cwd=tmp_path)
        assert dashed.stdout == output.replace("./doctor", "doctor")


EXITS = {
    "falls off the end": "x = 1",
    "sys.exit()": "import sys; sys.exit()",
    "sys.exit(0)": "import sys; sys.exit(0)",
    "sys.exit(3)": "import sys; sys.exit(3)",
    "sys.exit(-1)": "import sys; sys.exit(-1)",
    "sys.exit(256)": "import sys; sys.exit(256)",
    "sys.exit(str)": "import sys; sys.exit('this went wrong')",
    "sys.exit(object)": "import sys; sys.exit([1, 2])",
    "exit in a function": "def f():\n    raise SystemExit(7)\nf()",
    "exit subclass": "class Stop(SystemExit):\n    pass\nraise Stop(9)",
    "os._exit": "import os; os._exit(5)",
    "uncaught": "def f():\n    1 / 0\nf()",
    "uncaught with a cause": """
        def f():
            try:
                {}['key']
            except KeyError as error:
                raise ValueError('text') from error
        f()
    """,
    "uncaught while handling": """
        try:
            1 / 0
        except ZeroDivisionError:
            undefined_name
    """,
    "syntax error": "x = 1\ndef f(:\n",
    "keyboard interrupt": "raise KeyboardInterrupt",
    "keyboard interrupt by signal": """
        import os, signal
        os.kill(os.getpid(), signal.SIGINT)
    """,
    "keyboard interrupt runs atexit": """
        import atexit
        atexit.register(print, 'bye')
        raise KeyboardInterrupt
    """,
    "generator exit": "raise GeneratorExit",
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "own excepthook": """
        import sys, traceback
        def hook(kind, error, tb):
            print('hook', kind, error, len(traceback.extract_tb(tb)))
            print('hook', error.__traceback__ is tb, file=sys.stderr)
        sys.excepthook = hook
        raise ValueError('text')
    """,
    "excepthook is the default one": """
        import sys
        print(sys.excepthook is sys.__excepthook__)
    """,
    "atexit": """
        import atexit
        atexit.register(print, 'first registered')
        atexit.register(print, 'last registered')
        print('main')
        raise ValueError('text')
    """,
    "exception in a thread": """
        import threading
        def work():
            raise ValueError('in the thread')
        thread = threading.Thread(target=work, name='worker')
        thread.start()
        thread.join()
    """,
    "thread outlives main": """
        import threading, time
        threading.Thread(target=lambda: (time.sleep(0.2), print('thread done'))).start()
        print('main done')
    """,
    "objects die at the end": """
        class Farewell:
            def __del__(self):
                print('farewell')
        keep = Farewell()
    """,
    "no name leaks": "print(sorted(n for n in globals() if not n.startswith('__')))",
    "no future leaks": "def f(x: undefined_name): pass",
    "exception group": """
        import sys
        if sys.version_info >= (3, 11):
            raise ExceptionGroup('several', [ValueError(1), TypeError(2)])
    """,
}


class TestHowAProgramEnds:
    @pytest.mark.parametrize("name", EXITS)
    def test_script_ends_the_same(self, tmp_path: Path, name: str) -> None:
        write(tmp_path / "script.py", EXITS[name])
        assert_same("script.py", cwd=tmp_path)

    @pytest.mark.parametrize("name", EXITS)
    def test_module_ends_the_same(self, tmp_path: Path, name: str) -> None:
        write(tmp_path / "script.py", EXITS[name])
        assert_same("-m", "script", cwd=tmp_path)

    def test_interrupt_is_death_by_signal(self, tmp_path: Path) -> None:
        write(tmp_path / "script.py", EXITS["keyboard interrupt"])
        code, _, errors = assert_same("script.py", cwd=tmp_path)
        assert code == -2
        assert errors.endswith("KeyboardInterrupt\n")

    def test_uncaught_shows_the_script_only(self, tmp_path: Path) -> None:
        write(tmp_path / "script.py", EXITS["uncaught"])
        code, _, errors = assert_same("script.py", cwd=tmp_path)
        assert code == 1
        assert "ZeroDivisionError" in errors
        assert "pyreactor" not in errors.replace(str(tmp_path), "")

    def test_twisted_module_that_raises_on_import(self, tmp_path: Path) -> None:
        """A module that we hook shows no frame of ours when it breaks."""
        twisted = tmp_path / "twisted"
        write(twisted / "__init__.py", "__version__ = '26.10.0'")
        write(twisted / "internet" / "__init__.py", "")
        write(twisted / "internet" / "default.py", "raise ValueError('broken here')")
        write(twisted / "internet" / "defer.py", "")
        write(tmp_path / "script.py", "import twisted.internet.default")
        code, _, errors = assert_same("script.py", cwd=tmp_path)
        assert code == 1
        assert "broken here" in errors

    def test_errors_in_twisted_code_are_the_same(self, tmp_path: Path) -> None:
        write(
            tmp_path / "script.py",
            """
            from twisted.internet import task, reactor
            task.deferLater(reactor, 0, lambda: 1 / 0).addErrback(
                lambda failure: print(failure.type.__name__)
            ).addBoth(lambda _: reactor.stop())
            reactor.run()
            """,
        )
        assert assert_same("script.py", cwd=tmp_path) == (0, "ZeroDivisionError\n", "")


class TestMainModule:
    def test_pickle(self, tmp_path: Path) -> None:
        write(
            tmp_path / "script.py",
            """
            import pickle
            class Thing:
                def __init__(self, x):
                    self.x = x
            if __name__ == "__main__":
                print(pickle.loads(pickle.dumps(Thing(5))).x, Thing)
            """,
        )
        assert assert_same("script.py", cwd=tmp_path)[0] == 0

    @pytest.mark.parametrize("arguments", [["script.py"], ["-m", "script"]])
    @pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
    def test_multiprocessing(self, tmp_path: Path, method: str, arguments: list[str]) -> None:
        write(
            tmp_path / "script.py",
            f"""
            import multiprocessing
            class Thing:
                def __init__(self, x):
                    self.x = x
            def double(thing):
                return Thing(2 * thing.x)
            if __name__ == "__main__":
                with multiprocessing.get_context({method!r}).Pool(2) as pool:
                    print([thing.x for thing in pool.map(double, map(Thing, range(5)))])
            """,
        )
        assert assert_same(*arguments, cwd=tmp_path) == (0, "[0, 2, 4, 6, 8]\n", "")

    def test_standard_streams_pass_through(self, tmp_path: Path) -> None:
        write(
            tmp_path / "script.py",
            "import sys; print(sys.stdin.read().upper()); print('é', file=sys.stderr)",
        )
        assert assert_same("script.py", cwd=tmp_path, stdin="text") == (0, "TEXT\n", "é\n")

    def test_source_encoding(self, tmp_path: Path) -> None:
        (tmp_path / "script.py").write_bytes("# coding: latin-1\nprint('é')\n".encode("latin-1"))
        assert assert_same("script.py", cwd=tmp_path) == (0, "é\n", "")


class TestMistakes:
    """One line on stderr, exit code 2."""

    def complaint(self, *arguments: str, cwd: Path, env: dict[str, str] | None = None) -> str:
        result = python(*arguments, runner=PYREACTOR, cwd=cwd, env=env)
        assert result.returncode == 2, result
        assert result.stdout == ""
        assert result.stderr.startswith("pyreactor: ")
        assert result.stderr.count("\n") == 1, result.stderr
        return result.stderr

    def test_missing_script(self, tmp_path: Path) -> None:
        line = self.complaint("missing.py", cwd=tmp_path)
        assert str(tmp_path / "missing.py") in line
        assert "No such file" in line

    def test_missing_module(self, tmp_path: Path) -> None:
        assert "no_such_module" in self.complaint("-m", "no_such_module", cwd=tmp_path)
        assert "no_such_package" in self.complaint("-m", "no_such_package.module", cwd=tmp_path)

    def test_folder_without_main(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert "__main__" in self.complaint("empty", cwd=tmp_path)

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--nonsense", "script.py"],
            ["-x"],
            ["--disable=nonsense", "script.py"],
            ["--disable"],
            ["-m"],
            ["-c"],
            ["--"],
            [],
            ["doctor", "--nonsense"],
            ["enable", "now"],
        ],
        ids=" ".join,
    )
    def test_wrong_options(self, tmp_path: Path, arguments: list[str]) -> None:
        self.complaint(*arguments, cwd=tmp_path)

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("raise ImportError('no luck')", "no luck"),
            ("import no_such_dependency", "no_such_dependency"),
            ("1 / 0", "ZeroDivisionError"),
            ("def broken(:", "SyntaxError"),
            ("", "broken"),
            ("__version__ = '26.10.0'", "twisted.internet.default"),
            ("__version__ = '18.9.0'", "18.9.0"),
        ],
        ids=["raises", "dependency", "error", "syntax", "empty", "no modules", "too old"],
    )
    def test_broken_twisted(self, tmp_path: Path, source: str, words: str) -> None:
        write(tmp_path / "twisted" / "__init__.py", source)
        write(tmp_path / "script.py", "print('must not run')")
        if "18.9" in source:
            for name in ("__init__", "default", "defer"):
                write(tmp_path / "twisted" / "internet" / f"{name}.py", "")
        assert words in self.complaint("script.py", cwd=tmp_path)

    def test_missing_twisted(self, tmp_path: Path) -> None:
        write(tmp_path / "script.py", "print('must not run')")
        code = dedent(
            """
            import sys
            class NoTwisted:
                def find_spec(self, name, path=None, target=None):
                    if name == "twisted":
                        raise ModuleNotFoundError("No module named 'twisted'", name="twisted")
            sys.meta_path.insert(0, NoTwisted())
            from pyreactor._command.cli import main
            sys.exit(main(sys.argv[1:]))
            """
        )
        result = python("-c", code, "script.py", cwd=tmp_path)
        assert outcome(result) == (
            2,
            "",
            f"pyreactor: Twisted is not installed for {sys.executable}\n",
        )


class TestOptions:
    def test_help(self) -> None:
        result = python("--help", runner=PYREACTOR)
        assert (result.returncode, result.stderr) == (0, "")
        for word in ("doctor", "enable", "disable", "-m module", "PYREACTOR_DISABLE"):
            assert word in result.stdout

    def test_version(self) -> None:
        result = python("--version", runner=PYREACTOR)
        assert outcome(result) == (0, f"pyreactor {pyreactor.__version__}\n", "")

    WHICH_REACTOR = "from twisted.internet import reactor; print(type(reactor).__qualname__)"

    def test_program_gets_our_reactor(self) -> None:
        result = python("-c", self.WHICH_REACTOR, runner=PYREACTOR)
        assert outcome(result) == (0, "PyReactor\n", "")

    def test_disable(self) -> None:
        for options in (["--disable", "reactor"], ["--disable=framing,reactor"]):
            result = python(*options, "-c", self.WHICH_REACTOR, runner=PYREACTOR)
            assert outcome(result) == (0, "EPollReactor\n", "")

    def test_bypass(self) -> None:
        result = python("-c", self.WHICH_REACTOR, runner=PYREACTOR, env={"PYREACTOR": "0"})
        assert outcome(result) == (0, "EPollReactor\n", "")

    def test_trial_as_module(self, tmp_path: Path) -> None:
        write(
            tmp_path / "test_it.py",
            """
            from twisted.trial.unittest import TestCase
            class ReactorTests(TestCase):
                def test_reactor(self):
                    from twisted.internet import reactor
                    self.assertEqual(type(reactor).__qualname__, "PyReactor")
            """,
        )
        result = python("-m", "twisted.trial", "test_it", runner=PYREACTOR, cwd=tmp_path)
        assert result.returncode == 0, result.stdout
        assert "PASSED (successes=1)" in result.stdout


class TestDoctor:
    def test_tells_versions_and_parts(self) -> None:
        result = python("doctor", runner=PYREACTOR)
        for word in (
            "Python",
            "pyreactor",
            "Twisted",
            "libuv",
            "reactor",
            "deferred",
            "framing",
            "web",
        ):
            assert word in result.stdout
        assert result.stderr == ""

    def examine(self, **options: object) -> tuple[int, dict[str, dict[str, dict[str, object]]]]:
        result = python("doctor", "--json", runner=PYREACTOR, **options)  # type: ignore[arg-type]
        return result.returncode, json.loads(result.stdout)

    def test_exit_code_follows_the_parts(self) -> None:
        code, findings = self.examine()
        all_in_c = all(part["c"] for part in findings["parts"].values())
        assert code == (0 if all_in_c else 1)
        assert findings["parts"]["reactor"]["c"]

    def test_parts_that_are_switched_off_are_stock_and_no_fault(self) -> None:
        code, findings = self.examine(env={"PYREACTOR_DISABLE": "reactor,deferred,framing,log,web"})
        assert code == 0
        for part in findings["parts"].values():
            assert part == {"c": False, "reason": "switched off by PYREACTOR_DISABLE"}

    def test_heads_of_requests_need_the_framing(self) -> None:
        heads = "heads of requests do not"
        assert heads not in str(self.examine()[1]["parts"]["web"]["reason"])
        code, findings = self.examine(env={"PYREACTOR_DISABLE": "framing"})
        assert (code, findings["parts"]["web"]["c"]) == (0, True)
        assert heads in str(findings["parts"]["web"]["reason"])

    def test_bypassed(self) -> None:
        code, findings = self.examine(env={"PYREACTOR": "0"})
        assert code == 1
        assert not any(part["c"] for part in findings["parts"].values())

    def test_broken_twisted(self, tmp_path: Path) -> None:
        write(tmp_path / "twisted" / "__init__.py", "raise ImportError('no luck')")
        code, findings = self.examine(cwd=tmp_path)
        assert code == 1
        assert "no luck" in str(findings["problem"])
        assert not any(part["c"] for part in findings["parts"].values())

    @pytest.mark.parametrize("enabled", [True, False])
    def test_tells_of_a_free_threaded_python(self, enabled: bool) -> None:
        """Its GIL is on where pyreactor is; somebody may have forced it off."""
        code = dedent(
            f"""
            import sys, sysconfig
            sysconfig.get_config_vars()["Py_GIL_DISABLED"] = 1
            sys._is_gil_enabled = lambda: {enabled}
            from pyreactor._command.doctor import doctor
            doctor(as_json=False)
            raise SystemExit(doctor(as_json=True))
            """
        )
        result = python("-c", code, runner=PYREACTOR)
        assert ("GIL        on" if enabled else "GIL        off") in result.stdout
        assert f'"gil": "{"on" if enabled else "off"}"' in result.stdout
        assert result.returncode == (0 if enabled else 1)

    def test_tells_nothing_of_the_gil_of_other_pythons(self) -> None:
        if sysconfig.get_config_var("Py_GIL_DISABLED"):
            pytest.skip("this Python is free-threaded")
        _, findings = self.examine()
        assert findings["gil"] is None
        assert "GIL" not in python("doctor", runner=PYREACTOR).stdout

    def test_tells_the_truth_about_a_foreign_reactor(self, tmp_path: Path) -> None:
        """doctor looks at the reactor that is there, not at what was asked for."""
        code = dedent(
            """
            import asyncio
            from twisted.internet import asyncioreactor
            asyncioreactor.install(asyncio.new_event_loop())
            from pyreactor._command.doctor import doctor
            raise SystemExit(doctor(as_json=True))
            """
        )
        result = python("-c", code)
        findings = json.loads(result.stdout)
        assert result.returncode == 1
        assert not findings["parts"]["reactor"]["c"]
        assert "AsyncioSelectorReactor" in findings["parts"]["reactor"]["reason"]
