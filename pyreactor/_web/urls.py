"""
Shorter ways for hyperlink's URLs, of which treq makes two for each address that it is given.

How their code comes to run is told in `pyreactor._code`.  What was made of an address is noted: the
texts, tuples and numbers that a ``URL`` consists of, none of which can be changed.  Each call makes
a ``URL`` of its own of them.  What is noted of a URL is found by the identity of its parts: they
may be of classes of the program's, with an equality of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # What the functions below find in hyperlink's module.
    normalize: Any = None
    idna_encode: Any = None
    _encode_userinfo_part: Callable[[str], str] = str
    _encode_path_parts: Any = None
    _encode_query_key: Any = None
    _encode_query_value: Any = None
    _encode_fragment_part: Callable[..., str] = str
    _pyreactor: Any = None

#: What a function of hyperlink's was before it was given other code, by the name here.
stock: dict[str, Callable[..., Any]] = {}

#: hyperlink's class and its module, and what of both is left out below.
known: dict[str, Any] = {}

#: How many addresses are noted of each kind, and the longest of them.
MOST = 500
LONGEST = 1000

#: The schemes of which addresses are noted.
SCHEMES = ("http", "https")

#: What is left out where something is noted, by what that is: names in hyperlink's class, and in
#: its module.
LEFT_OUT: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "texts": (
        ("__init__",),
        ("parse_host", "iter_pairs", "_textcheck", "_typecheck"),
    ),
    "uris": (
        ("__init__", "replace"),
        (
            *("parse_host", "iter_pairs", "_textcheck", "_typecheck"),
            *("normalize", "idna_encode", "_optional", "_encode_userinfo_part"),
            *("_encode_path_parts", "_encode_path_part", "_encode_query_key"),
            *("_encode_query_value", "_encode_fragment_part"),
        ),
    ),
    "shown": (
        ("authority",),
        ("_encode_path_parts", "_encode_path_part", "_encode_query_key", "_encode_query_value"),
    ),
}

#: What a ``URL`` consists of, in the order in which its ``__init__`` sets it.
Parts = tuple[Any, ...]

#: By the text of an address: the port that its scheme has by default, and what it consists of.
texts: dict[str, tuple[Any, Parts]] = {}

#: By the identity of a host's name: the port that the scheme has by default, what the ``URL``
#: with that host consists of, and what the one consists of that ``to_uri`` makes of it.
uris: dict[int, tuple[Any, Parts, Parts]] = {}

#: The same, with what ``to_text`` makes of it.
shown: dict[int, tuple[Any, Parts, str]] = {}


def note_module(module: ModuleType) -> None:
    """Note what hyperlink's module has now."""
    names: Any = vars(module)
    methods = vars(names["URL"])
    known.update(URL=names["URL"], names=names, methods=methods)
    known["idna_encode"] = names.get("idna_encode")
    for kind, (of_class, of_module) in LEFT_OUT.items():
        known[kind] = (*map(methods.get, of_class), *map(names.get, of_module))


def is_usual(kind: str) -> bool:
    """Whether nobody has replaced what is left out; `kind` is one of those of `LEFT_OUT`."""
    of_class, of_module = LEFT_OUT[kind]
    found = *map(known["methods"].get, of_class), *map(known["names"].get, of_module)
    return bool(found == known[kind])


def parts_of(url: Any) -> Parts:
    """What a ``URL`` consists of."""
    return (
        *(url._scheme, url._host, url._path, url._query, url._fragment),
        *(url._port, url._rooted, url._userinfo, url._uses_netloc),
    )


def made_of(parts: Parts) -> Any:
    """A ``URL`` that consists of these."""
    made = object.__new__(known["URL"])
    made._scheme, made._host, made._path, made._query, made._fragment = parts[:5]
    made._port, made._rooted, made._userinfo, made._uses_netloc = parts[5:]
    return made


def find(kind: str, notes: dict[int, tuple[Any, Parts, Any]], url: Any) -> Any:
    """
    What is noted of a ``URL``, or None.

    :param kind: one of those of `LEFT_OUT`.
    """
    if type(url) is not known["URL"]:
        return None
    found = notes.get(id(url._host))
    if (
        found is not None
        and found[1][0] is url._scheme
        and found[1][1] is url._host
        and found[1][2] is url._path
        and found[1][3] is url._query
        and found[1][4] is url._fragment
        and found[1][5] is url._port
        and found[1][6] is url._rooted
        and found[1][7] is url._userinfo
        and found[1][8] is url._uses_netloc
        and known["names"]["SCHEME_PORT_MAP"].get(url._scheme) is found[0]
        and is_usual(kind)
    ):
        return found[2]
    return None


