"""The comparison itself: that it finds what it is there to find."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from textwrap import dedent

import pytest

from tests.conformance.compare import (
    EVERYTHING,
    STOCK_REACTORS,
    Comparison,
    Pair,
    compare,
    compare_pairs,
    counterpart,
    differing,
    read_known,
)
from tests.conformance.kept import Kept
from tests.conformance.sides import STOCK_SETUP, Results, Setup, read_results

SUITE = """
from twisted.trial import unittest
from twisted.internet import reactor

STOCK = type(reactor).__qualname__ == "EPollReactor"

class Tests(unittest.TestCase):
    def test_passes(self):
        pass

    def test_fails_here(self):
        self.assertTrue(STOCK)

    def test_raises_here(self):
        if not STOCK:
            raise ValueError("other reactor")

    def test_skipped_here(self):
        if not STOCK:
            raise unittest.SkipTest("other reactor")

    def test_fails_there(self):
        self.assertFalse(STOCK)

    def test_fails_everywhere(self):
        self.fail()

    def test_fails_as_expected(self):
        self.fail()
    test_fails_as_expected.todo = "some day"

    def test_dirty_here(self):
        if not STOCK:
            reactor.callLater(1000, int)
"""

UNNAMED = """
from twisted.trial import unittest
from twisted.internet import reactor

class Tests(unittest.TestCase):
    def id(self):
        return "no name"

    def test_fails_here(self):
        self.assertEqual(type(reactor).__qualname__, "EPollReactor")
"""

FAILS_TOGETHER = """
import sys
from twisted.trial import unittest
from twisted.internet import reactor

class Tests(unittest.TestCase):
    def test_1(self):
        sys.disturbed = True

    def test_2(self):
        if type(reactor).__qualname__ == "PyReactor":
            self.assertFalse(hasattr(sys, "disturbed"))
"""

DIES = """
import os
from twisted.trial import unittest
from twisted.internet import reactor

class Tests(unittest.TestCase):
    def test_1(self):
        pass

    def test_2(self):
        if type(reactor).__qualname__ == "PyReactor":
            os.abort()

    def test_3(self):
        pass
"""

HANGS = """
import time
from twisted.trial import unittest

class Tests(unittest.TestCase):
    def test_1(self):
        time.sleep(1000)
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Compare a suite given as text."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def compare_suite(source: str, timeout: float = 100.0, jobs: int = 0) -> Comparison:
        (tmp_path / "test_sample.py").write_text(dedent(source))
        return compare(["test_sample"], timeout=timeout, say=print, jobs=jobs)

    return compare_suite


class TestCompare:
    @pytest.mark.parametrize("jobs", [0, 2])
    def test_finds_what_fails_here_only(self, run, jobs: int) -> None:  # type: ignore[no-untyped-def]
        """With trial's own workers, too: so those do run on pyreactor."""
        comparison = run(SUITE, jobs=jobs)
        assert comparison.trouble == []
        assert [test.rpartition(".")[2] for test in sorted(comparison.lost)] == [
            "test_dirty_here",
            "test_fails_here",
            "test_raises_here",
            "test_skipped_here",
        ]
        assert comparison.stock.started == comparison.ours.started == 8
        assert comparison.stock.count("todo") == 1

    def test_what_cannot_be_run_alone_is_lost(self, run) -> None:  # type: ignore[no-untyped-def]
        comparison = run(UNNAMED)
        assert comparison.lost == {"no name": "cannot be run alone"}

    def test_forgives_what_passes_alone(self, run) -> None:  # type: ignore[no-untyped-def]
        comparison = run(FAILS_TOGETHER)
        assert comparison.lost == {}
        assert [test.rpartition(".")[2] for test in comparison.settled] == ["test_2"]

    def test_notices_death(self, run) -> None:  # type: ignore[no-untyped-def]
        comparison = run(DIES)
        assert len(comparison.trouble) == 1
        assert "pyreactor ended with exit code -6" in comparison.trouble[0]
        lost = {test.rpartition(".")[2]: how for test, how in comparison.lost.items()}
        assert lost == {"test_2": "died", "test_3": "not run"}

    def test_notices_a_hang(self, run) -> None:  # type: ignore[no-untyped-def]
        comparison = run(HANGS, timeout=4.0)
        assert len(comparison.trouble) == 2
        assert "killed after 4 s without a word" in comparison.trouble[0]

    def test_notices_a_suite_that_does_not_exist(self) -> None:
        comparison = compare(["no_such_module"], timeout=60, say=print)
        assert comparison.stock.started <= 1
        assert comparison.stock.count("success") == 0

    def test_reactor_builder_is_extended_here_only(self) -> None:
        comparison = compare(["twisted.internet.test.test_core"], timeout=100, say=print)
        assert any("_PyReactorTests." in test for test in comparison.ours.outcomes)
        assert not any("_PyReactorTests." in test for test in comparison.stock.outcomes)

    def test_leaves_tests_out_and_notices_where_there_are_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        (tmp_path / "test_sample.py").write_text(dedent(FAILS_TOGETHER))
        without = ("test_sample.Tests.*_1", "test_sample.Nobody.*")
        pair = Pair(
            Setup("pyreactor", without=without), Setup("stock", parts=None, without=without)
        )
        (comparison,) = compare_pairs(["test_sample"], [pair], timeout=100, say=print)
        assert list(comparison.ours.outcomes) == ["test_sample.Tests.test_2"]
        told = [f"{side} has no test like test_sample.Nobody.*" for side in ("stock", "pyreactor")]
        assert [line.partition(",")[0] for line in comparison.trouble] == told

    def test_tells_which_reactors_were_made(self) -> None:
        comparison = compare(["twisted.internet.test.test_core"], timeout=100, say=print)
        made = comparison.ours.made
        stock = comparison.stock.made
        assert made["pyreactor.asyncioreactor.AsyncioReactor"] == stock[STOCK_REACTORS[True]] > 0


