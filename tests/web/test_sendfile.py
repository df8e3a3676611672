"""Files by sendfile: the same bytes, counts and ends as stock's."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import StringTransport
from twisted.protocols.basic import FileSender
from twisted.web import static

from tests.both import check_same_on_both
from tests.web.sides import places

assert list(places())


def test_same_on_both() -> None:
    check_same_on_both("web_files.py", (), "all files went out")


@pytest.mark.parametrize("kind", ["bytes", "file"])
def test_other_consumers_get_what_they_got(kind: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc" * 30000)
    file: Any = io.BytesIO(b"abc" * 30000) if kind == "bytes" else (tmp_path / "f").open("rb")
    wire = StringTransport()
    sender = FileSender()
    done = sender.beginFileTransfer(file, wire)
    while wire.producer is not None:
        sender.resumeProducing()
    last: list[Any] = []
    done.addCallback(last.append)
    assert wire.value() == b"abc" * 30000
    assert last == [b"c"]
    file.close()


def test_a_producer_that_was_stopped() -> None:
    producer = static.NoRangeStaticProducer(None, None)
    assert producer.resumeProducing() is None  # type: ignore[func-returns-value]


def test_a_file_behind_another_is_read(tmp_path: Path) -> None:
    """Its descriptor has other bytes: they must not go out."""
    check_same_on_both("web_files_read.py", (), "read through")