def find_text(cls: Any, text: str) -> Any:
    """The parts of the ``URL`` that was made of a text, or None."""
    found = texts.get(text) if type(text) is str and cls is known["URL"] else None
    if found is None or not is_usual("texts"):
        return None
    port, parts = found
    return parts if known["names"]["SCHEME_PORT_MAP"].get(parts[0]) is port else None


def default_port(kind: str, url: Any) -> Any:
    """
    The port that the URL's scheme has by default; None where nothing is to be noted of the URL.

    :param kind: one of those of `LEFT_OUT`.
    """
    if type(url) is not known["URL"] or type(url._scheme) is not str or url._scheme not in SCHEMES:
        return None
    if not is_short(url) or not is_usual(kind):
        return None
    return known["names"]["SCHEME_PORT_MAP"].get(url._scheme)


def is_short(url: Any) -> bool:
    """Whether a ``URL`` has no parts that are too long, or too many, to be noted."""
    path, query = url._path, url._query
    if len(path) + len(query) > LONGEST // 10:
        return False
    values = [text or "" for pair in query for text in pair]
    return sum(map(len, (url._host, url._fragment, url._userinfo, *path, *values))) < LONGEST


def note(notes: dict[Any, Any], key: Any, *noted: Any) -> None:
    """Note something; where there are too many notes, the others are dropped."""
    if len(notes) >= MOST:
        notes.clear()
    notes[key] = noted


def note_text(text: str, url: Any) -> None:
    """Note what an address consists of, as it was made just now."""
    port = default_port("texts", url)
    if port is not None and type(text) is str:
        note(texts, text, port, parts_of(url))


def note_uri(url: Any, made: Any) -> None:
    """Note what ``to_uri`` has made of a ``URL`` just now."""
    port = default_port("uris", url)
    if port is not None and type(made) is known["URL"]:
        note(uris, id(url._host), port, parts_of(url), parts_of(made))


def note_shown(url: Any, text: str) -> None:
    """Note what ``to_text`` has made of a ``URL`` just now."""
    port = default_port("shown", url)
    if port is not None and type(text) is str:
        note(shown, id(url._host), port, parts_of(url), text)


#: Names of hosts as idna encodes them.
_encoded: dict[str, str] = {}


def encoded(host: str) -> str:
    """What idna makes of the name of a host, made once."""
    found = _encoded.get(host)
    if found is None:
        found = known["idna_encode"](host, uts46=True).decode("ascii")
        if len(_encoded) >= MOST:
            _encoded.clear()
        _encoded[host] = found
    return found


# ---- hyperlink's functions ----


def from_text(cls: Any, text: str) -> Any:
    """Mirrors hyperlink.URL.from_text."""
    parts = _pyreactor.find_text(cls, text)
    if parts is not None:
        return _pyreactor.made_of(parts)
    made = _pyreactor.stock["from_text"](cls, text)
    _pyreactor.note_text(text, made)
    return made


def to_uri(self: Any) -> Any:
    """Mirrors hyperlink.URL.to_uri."""
    parts = _pyreactor.find("uris", _pyreactor.uris, self)
    if parts is not None:
        return _pyreactor.made_of(parts)
    userinfo = ":".join([_encode_userinfo_part(part) for part in self.userinfo.split(":", 1)])
    path = _encode_path_parts(self.path, has_scheme=bool(self.scheme), rooted=False, maximal=True)
    host = self.host
    if host:
        if (
            type(host) is str
            and len(host) < _pyreactor.LONGEST
            and idna_encode is _pyreactor.known["idna_encode"]
        ):
            host = _pyreactor.encoded(host)
        else:
            host = idna_encode(host, uts46=True).decode("ascii")
    made = self.replace(
        userinfo=userinfo,
        host=host,
        path=path,
        query=tuple(
            [
                (
                    _encode_query_key(key, maximal=True),
                    None if value is None else _encode_query_value(value, maximal=True),
                )
                for key, value in self.query
            ]
        ),
        fragment=_encode_fragment_part(self.fragment, maximal=True),
    )
    _pyreactor.note_uri(self, made)
    return made


def to_text(self: Any, with_password: bool = False) -> Any:
    """Mirrors hyperlink.URL.to_text."""
    if with_password is not False:
        return _pyreactor.stock["to_text"](self, with_password)
    text = _pyreactor.find("shown", _pyreactor.shown, self)
    if text is None:
        text = _pyreactor.stock["to_text"](self)
        _pyreactor.note_shown(self, text)
    return text
