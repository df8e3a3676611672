"""Queries are parsed as by Twisted's own function."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.web import http

from pyreactor._web import forms, setup

setup.put_in(http)

EXAMPLES = int(os.environ.get("PYREACTOR_WEB_EXAMPLES", "200"))

queries = st.lists(
    st.sampled_from(
        [
            b"a",
            b"b",
            b"=",
            b"=",
            b"&",
            b"&",
            b";",
            b"+",
            b"%41",
            b"%",
            b"%f",
            b"%Gg",
            b"\xe9",
            b"\0",
        ]
    ),
    max_size=20,
).map(b"".join)


def outcome(function: Any, *args: Any) -> Any:
    """What it gives, in its order, or raises."""
    try:
        result = function(*args)
    except Exception as error:
        return type(error), str(error)
    return type(result), list(result.items())


def test_it_is_in_place() -> None:
    assert forms.stock_functions() == {}


@settings(max_examples=EXAMPLES * 5)
@given(
    st.one_of(queries, st.binary(max_size=30), queries.map(bytearray), st.text(max_size=3)),
    st.sampled_from([(), (0,), (1,), (1, 1), (0, 1)]),
)
def test_queries_are_twisteds(query: Any, options: Any) -> None:
    expected = outcome(forms.stock["parse_qs"], query, *options)
    assert outcome(http.parse_qs, query, *options) == expected


def test_by_keywords() -> None:
    assert http.parse_qs(qs=b"a=&b=1") == {b"b": [b"1"]}
    assert http.parse_qs(b"a=&b=1", keep_blank_values=True) == {b"a": [b""], b"b": [b"1"]}


def test_what_a_program_put_into_the_module_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "unquote", lambda data: data + b"!")
    assert http.parse_qs(b"a=1") == {b"a!": [b"1!"]}
