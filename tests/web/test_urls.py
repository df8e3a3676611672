"""hyperlink's URLs by its own code and by ours, which notes what it made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import hyperlink
import pytest
from hyperlink import _url
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyreactor._web import urls
from tests.web.client_code import check, own_code

EXAMPLES = int(os.environ.get("PYREACTOR_TEST_EXAMPLES", "300"))
NOTES: tuple[dict[Any, Any], ...] = (urls.texts, urls.uris, urls.shown, urls._encoded)

FORMS = ["http://u:p@{}/a b?c=d&e", "http://{}", "{}", "https://{}:8/\u00fc#\u00e9", "HTTP://{}/"]
FORMS += ["http://{}/%2f/./../?a=%26&=&b", "ftp://{}/a", "http://{}:80/", "http://{}?x", "//{}/a"]
FORMS += ["http:{}", "http://{}:x/", "mailto:a@{}", "http://user:@{}/a;b=c?d=e+f#g?h", "/a/{}"]
HOSTS = ["example.com", "127.0.0.1", "b\u00fccher.example", "[::1]", "a..b", "", "EXAMPLE.com"]

texts = st.one_of(
    st.tuples(st.sampled_from(FORMS), st.sampled_from(HOSTS)).map(
        lambda pair: pair[0].format(pair[1])
    ),
    st.text(max_size=12).map(lambda text: f"http://example.com/{text}"),
    st.text(max_size=12),
)


@pytest.fixture(autouse=True)
def _nothing_noted() -> Iterator[None]:
    for notes in NOTES:
        notes.clear()
    yield
    assert all(len(notes) <= urls.MOST for notes in NOTES)


def parts(url: Any) -> Any:
    """All that a URL has, with the types of it."""
    return type(url), [(name, type(value), value) for name, value in vars(url).items()]


def made_of(text: Any) -> Any:
    """What is made of an address."""
    url = hyperlink.URL.from_text(text)
    uri = url.to_uri()
    shown = [each.to_text() for each in (url, uri)]
    secret = [each.to_text(with_password=True) for each in (url, uri)]
    changed = url.replace(query=[("a", None), ("b", "\u00fc")]).to_uri()
    other = url.replace(scheme="https").to_uri()
    return (
        *map(parts, (url, uri, changed, other)),
        *(shown, secret, changed.to_text(), other.to_text(), repr(url)),
    )


@given(texts)
@settings(max_examples=EXAMPLES)
@example("http://example.com/a?b=c#d")
@example("http://:80")
def test_addresses(text: str) -> None:
    """Valid and broken addresses of any shape."""
    check(made_of, text)


def test_treq_s_address_is_noted() -> None:
    """What the tests compare is not hyperlink's code on both sides."""
    text = "http://example.com/a?b=c"
    uri = hyperlink.URL.from_text(text).to_uri()
    assert uri.to_text() == text
    assert text in urls.texts
    again = hyperlink.URL.from_text(text)
    assert urls.find("uris", urls.uris, again) == urls.parts_of(uri)
    assert urls.find("shown", urls.shown, again.to_uri()) == text


def test_urls_are_objects_of_their_own() -> None:
    """As they are hyperlink's, which can be given attributes."""
    text = "http://example.com/a?b=c"
    first = hyperlink.URL.from_text(text)
    first.own = 1
    first._path = ("changed",)
    second = hyperlink.URL.from_text(text)
    assert second is not first
    assert second.path == ("a",)
    assert not hasattr(second, "own")
    assert first.to_uri() is not first.to_uri()
    assert (first.to_uri().path, second.to_uri().path) == (("changed",), ("a",))
    assert (first.to_text(), second.to_text()) == ("http://example.com/changed?b=c", text)


class OwnURL(hyperlink.URL):
    """A class of the program's own."""


def test_subclass() -> None:
    """It makes URLs of its class, also of an address that was seen before."""
    text = "http://example.com/a?b=c"
    for cls in (hyperlink.URL, OwnURL, hyperlink.URL):
        made = cls.from_text(text)
        assert type(made) is type(made.to_uri()) is cls
        assert made.to_uri().to_text() == text


