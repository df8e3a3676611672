"""Bodies in chunks: what a decoder tells, when, and what it is then, is as on Twisted's own."""

from __future__ import annotations

import itertools
import os
from typing import Any

import pytest
from hypothesis import given, settings
from twisted.web import http

from tests import chance as st  # each is drawn as hypothesis' of its name
from tests.web.sides import stock

EXAMPLES = int(os.environ.get("PYREACTOR_WEB_EXAMPLES", "200"))

LINES = [
    *[b"%x\r\n%b\r\n" % (size, b"d" * size) for size in (1, 2, 9, 16, 255, 4096)],
    b"A\r\n0123456789\r\n",
    b"003\r\nabc\r\n",
    b"0\r\n\r\n",
    b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
]
ODD = [
    b"3;ext=1\r\nabc\r\n",
    b"0;e\r\nTrailer: t\r\nOther: u\r\n\r\n",
    b"00\r\nTrailer: t\r\n\r\n",
    b"0\r\n" + b"T: " + b"t" * 70000 + b"\r\n\r\n",
    b"000000000000000000000003\r\nabc\r\n",
    b"fffffffffffffff\r\nabc",
    b"ffffffffffffffff1\r\nabc",
    b"10000000000000003\r\nabc\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"3\nabc\r\n",
    b"3\r\nabcd\r\n",
    b"3\r\nabc\n",
    b"0x3\r\nabc\r\n",
    b"+3\r\nabc\r\n",
    b"-1\r\nabc\r\n",
    b" 3\r\nabc\r\n",
    b"3 \r\nabc\r\n",
    b"3\t\r\nabc\r\n",
    b"3_0\r\nabc\r\n",
    b"\xb2\r\nabc\r\n",
    b"3;\x00\r\nabc\r\n",
    b"3;\n\r\nabc\r\n",
    b"g\r\n",
    b";\r\n",
    b"1" * 1100 + b"\r\n",
    b"1" * 1100,
    b"0" * 1023 + b"\r\n\r\n",
]


@st.composite
def streams(draw: Any) -> list[bytes]:
    """What comes, in pieces."""
    lines = draw(st.lists(st.sampled_from(LINES * 3 + ODD), max_size=6))
    data = b"".join(lines)
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(data)))
        data = (
            data[:at] + draw(st.sampled_from([b"\r", b"\n", b"0", b";", b"\x00", b""])) + data[at:]
        )
    if draw(st.integers(0, 3)) == 0 and len(data) < 300:
        return [data[n : n + 1] for n in range(len(data))]
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[a:b] for a, b in itertools.pairwise([0, *cuts, len(data)])]


class Run:
    """A decoder, and what it does with what comes."""

    def __init__(self, fails_at: int = -1, cls: Any = http._ChunkedTransferDecoder) -> None:
        self.trace: list[Any] = []
        self.calls = 0
        self.fails_at = fails_at
        self.decoder = cls(self.data, self.end)

    def tell(self, *what: Any) -> None:
        self.trace.append((*what, self.decoder.state, getattr(self.decoder, "length", None)))
        self.calls += 1
        if self.calls == self.fails_at:
            raise KeyError(self.calls)

    def data(self, data: bytes) -> None:
        assert type(data) is bytes
        self.tell("data", data)

    def end(self, data: bytes) -> None:
        assert type(data) is bytes
        self.tell("end", data)

    def receive(self, pieces: list[bytes]) -> list[Any]:
        """The trace."""
        for piece in pieces:
            try:
                returned = self.decoder.dataReceived(piece)
            except Exception as error:
                self.trace.append((type(error), str(error)))
            else:
                assert returned is None
            own = {name: value for name, value in vars(self.decoder).items() if "back" not in name}
            own["_buffer"] = bytes(own["_buffer"])
            self.trace.append(sorted(own.items(), key=lambda item: item[0]))
        return self.trace


#: What comes, and at which call of a program's it fails.
RUNS = st.tuples(streams(), st.sampled_from([-1, -1, -1, 1, 2, 3]))


def same(run: tuple[list[bytes], int]) -> None:
    pieces, fails_at = run
    with stock():
        expected = Run(fails_at).receive(pieces)
    assert Run(fails_at).receive(pieces) == expected


@settings(max_examples=min(EXAMPLES * 3, 600))
@given(RUNS.strategy)
def test_same_as_stock(run: tuple[list[bytes], int]) -> None:
    same(run)


@pytest.mark.parametrize("share", range(st.SHARES))
def test_many_are_the_same_as_stock(share: int) -> None:
    st.many(RUNS, EXAMPLES, same, share)


def chunked(*sizes: int) -> bytes:
    """Chunks of these sizes, and the end."""
    return b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for size in sizes) + b"0\r\n\r\n"


@pytest.mark.parametrize("name", ["CHUNK_LENGTH", "BODY", "CRLF", "TRAILER"])
@pytest.mark.parametrize("where", ["class", "instance"])
def test_what_a_program_put_in_the_place_of_a_state_is_called(name: str, where: str) -> None:
    seen: list[str] = []
    stocks = getattr(http._ChunkedTransferDecoder, f"_dataReceived_{name}")

    def own(self: Any) -> Any:
        seen.append(self.state)
        return stocks(self)

    if where == "class":
        cls = type("Own", (http._ChunkedTransferDecoder,), {f"_dataReceived_{name}": own})
        run = Run(cls=cls)
    else:
        run = Run()
        setattr(run.decoder, f"_dataReceived_{name}", lambda: own(run.decoder))
    run.receive([chunked(5)])
    assert set(seen) == {name}
    assert run.trace[-2][:2] == ("end", b"")


def test_what_a_program_put_into_the_module_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "maxChunkSizeLineLength", 2)
    run = Run()
    run.receive([b"5\r\nabcde\r\n", b"05\r\nabcde\r\n"])
    assert run.trace[-2][0] is http._MalformedChunkedDataError
    monkeypatch.undo()
    monkeypatch.setattr(http, "_hexint", lambda data: 1)
    run = Run()
    run.receive([b"5\r\na\r\n"])
    assert run.trace[0][:2] == ("data", b"a")


def test_other_types_of_data_are_twisteds() -> None:
    run = Run()
    run.decoder.dataReceived(bytearray(chunked(3)))
    assert [each[:2] for each in run.trace] == [("data", b"xxx"), ("end", b"")]
    with pytest.raises(TypeError):
        Run().decoder.dataReceived("5")


def test_callbacks_may_be_changed_in_a_callback() -> None:
    run = Run()
    seen: list[bytes] = []
    first = run.decoder.dataCallback

    def change(data: bytes) -> None:
        first(data)
        run.decoder.dataCallback = seen.append

    run.decoder.dataCallback = change
    run.receive([chunked(2, 3, 4)])
    assert seen == [b"xxx", b"xxxx"]


def test_after_the_end_nothing_may_come() -> None:
    run = Run()
    run.decoder.dataReceived(chunked(2))
    run.decoder.dataReceived(b"")
    with pytest.raises(RuntimeError, match="called after last chunk was processed"):
        run.decoder.dataReceived(b"x")
    run.decoder.noMoreData()
