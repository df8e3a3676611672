"""Which functions of Twisted's are known: their sources' digests."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from twisted.logger import _format, _logger

from pyreactor import _code, _core, _versions, defer

SOURCE = '''
"""A module."""

from functools import wraps


def kept(function):
    @wraps(function)
    def outer(*args):
        return function(*args)

    return outer


class Class:
    @property
    def first(self):
        return 1

    @staticmethod
    def second(
        argument,
        other=(1,
               2),
    ) -> None:
        # A comment of the function's own.
        if argument:

            return other
    # A comment of what comes next.

    # Another.
    async def third(self):
        """What it does."""
        return """a
b"""

    attribute = 3

    def callback(self, result):
        pass

    @classmethod
    @kept
    def fourth(cls):
        pass


def last(): return 5
'''

Make = Callable[[str], ModuleType]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Import a module from its source."""

    def make(source: str) -> ModuleType:
        path = tmp_path / "made_here.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location("made_here", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "made_here", module)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        spec.loader.exec_module(module)
        return module

    return make


def digest(module: Any, path: str) -> str:
    """The digest that a function has."""
    return _versions.digest(_versions.function_of(module, path), _versions.lines_of(module))


PATHS = {
    "kept": "def outer(*args)",
    "Class.first": "return 1",
    "Class.second": "return other",
    "Class.third": "What it does.",
    "Class.fourth.__wrapped__": "def fourth",
    "last": "return 5",
}


@pytest.mark.parametrize("path", PATHS)
def test_digest_depends_on_all_of_the_function_and_on_nothing_else(make: Make, path: str) -> None:
    """Whatever line of a function changes, its digest does, and no other function's."""
    before = {each: digest(make(SOURCE), each) for each in PATHS}
    line = next(line for line in SOURCE.split("\n") if PATHS[path] in line)
    changed = make(SOURCE.replace(line, line + "  # changed"))
    assert {each for each in PATHS if digest(changed, each) != before[each]} == {path}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        other=(1,\n", "        other=(0,\n"),
        ("own.", "own!"),
        ("@staticmethod", "@staticmethod  # so"),
        (" 2),", " 3),"),
    ],
)
def test_digest_of_a_head_of_several_lines(make: Make, old: str, new: str) -> None:
    """The decorators, the parameters and the comments inside are the function's."""
    before = digest(make(SOURCE), "Class.second")
    assert old in SOURCE
    assert digest(make(SOURCE.replace(old, new)), "Class.second") != before


@pytest.mark.parametrize(
    ("old", "new"), [("# A comment of what comes", "# What comes"), ("# Another.\n", "\n\n")]
)
def test_what_stands_between_functions_is_nobodys(make: Make, old: str, new: str) -> None:
    """Comments and empty lines after a function change no digest."""
    before = {each: digest(make(SOURCE), each) for each in PATHS}
    changed = make(SOURCE.replace(old, new))
    assert {each: digest(changed, each) for each in PATHS} == before


def test_known_and_unknown_functions(make: Make) -> None:
    """Those with one of the digests are found; of the others it says why not."""
    module = make(SOURCE)
    known = digest(module, "Class.second")
    found, reasons = _versions.examine(
        module,
        {
            "Class.second": f"000000000000 {known}:25.5",
            "Class.third": "000000000000",
            "Class.attribute": known,
            "Class.nothing": known,
        },
    )
    assert found == {"Class.second": module.Class.second}
    third = digest(module, "Class.third")
    assert reasons == {
        "Class.third": f"Class.third is another in this release of Twisted ({third})",
        "Class.attribute": "Class.attribute is no function",
        "Class.nothing": "Class.nothing is no function",
    }


def test_function_that_somebody_replaced(make: Make) -> None:
    """It is not known, whatever it is: another function, a wrapper, a callable object."""
    module: Any = make(SOURCE)
    paths = ("kept", "last", "Class.third")
    known = {path: digest(module, path) for path in paths}
    module.last = lambda: 5
    module.Class.third = module.kept(module.Class.third)
    module.kept = len
    found, reasons = _versions.examine(module, known)
    assert not found
    assert reasons == {
        "kept": "kept is no function",
        "last": "last is not made_here's own",
        "Class.third": "Class.third is not made_here's own",
    }


def test_function_that_c_stands_in_for(make: Make) -> None:
    """It is the function that the program would see."""
    module: Any = make(SOURCE)
    path, stock = "Class.callback", module.Class.callback
    before = digest(module, path)
    module.Class.callback = _core.StandIn(vars(defer.Deferred)["callback"].method, stock)
    assert _versions.examine(module, {path: before}) == ({path: stock}, {})


def test_function_that_was_given_other_code(make: Make) -> None:
    """It is known by the source that it had, as often as it is given another."""
    module: Any = make(SOURCE)
    names = ModuleType("names")
    known = {"last": digest(module, "last")}
    function = module.last

    def last() -> int:
        return len(_pyreactor.__name__)  # type: ignore[name-defined]  # noqa: F821

    stock = _code.give(function, last, names)  # type: ignore[arg-type]
    assert (function(), stock(), module.last is function) == (5, 5, True)
    names.__name__ = "other"
    _code.give(function, last, names)  # type: ignore[arg-type]
    assert (function(), stock(), _code.is_given(function)) == (5, 5, True)
    assert not _code.is_given(stock)
    assert _versions.examine(module, known) == ({"last": function}, {})


def test_source_that_is_not_there(make: Make) -> None:
    """Without it, nothing is known."""
    module = make(SOURCE)
    known = {"last": digest(module, "last")}
    (Path(str(module.__file__))).unlink()
    found, reasons = _versions.examine(module, known)
    assert not found
    assert reasons["last"].startswith("the source of made_here cannot be read: ")
    module.__spec__ = None
    assert _versions.examine(module, known)[1] == {"last": "the source of made_here is not there"}


def test_twisteds_own_functions() -> None:
    """The module's source is the one that its functions were made from."""
    for module, path in ((_logger, "Logger.failure"), (_format, "formatEventAsClassicLogText")):
        function = _versions.function_of(module, path)
        text = _versions._block(_versions.lines_of(module)[function.__code__.co_firstlineno - 1 :])
        assert text[0].startswith(("def ", "    def ")) and path.rpartition(".")[2] in text[0]
        assert max(line for _, _, line in function.__code__.co_lines() if line) <= (
            function.__code__.co_firstlineno + len(text) - 1
        )


def test_what_is_given_to_a_module_finds_one_module_of_names() -> None:
    module: Any = ModuleType("module")
    exec("def one(): return 1\ndef two(): return 2", vars(module))
    names = ModuleType("names")
    names.__dict__["number"] = 5

    def own() -> Any:
        return _pyreactor.number  # type: ignore[name-defined]  # noqa: F821

    stock = _code.give(module.one, own, names)
    assert (module.one(), stock(), module.two()) == (5, 1, 2)
    with pytest.raises(ValueError, match="_pyreactor is another module in module"):
        _code.give(module.two, own, ModuleType("others"))
    assert module.two() == 2
    _code.give(module.two, own, ModuleType("others"), "_others")
    assert module.two() == module.one() == 5
    for function in (module.one, module.two):
        del _code.before[function]
