"""The body of a POST, if it is a form, as ``Request.requestReceived`` reads it."""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType
from typing import Any

#: Of the values whose meaning is kept, the longest, in bytes.
_LONGEST = 128


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