def results(**outcomes: str) -> Results:
    return Results("side", {name.replace("__", "."): each for name, each in outcomes.items()})


class TestParts:
    def test_our_reactor_is_compared_with_epoll(self) -> None:
        assert counterpart("a.B_PyReactorTests.test_c") == "a.B_EPollReactorTests.test_c"
        assert counterpart("a.B_SelectReactorTests.test_c") == "a.B_SelectReactorTests.test_c"

        stock = results(B_EPollReactorTests__x="success", B_EPollReactorTests__y="failure")
        ours = results(
            B_EPollReactorTests__x="success",
            B_EPollReactorTests__y="failure",
            B_PyReactorTests__x="skip",
            B_PyReactorTests__y="failure",
        )
        assert differing(stock, ours) == ["B_PyReactorTests.x"]

    def test_missing_test_differs(self) -> None:
        assert differing(results(a="success", b="todo", c="skip"), results(b="todo")) == ["a"]

    def test_worst_outcome_counts(self) -> None:
        events = [
            {"event": "start", "test": "a"},
            {"event": "error", "test": "a", "detail": "dirty"},
            {"event": "success", "test": "a", "detail": ""},
            {"event": "start", "test": "b"},
            {"event": "success", "test": "b", "detail": ""},
            {"event": "start", "test": "c"},
        ]
        text = "\n".join(map(json.dumps, events)) + '\n{"event": "succ'
        read = read_results("side", text)
        assert read.outcomes == {"a": "error", "b": "success", "c": "died"}
        assert not read.over

    def test_known_differences_need_reasons(self, tmp_path: Path) -> None:
        path = tmp_path / "known.toml"
        path.write_text('[[difference]]\ntest = "a"\nreason = "because"\n')
        assert read_known(path) == {"a": "because"}
        path.write_text('[[difference]]\ntest = "a"\nreason = " "\n')
        with pytest.raises(ValueError, match="no reason"):
            read_known(path)

    def test_known_differences_explain_and_get_outdated(self) -> None:
        comparison = Comparison(results(), results(a="failure", b="success"), lost={"a": ""})
        assert comparison.unexplained({}) == ["a"]
        assert comparison.unexplained({"a": "reason"}) == []
        assert comparison.outdated({"a": "reason", "b": "reason", "elsewhere": "x"}) == ["b"]


def test_bare_environment_does_not_shrink_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twisted's tests find its commands, and a locale to go back to, where nothing is set."""
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", os.defpath)
    code = (
        "import locale, shutil\n"
        "locale.setlocale(locale.LC_ALL, locale.getlocale())\n"
        "print(shutil.which('ckeygen'))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=STOCK_SETUP.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    assert result.stdout == os.path.join(sysconfig.get_path("scripts"), "ckeygen") + "\n"


class TestKept:
    def test_stock_is_run_once(self, run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        """And again where other tests are asked for, or the file is not there."""
        run(SUITE)
        kept = Kept(tmp_path / "build" / "stock.json")
        said: list[str] = []

        def compare_kept(*names: str) -> Comparison:
            said.clear()
            return compare_pairs(names, [EVERYTHING], say=said.append, kept=kept)[0]

        first = compare_kept("test_sample")
        assert said[0] == "running test_sample: stock, pyreactor"
        second = compare_kept("test_sample")
        assert said[0] == "running test_sample: pyreactor"
        assert second.stock == first.stock
        assert second.lost.keys() == first.lost.keys()
        compare_kept("test_sample.Tests")
        assert said[0] == "running test_sample.Tests: stock, pyreactor"

    def test_a_run_without_an_end_is_not_kept(self, tmp_path: Path) -> None:
        kept = Kept(tmp_path / "stock.json")
        kept.write(["a"], Results("stock", trouble="killed"))
        assert kept.read(["a"]) is None