class Text(str):
    """A text of the program's own that claims to be equal to each other one."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("http://example.com/a?b=c")


def test_texts_with_an_equality_of_their_own() -> None:
    """A URL that consists of such is not taken for another."""

    def run() -> Any:
        seen = [hyperlink.URL.from_text("http://example.com/a?b=c").to_uri().to_text()]
        made = hyperlink.URL.from_text(Text("http://example.org/x"))
        seen.append(made.to_uri().to_text())
        for names in ({"path": (Text("y"),)}, {"query": ((Text("y"), Text("z")),)}):
            url = hyperlink.URL.from_text("http://example.com/a?b=c").replace(**names)
            seen += [str(url.to_uri().to_text()), str(url.to_text())]
        return seen

    check(run)


LEFT_OUT = {
    (owner, name)
    for of_class, of_module in urls.LEFT_OUT.values()
    for owner, names in ((hyperlink.URL, of_class), (_url, of_module))
    for name in names
}


@pytest.mark.parametrize(
    ("owner", "path"),
    sorted(LEFT_OUT, key=str),
    ids=lambda value: getattr(value, "__name__", value),
)
def test_replaced_functions_are_called(
    owner: Any, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for an address that was seen before; and then hyperlink's own again."""
    stock, seen = vars(owner)[path], []

    def own(*args: Any, **kwargs: Any) -> Any:
        seen.append(path)
        return stock(*args, **kwargs)

    def run() -> Any:
        seen.clear()
        url = hyperlink.URL.from_text("http://example.com/a?b=c")
        return url.to_uri().to_text(), len(seen)

    check(run)
    monkeypatch.setattr(owner, path, own)
    assert check(run)[1] > 0
    monkeypatch.undo()
    assert check(run)[1] == 0


def test_what_is_made_by_a_replaced_function_is_not_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is hyperlink's that does it later."""
    text = "http://example.com/a?b=c"
    monkeypatch.setattr(_url, "_encode_query_key", lambda *args, **kwargs: "replaced")
    assert hyperlink.URL.from_text(text).to_uri().to_text() == "http://example.com/a?replaced=c"
    monkeypatch.undo()
    assert hyperlink.URL.from_text(text).to_uri().to_text() == text


def test_schemes_that_are_registered_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """With another port by default, or none."""
    monkeypatch.setattr(_url, "SCHEME_PORT_MAP", dict(_url.SCHEME_PORT_MAP))
    for port in (80, 8080, None, 80):
        hyperlink.register_scheme("http", default_port=port)
        for text in ("http://example.com/a?b", "http://example.com:8080/"):
            check(made_of, text)
    del _url.SCHEME_PORT_MAP["http"]
    check(made_of, "http://example.com/a?b")


def test_notes_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is long is not noted; another encoder is called."""
    for number in range(2000):
        text = f"http://host{number}.example/"
        assert hyperlink.URL.from_text(text).to_uri().to_text() == text
    assert all(0 < len(notes) <= urls.MOST for notes in NOTES)
    for notes in NOTES:
        notes.clear()
    for path in ("a" * urls.LONGEST, "a/" * urls.LONGEST, "?" + "a&" * urls.LONGEST):
        text = f"http://example.com/{path}"
        check(lambda: hyperlink.URL.from_text(text).to_uri().to_text())  # noqa: B023
    assert urls.texts == urls.uris == urls.shown == {}
    monkeypatch.setattr(_url, "idna_encode", lambda host, uts46: b"replaced")
    assert hyperlink.URL.from_text("http://host1999.example/").to_uri().host == "replaced"


def test_tests_run_hyperlink_s_own_code() -> None:
    """Where they say so."""
    with own_code():
        hyperlink.URL.from_text("http://example.com/a").to_uri().to_text()
    assert all(not notes for notes in NOTES)
