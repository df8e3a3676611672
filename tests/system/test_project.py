"""What the project says of itself in several places."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.support import CHECKOUT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGES = sorted(
    page.relative_to(CHECKOUT)
    for folder in (".", "docs", "examples", "benchmarks")
    for page in (CHECKOUT / folder).glob("*.md")
)


def read(name: str | Path) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def versions(text: str) -> list[str]:
    """The versions of Python in a text, in order."""
    return sorted(re.findall(r"\b3\.\d+\b", text), key=lambda version: int(version[2:]))


def supported() -> list[str]:
    """The versions of Python that are tested."""
    (line,) = re.findall(r"^SUPPORTED=.*$", read(".ci/common.sh"), re.MULTILINE)
    return versions(line)


def test_supported_pythons_are_those_of_the_metadata() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert versions(" ".join(project["classifiers"])) == supported()
    oldest, newest = supported()[0], supported()[-1]
    following = f"3.{int(newest[2:]) + 1}"
    assert project["requires-python"] in (f">={oldest}", f">={oldest},<{following}")


@pytest.mark.parametrize("name", ["test", "wheels"])
def test_supported_pythons_are_those_of_the_workflows(name: str) -> None:
    assert versions(read(f".github/workflows/{name}.yml")) == supported()


def test_packages_are_those_that_there_are() -> None:
    packages = tomllib.loads(read("pyproject.toml"))["tool"]["setuptools"]["packages"]
    folders = [path.parent for path in (CHECKOUT / "pyreactor").rglob("__init__.py")]
    names = [".".join(folder.relative_to(CHECKOUT).parts) for folder in folders]
    assert sorted(packages) == sorted([*names, "twisted.plugins"])


@pytest.mark.parametrize("script", sorted(path.name for path in CHECKOUT.glob(".ci/*.sh")))
def test_tests_that_commands_name_exist(script: str) -> None:
    named = set(re.findall(r"tests/[\w/*.-]+", read(f".ci/{script}")))
    assert [name for name in sorted(named) if not any(CHECKOUT.glob(name))] == []


def test_help_has_every_command() -> None:
    makefile = read("Makefile")
    (targets,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    told = re.findall(r'^\t@echo "make ([\w-]+)', makefile, re.MULTILINE)
    assert sorted(told) == sorted(set(targets.split()) - {"help", "prepare"})
    assert set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE)) == set(targets.split())


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_pages_that_are_linked_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)", read(page))
    missing = [link for link in links if not (CHECKOUT / page.parent / link).exists()]
    assert missing == []


def test_version_is_in_one_place() -> None:
    version = re.findall(r'^__version__ = "(.*)"$', read("pyreactor/__init__.py"), re.MULTILINE)
    assert len(version) == 1
    assert version[0] not in read("pyproject.toml") + read("setup.py")
    assert f"\n## {version[0]}" in read("CHANGELOG.md")
