"""The package as users install it, in environments of their own: commands, plugin, enable."""

from __future__ import annotations

import email
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path

import pytest

import pyreactor
from pyreactor._command import environment as command
from tests.support import CHECKOUT, environment

SOURCES = (
    "csrc",
    "pyreactor",
    "CHANGELOG.md",
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "pyproject.toml",
    "setup.py",
)

# What `enable` writes in an environment of this Python; the first one is the one it names.
ENABLING = ("pyreactor.pth",)
if sys.version_info >= (3, 15):
    ENABLING = ("pyreactor.start", "pyreactor.pth", "_pyreactor_start.py")

# By one process: each one would make environments of its own, and compile what is in them.
pytestmark = pytest.mark.xdist_group("install")

WHICH_REACTOR = "from twisted.internet import reactor; print(type(reactor).__qualname__)"


TWISTD = "from twisted.scripts.twistd import run; run()"


class Environment:
    """A virtual environment that has what the running one has, except pyreactor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder, symlinks=True)
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        self.site = Path(self.run("python", "-c", where))
        packages = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        # Behind the environment's own packages, and without executing .pth files there.
        (self.site / "zz-borrowed.pth").write_text("\n".join(sorted(packages)))

    def call(
        self, program: str, *arguments: str, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        env = environment(variables)
        del env["PYTHONPATH"]
        return subprocess.run(
            [str(self.folder / "bin" / program), *arguments],
            cwd=cwd or self.folder,
            env=env | variables,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=900,  # a busy machine compiles for minutes
            check=False,
        )

    def run(self, program: str, *arguments: str, cwd: Path | None = None, **variables: str) -> str:
        """Run a program, which has to succeed, and give back what it prints."""
        result = self.call(program, *arguments, cwd=cwd, **variables)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout.strip()

    def install(self, *what: str) -> None:
        offline = ("--force-reinstall", "--no-deps", "--no-index", "--no-build-isolation", "-q")
        # What is compiled has to work; it need not be quick, as what takes a minute to compile is.
        self.run("python", "-m", "pip", "install", *offline, *what, PYREACTOR_BUILD="debug")


def copy_sources(folder: Path) -> Path:
    """What is in version control, so that building does not touch the checkout."""
    folder.mkdir()
    ignore = shutil.ignore_patterns("*.so", "__pycache__", "dropin.cache")
    for name in SOURCES:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)
    return folder


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_sources(tmp_path_factory.mktemp("sources") / "pyreactor")


@pytest.fixture(scope="module")
def installed(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """``pip install`` of a source distribution, which so proves to be complete."""
    place = Environment(tmp_path_factory.mktemp("installed"))
    build = "from setuptools import build_meta; print(build_meta.build_sdist('dist'))"
    name = place.run("python", "-c", build, cwd=sources).splitlines()[-1]
    place.install(str(sources / "dist" / name))
    return place


@pytest.fixture(scope="module")
def editable(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """``pip install --editable``."""
    place = Environment(tmp_path_factory.mktemp("editable"))
    place.install("--editable", str(sources))
    return place


@pytest.fixture(params=["installed", "editable"])
def place(request: pytest.FixtureRequest) -> Environment:
    found: Environment = request.getfixturevalue(request.param)
    return found


class TestInstalled:
    def test_command(self, place: Environment, tmp_path: Path) -> None:
        assert place.run("pyreactor", "--version") == f"pyreactor {pyreactor.__version__}"
        script = tmp_path / "script.py"
        script.write_text("import sys; print(sys.argv, sys.path[0], __file__)\n" + WHICH_REACTOR)
        output = place.run("pyreactor", "script.py", "-a", "b", cwd=tmp_path)
        assert output == f"['script.py', '-a', 'b'] {tmp_path} {script}\nPyReactor"
        assert place.run("pyreactor", "-m", "script", cwd=tmp_path).endswith("PyReactor")

    def test_command_and_module_end_alike(self, installed: Environment, tmp_path: Path) -> None:
        codes = (
            "raise SystemExit(3)",
            "1 / 0",
            "raise KeyboardInterrupt",
            "raise SystemExit('no')",
        )
        for code in codes:
            (tmp_path / "script.py").write_text(code)
            plain, module, command = (
                installed.call(*start, "script.py", cwd=tmp_path)
                for start in (("python",), ("python", "-m", "pyreactor"), ("pyreactor",))
            )
            assert module.returncode == command.returncode == plain.returncode != 0
            assert module.stderr == command.stderr == plain.stderr

    def test_trial_plugin(self, place: Environment, tmp_path: Path) -> None:
        assert "pyreactor" in place.run(
            "python", "-m", "twisted.trial", "--help-reactors", cwd=tmp_path
        )
        (tmp_path / "test_it.py").write_text(
            "from twisted.trial.unittest import TestCase\n"
            "class Tests(TestCase):\n"
            "    def test_reactor(self):\n"
            "        from twisted.internet import reactor\n"
            "        self.assertEqual(type(reactor).__qualname__, 'PyReactor')\n"
        )
        output = place.run(
            "python", "-m", "twisted.trial", "--reactor=pyreactor", "test_it", cwd=tmp_path
        )
        assert "PASSED (successes=1)" in output

    def test_twistd_plugin(self, place: Environment, tmp_path: Path) -> None:
        assert "pyreactor" in place.run("python", "-c", TWISTD, "--help-reactors", cwd=tmp_path)

    def test_one_version(self, place: Environment, tmp_path: Path) -> None:
        metadata = "import importlib.metadata; print(importlib.metadata.version('pyreactor'))"
        assert place.run("python", "-c", metadata, cwd=tmp_path) == pyreactor.__version__
        assert place.run("pyreactor", "--version") == f"pyreactor {pyreactor.__version__}"
        doctor = json.loads(place.run("pyreactor", "doctor", "--json", cwd=tmp_path))
        assert doctor["pyreactor"] == pyreactor.__version__

    def test_metadata(self, place: Environment, tmp_path: Path) -> None:
        of = "importlib.metadata.distribution('pyreactor').read_text('METADATA')"
        code = f"import importlib.metadata; print({of})"
        found = email.message_from_string(place.run("python", "-c", code, cwd=tmp_path))
        assert (found["Name"], found["License-Expression"]) == ("pyreactor", "MIT")
        assert found.get_all("License-File") == ["LICENSE"]
        assert found["Author"] == "the pyreactor contributors"
        assert "twisted" in found["Keywords"].split(",")
        versions = {
            name.rpartition(" ")[2]
            for name in found.get_all("Classifier", [])
            if name.startswith("Programming Language :: Python :: 3.")
        }
        assert f"{sys.version_info[0]}.{sys.version_info[1]}" in versions
        text = str(found.get_payload())
        assert text.index("# pyreactor\n") < text.index("# Changelog\n")

    def test_uninstalled_without_a_trace(self, sources: Path, tmp_path: Path) -> None:
        place = Environment(tmp_path / "environment")
        before = sorted(place.site.iterdir())
        place.install("--editable", str(sources))
        assert sorted(place.site.iterdir()) != before
        place.run("python", "-m", "pip", "uninstall", "-q", "-y", "pyreactor")
        assert sorted(place.site.iterdir()) == before

    def test_typed(self, installed: Environment) -> None:
        assert (installed.site / "pyreactor" / "py.typed").exists()

    def test_nothing_but_our_own_files(self, installed: Environment) -> None:
        record = next(installed.site.glob("pyreactor-*.dist-info")) / "RECORD"
        for line in record.read_text().splitlines():
            path = line.partition(",")[0]
            assert path.startswith(("pyreactor/", "pyreactor-")) or path in (
                "../../../bin/pyreactor",
                "twisted/plugins/pyreactor_dropin.py",
                "twisted/plugins/__pycache__/pyreactor_dropin.cpython-"
                f"{sys.version_info[0]}{sys.version_info[1]}.pyc",
            ), path


class TestEnable:
    @pytest.fixture(autouse=True)
    def clean(self, installed: Environment):  # type: ignore[no-untyped-def]
        yield
        for name in ENABLING:
            (installed.site / name).unlink(missing_ok=True)

    def test_every_program_gets_it(self, installed: Environment) -> None:
        assert installed.run("python", "-c", WHICH_REACTOR) == "EPollReactor"
        output = installed.run("pyreactor", "enable")
        assert str(installed.site / ENABLING[0]) in output
        assert installed.run("python", "-c", WHICH_REACTOR) == "PyReactor"
        assert '"enabled": true' in installed.call("pyreactor", "doctor", "--json").stdout
        output = installed.run("pyreactor", "disable")
        for name in ENABLING:
            assert str(installed.site / name) in output
        assert installed.run("python", "-c", WHICH_REACTOR) == "EPollReactor"
        assert not [path for path in installed.site.rglob("*") if "pyreactor_start" in path.name]

    @pytest.mark.skipif(sys.version_info < (3, 15), reason="3.15 brought .start files")
    def test_start_file_does_without_the_other(self, installed: Environment) -> None:
        """Lines in .pth files are to be ignored from 3.18 on."""
        installed.run("pyreactor", "enable")
        (installed.site / "pyreactor.pth").unlink()
        assert installed.run("python", "-c", WHICH_REACTOR) == "PyReactor"
        # And an environment that was enabled before there was such a file is enabled.
        installed.run("pyreactor", "enable")
        (installed.site / "pyreactor.start").unlink()
        assert '"enabled": true' in installed.call("pyreactor", "doctor", "--json").stdout
        assert installed.run("python", "-c", WHICH_REACTOR) == "PyReactor"
        assert str(installed.site / "pyreactor.pth") in installed.run("pyreactor", "disable")

    def test_again_is_no_error(self, installed: Environment) -> None:
        installed.run("pyreactor", "enable")
        assert "already" in installed.run("pyreactor", "enable")
        installed.run("pyreactor", "disable")
        assert "not enabled" in installed.run("pyreactor", "disable")

    def test_in_editable_installs(self, editable: Environment) -> None:
        editable.run("pyreactor", "enable")
        assert editable.run("python", "-c", WHICH_REACTOR) == "PyReactor"
        editable.run("pyreactor", "disable")

    def test_old_line_is_replaced(self, installed: Environment) -> None:
        (installed.site / "pyreactor.pth").write_text("# something else\n")
        installed.run("pyreactor", "enable")
        assert installed.run("python", "-c", WHICH_REACTOR) == "PyReactor"

    def test_line_of_an_earlier_version_works(self, installed: Environment) -> None:
        """It names a module by the name that this had then."""
        line = command.LINE.replace("pyreactor._activation.hook", "pyreactor._activate")
        assert line != command.LINE
        (installed.site / "pyreactor.pth").write_text(line)
        assert installed.run("python", "-c", WHICH_REACTOR) == "PyReactor"

    def test_switches(self, installed: Environment) -> None:
        installed.run("pyreactor", "enable")
        for variables in ({"PYREACTOR": "0"}, {"PYREACTOR_DISABLE": "reactor"}):
            assert installed.run("python", "-c", WHICH_REACTOR, **variables) == "EPollReactor"
        loaded = "import sys; print([name for name in sys.modules if name.startswith('pyreactor')])"
        assert installed.run("python", "-c", loaded, PYREACTOR="0") == "[]"

    def test_programs_without_twisted_are_left_alone(self, installed: Environment) -> None:
        installed.run("pyreactor", "enable")
        code = (
            "import sys; print([name for name in sys.modules"
            " if name.startswith(('twisted', 'zope', 'pyreactor', 'typing', 'importlib.'))"
            " and name not in before])"
        )
        # What plain Python and the environment's other .pth files load.
        loaded = "import sys; print(repr(list(sys.modules)))"
        before = installed.run("python", "-c", loaded, PYREACTOR="0")
        output = installed.run("python", "-c", f"before = {before}\n{code}")
        assert output == (
            "['pyreactor._watch', 'pyreactor._watch.settings', 'pyreactor',"
            " 'pyreactor._activation', 'pyreactor._activation.hook']"
        )

    def test_silent_where_pyreactor_is_gone(self, installed: Environment) -> None:
        installed.run("pyreactor", "enable")
        package = installed.site / "pyreactor"
        package.rename(package.with_name("hidden"))
        try:
            result = installed.call("python", "-c", WHICH_REACTOR)
            assert (result.returncode, result.stdout, result.stderr) == (0, "EPollReactor\n", "")
        finally:
            package.with_name("hidden").rename(package)

    def test_refuses_where_it_is_not_installed(self, tmp_path: Path) -> None:
        place = Environment(tmp_path / "bare")
        packages = (place.site / "zz-borrowed.pth").read_text().split("\n")
        (place.site / "zz-borrowed.pth").unlink()
        path = os.pathsep.join([str(CHECKOUT), *packages])
        result = place.call("python", "-m", "pyreactor", "enable", PYTHONPATH=path)
        assert result.returncode == 1
        assert result.stderr == (
            f"pyreactor: pyreactor is not installed in {place.folder}; pip install it there first\n"
        )
        assert not any((place.site / name).exists() for name in ENABLING)

    def test_refuses_where_it_cannot_write(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        # Nobody can make files there, root included.
        folder = Path("/proc")
        monkeypatch.setattr(command, "site_folder", lambda: folder)
        monkeypatch.setattr(command, "_installed_here", lambda: True)
        assert command.enable() == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        path = folder / ENABLING[-1]
        assert captured.err.startswith(f"pyreactor: cannot write {path}: ")
        assert captured.err.count("\n") == 1

    def test_refuses_where_it_cannot_remove(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        path = tmp_path / "pyreactor.pth"
        path.mkdir()
        monkeypatch.setattr(command, "site_folder", lambda: tmp_path)
        assert command.disable() == 1
        assert capsys.readouterr().err.startswith(f"pyreactor: cannot remove {path}: ")


class TestBuild:
    def test_source_distribution_has_all_that_is_in_version_control(self, tmp_path: Path) -> None:
        if not (CHECKOUT / ".git").exists():
            pytest.skip("not a checkout: nothing tells what is in version control")
        # Whose checkout it is does not matter.
        listing = ["git", "-c", f"safe.directory={CHECKOUT}", "ls-files", "-z"]
        output = subprocess.run(listing, cwd=CHECKOUT, capture_output=True, check=True).stdout
        wanted = {name for name in output.decode().split("\0") if name}
        for name in wanted:
            path = tmp_path / "checkout" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, path)
        build = "from setuptools import build_meta; print(build_meta.build_sdist('..'))"
        subprocess.run(
            [sys.executable, "-c", build],
            cwd=tmp_path / "checkout",
            env=environment(),
            capture_output=True,
            check=True,
        )
        (archive,) = tmp_path.glob("pyreactor-*.tar.gz")
        with tarfile.open(archive) as members:
            found = {name.partition("/")[2] for name in members.getnames()}
        assert sorted(wanted - found) == []

    def test_missing_libuv_is_told_in_plain_words(self, sources: Path) -> None:
        result = subprocess.run(
            [sys.executable, "setup.py", "build_ext", "--build-lib", "elsewhere"],
            cwd=sources,
            env=environment({"PKG_CONFIG": "false"}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 1
        assert "apt-get install libuv1-dev pkg-config" in result.stderr
        assert "Traceback" not in result.stderr
        assert "error:" not in result.stderr
