"""
Queries and forms: ``parse_qs``, and the body of a POST, as ``Request.requestReceived`` reads it.

`parse_qs` is not called here: Twisted's function is given its code (see `pyreactor._code`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pyreactor import _code, _versions
from pyreactor._web.known import KNOWN

if TYPE_CHECKING:
    # What parse_qs finds in Twisted's module.
    unquote: Any = None
    _pyreactor_forms: Any = None

#: What ``parse_qs`` was before it was given other code, by that name.
stock: dict[str, Callable[..., Any]] = {}

#: What it leaves out, where nobody has put something else.
known: dict[str, Any] = {}

#: Why it is Twisted's own, by its name.
reasons: dict[str, str] = {}

#: Of the values whose meaning is kept, the longest, in bytes.
_LONGEST = 128


def parse_qs(qs: Any, keep_blank_values: Any = 0, strict_parsing: Any = 0) -> Any:
    """Mirrors twisted.web.http.parse_qs."""
    if type(qs) is not bytes or unquote is not _pyreactor_forms.known["unquote"]:
        return _pyreactor_forms.stock["parse_qs"](qs, keep_blank_values, strict_parsing)
    d: dict[bytes, list[bytes]] = {}
    for item in qs.replace(b";", b"&").split(b"&"):
        k, equals, v = item.partition(b"=")
        if not equals:
            if strict_parsing:
                k, v = item.split(b"=", 1)  # which raises
            continue
        if v or keep_blank_values:
            # Bytes are looked for by their number: CPython makes an error of other bytes first.
            if 0x25 in k or 0x2B in k:
                k = unquote(k.replace(b"+", b" "))
            if 0x25 in v or 0x2B in v:
                v = unquote(v.replace(b"+", b" "))
            if k in d:
                d[k].append(v)
            else:
                d[k] = [v]
    return d


def install(http: ModuleType) -> None:
    """
    Give other code to ``parse_qs``.

    :param http: the module ``twisted.web.http``.
    """
    from urllib.parse import unquote_to_bytes

    known["unquote"] = unquote_to_bytes
    function = KNOWN[http.__name__]["parse_qs"]
    found, why = _versions.examine(http, {"parse_qs": function})
    reasons.update(why)
    for name, each in found.items():
        own: Any = parse_qs
        # The module's _pyreactor is the log's.
        stock[name] = _code.give(each, own, sys.modules[__name__], "_pyreactor_forms")


def stock_functions() -> dict[str, str]:
    """``parse_qs``, if that is Twisted's own, and why; once it was installed."""
    given = _versions.is_given(sys.modules["twisted.web.http"], "parse_qs")
    return {} if given else {"parse_qs": reasons.get("parse_qs", "parse_qs was replaced")}


class Forms:
    """
    Reads forms for requests.

    :param http: the module ``twisted.web.http``, whose functions do it.
    """

    def __init__(self, http: ModuleType) -> None:
        self._http: Any = http
        self._stock_type = http._parseContentType
        self._type = lru_cache(256)(http._parseContentType)

    def _content_type(self, value: bytes) -> bytes:
        parse = self._http._parseContentType
        may_be_kept = parse is self._stock_type and len(value) <= _LONGEST
        known: bytes = self._type(value) if may_be_kept else parse(value)
        return known

    def read(self, request: Any, length: int) -> bool:
        """
        Add what the body of a POST says to ``request.args``.

        :param length: of the body, in bytes.
        :return: False if the body was refused, and the client was told.
        """
        values = request.requestHeaders.getRawHeaders(b"Content-Type")
        if values is None or not values[0]:
            return True
        http, content, value = self._http, request.content, values[0]
        kind = self._content_type(value)
        if kind == b"application/x-www-form-urlencoded":
            request.args.update(http.parse_qs(content.read(), 1))
        elif kind == b"multipart/form-data":
            try:
                content.seek(0)
                request.args.update(http._getMultiPartArgs(content.read(), value))
            except http._MultiPartParseException:
                request.channel._respondToBadRequestAndDisconnect()
                return False
        content.seek(0, 0)
        return True
