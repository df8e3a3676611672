"""The shorter ways of ``_web/files.py`` do what Twisted's functions do."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import _producer_helpers, task
from twisted.internet.testing import StringTransport
from twisted.logger import Logger, globalLogPublisher
from twisted.python import filepath
from twisted.web import static

from pyreactor._web import files, setup

setup.put_in(static)

EXAMPLES = int(os.environ.get("PYREACTOR_WEB_EXAMPLES", "200"))

names = st.text(st.sampled_from(list("ab.:/\0é \udc80")), max_size=6)
folders = st.text(st.sampled_from(list("ab./")), max_size=6).map("/".__add__)


def outcome(function: Any, *args: Any) -> Any:
    """What it gives or raises, comparable."""
    try:
        result = function(*args)
    except Exception as error:
        return type(error), str(error)
    return type(result), getattr(result, "path", result)


def test_all_are_in_place() -> None:
    assert files.stock_functions() == {}


@settings(max_examples=EXAMPLES)
@given(folders, names)
def test_children_are_twisteds(folder: str, name: str) -> None:
    for cls in (filepath.FilePath, static.File):
        parent: Any = cls(folder)
        assert outcome(parent.child, name) == outcome(files.stock["child"], parent, name)


@settings(max_examples=EXAMPLES)
@given(st.one_of(folders, names))
def test_paths_are_twisteds(path: str) -> None:
    def made(function: Any) -> Any:
        other: Any = object.__new__(filepath.FilePath)
        function(other, path)
        return other

    assert outcome(made, files.stock["__init__"]) == outcome(made, filepath.FilePath.__init__)


@settings(max_examples=EXAMPLES)
@given(st.one_of(names, st.sampled_from(["a.gz", "a.tar.GZ", ".bz2", "a.HTML", "x.py.gz"])))
def test_types_are_twisteds(name: str) -> None:
    known = (static.File.contentTypes, static.File.contentEncodings, "text/x")
    found = outcome(static.getTypeAndEncoding, name, *known)
    assert found == outcome(files.stock["getTypeAndEncoding"], name, *known)


def test_a_changed_path_is_no_parent_of_others() -> None:
    parent: Any = filepath.FilePath("/a")
    parent.path = "/a/../b"
    expected = outcome(files.stock["child"], parent, "c")
    assert outcome(parent.child, "c") == expected
    assert expected[0] is filepath.InsecurePath


@pytest.mark.parametrize("name", ["_getPathAsSameTypeAs", "_asTextPath"])
def test_a_subclass_is_obeyed(name: str) -> None:
    path = type("Path", (filepath.FilePath,), {name: lambda self, *args: "/elsewhere"})("/a")
    assert path.child("b").path == "/elsewhere/b"


def test_what_a_program_put_into_the_module_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def abspath(path: Any) -> Any:
        seen.append(path)
        return os.path.abspath(path)

    monkeypatch.setattr(filepath, "abspath", abspath)
    assert filepath.FilePath("/a").child("b").path == "/a/b"
    assert seen == ["/a", "/a/b", "/a/b"]
    monkeypatch.setattr(filepath, "splitext", lambda path: (path, ".gz"))
    found = static.getTypeAndEncoding("a", {}, {".gz": "x"}, "text/x")
    assert found == ("text/x", "x")
    monkeypatch.undo()
    monkeypatch.setattr(filepath, "abspath", abspath)
    del seen[:]
    static.getTypeAndEncoding("a", {}, {}, "text/x")
    assert seen == ["a"]


def test_what_a_program_put_there_before_this_came_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(filepath, "abspath", lambda path: "/elsewhere")
    monkeypatch.setattr(files, "known", {})
    files._note()
    assert filepath.FilePath("/a").path == "/elsewhere"
    assert filepath.FilePath("/a").child("b").path == "/elsewhere"


class Puller:
    """Raises what it is told to."""

    def __init__(self, *errors: BaseException | None) -> None:
        self.errors = list(errors)
        self.wire: Any = None

    def resumeProducing(self) -> None:
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        self.wire.unregisterProducer()


class Wire(StringTransport):
    """Refuses to let a producer go, if it is told to."""

    refuses = False
    streaming: Any = None

    def unregisterProducer(self) -> None:
        if self.refuses:
            raise ValueError("no")
        self.streaming.stopStreaming()


def pulled(generator: Any, refuses: bool, *errors: type[BaseException]) -> Any:
    """What is logged, with the places of the tracebacks, and how it ends."""
    events: list[Any] = []
    clock = task.Clock()
    cooperator = task.Cooperator(scheduler=lambda call: clock.callLater(0.0, call))
    wire = Wire()
    wire.refuses = refuses
    producer = Puller(*[error("why") for error in errors])
    producer.wire = wire
    wire.streaming = streaming = _producer_helpers._PullToPush(producer, wire)  # type: ignore[arg-type]
    streaming._coopTask = cooperator.cooperate(generator(streaming))
    globalLogPublisher.addObserver(events.append)
    try:
        for _ in range(4):
            clock.advance(1)
    finally:
        globalLogPublisher.removeObserver(events.append)
    return [
        (
            event["log_format"],
            event["log_failure"].type,
            [frame[0] for frame in event["log_failure"].frames],
            event.keys(),
        )
        for event in events
    ], streaming._finished


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("errors", [(), (ValueError,), (SystemExit,)])
def test_pulling_is_twisteds(errors: tuple[type[BaseException], ...], refuses: bool) -> None:
    own = _producer_helpers._PullToPush._pull
    found = pulled(own, refuses, *errors)
    assert found == pulled(files.stock["_pull"], refuses, *errors)
    assert len(found[0]) >= len(errors)


def test_what_pulled_needs_no_collector() -> None:
    """The task has the generator; that has, at its end, nothing."""
    clock = task.Clock()
    wire = Wire()
    streaming: Any = _producer_helpers._PullToPush(Puller(None, None), wire)  # type: ignore[arg-type]
    wire.streaming, streaming._producer.wire = streaming, wire
    cooperator = task.Cooperator(scheduler=lambda call: clock.callLater(0.0, call))
    pulled = streaming._coopTask = cooperator.cooperate(streaming._pull())
    enabled = gc.isenabled()
    gc.disable()
    try:
        clock.advance(1)
        assert streaming._finished
        last = weakref.ref(streaming)
        wire.streaming = streaming = None
        assert last() is None
    finally:
        if enabled:
            gc.enable()
    assert next(pulled._iterator) is None


def test_a_logger_of_the_programs_handles_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Own(Logger):
        def failuresHandled(self, format: str, *args: Any, **kwargs: Any) -> Any:
            seen.append(format)
            return super().failuresHandled(format, *args, **kwargs)

    monkeypatch.setattr(_producer_helpers, "_log", Own())
    pulled(_producer_helpers._PullToPush._pull, False)
    assert seen == ["while calling resumeProducing on {producer}"]


def test_a_file_of_a_folder_that_is_gone(tmp_path: Path) -> None:
    """The folder in which the process works is not asked for."""
    before = Path.cwd()
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    try:
        gone.rmdir()
        assert static.getTypeAndEncoding("a.html", {".html": "x"}, {}, "y") == ("x", None)
    finally:
        os.chdir(before)
