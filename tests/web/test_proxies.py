"""Names of modules that warn of some of their names."""

from __future__ import annotations

import types
import warnings
from typing import Any

import pytest
from incremental import Version
from twisted.python import deprecate
from twisted.web import http

from tests.web.sides import stock


def check(run: Any, *args: Any) -> Any:
    """The same on both sides, which is given back; twice, as a proxy keeps some of it."""
    with stock():
        expected = run(*args)
    assert run(*args) == expected
    assert run(*args) == expected
    return expected


def warning_of(module: Any, name: str) -> Any:
    """A module's proxy that warns of one of its names."""
    made: Any = deprecate._ModuleProxy(module)  # type: ignore[no-untyped-call]
    version = Version("Twisted", 1, 2, 3)
    deprecate._deprecateAttribute(made, name, version, "words")  # type: ignore[no-untyped-call]
    return made


@pytest.fixture
def proxy() -> Any:
    """A module that warns of the name ``old``, by Twisted's own means."""
    module = types.ModuleType("a_module")
    vars(module).update(new=1, old=2)
    return warning_of(module, "old")


def asked(proxy: Any, *names: str) -> list[Any]:
    """What a proxy has under names, asked one after the other, and what it warns of."""
    found: list[Any] = []
    for name in names:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                value: Any = getattr(proxy, name)
            except AttributeError as error:
                value = str(error)
        found.append((value, [str(each.message) for each in caught]))
    return found


@pytest.mark.parametrize(
    "names",
    [
        ("new", "old", "new", "missing", "old"),
        ("__path__", "old", "old", "__name__", "__dict__", "__class__"),
        ("_module", "_lastWasPath", "_deprecatedAttributes", "__path__", "new", "old"),
    ],
)
def test_names(proxy: Any, names: tuple[str, ...]) -> None:
    """Those that are there, warned of, or missing; asked by the import system as well."""
    check(asked, proxy, *names)


def test_set_names(proxy: Any) -> None:
    """They are the module's, and found at once."""
    for value in (1, 2):
        proxy.new = proxy.other = value
        assert check(asked, proxy, "new", "other") == [(value, []), (value, [])]


def test_module_of_its_own_attribute_access(proxy: Any) -> None:
    """Which a module's ``__getattr__`` is."""
    module = object.__getattribute__(proxy, "_module")
    module.__getattr__ = lambda name: f"made of {name}"
    assert check(asked, proxy, "some", "new")[0] == ("made of some", [])


def test_a_deprecated_name_warns_where_it_did() -> None:
    """The place is the one that asks."""
    module = warning_of(http, "OK")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert module.OK == 200 == http.OK
        with pytest.raises(AttributeError):
            module.nothing  # noqa: B018
        assert not hasattr(module, "__path__")
        module.CREATED  # noqa: B018
        assert module.OK == 200
    assert [warning.filename for warning in caught] == [__file__, __file__]
    assert deprecate._InternalState(module)._lastWasPath is False


def test_after_a_path_nothing_is_deprecated() -> None:
    """As the import system asks so."""
    package: Any = __import__("twisted.web", fromlist=["http"])
    module = warning_of(package, "http")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert module.__path__ == package.__path__
        assert module.http is http
    assert caught == []


def test_who_warns_may_ask_for_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """It changes nothing for who asked first."""
    package: Any = __import__("twisted.web", fromlist=["http"])
    module = warning_of(package, "http")
    asked = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", lambda *args: asked.append(module.__path__))
        assert module.http is module.http is http
    assert asked == [package.__path__] * 2
