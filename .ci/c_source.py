"""A C file as structure.py looks at it: what it defines, includes and names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

#: What the names in a file are looked for in: comments and literals are blanks there.
_BLANKED = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_TOKEN = re.compile(r"[A-Za-z_]\w*|\.?\d[\w.]*|->|\.\.\.|[^\s\w]")
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True)
class Token:
    """A word or a mark, and where it is (lines and columns from 1)."""

    text: str
    line: int
    column: int

    @property
    def is_name(self) -> bool:
        """Whether it is an identifier or a keyword."""
        return self.text[0].isalpha() or self.text[0] == "_"


@dataclass(frozen=True)
class Definition:
    """A function or a variable that a file defines."""

    name: str
    line: int
    end: int
    static: bool
    inline: bool
    function: bool

    @property
    def length(self) -> int:
        """How many lines it has, without its type."""
        return self.end - self.line + 1


@dataclass
class Parsed:
    """What the tokens of a file come to."""

    definitions: list[Definition] = field(default_factory=list)
    #: Places of tokens that only declare, or are members, designators and the defined name.
    no_use: set[tuple[int, int]] = field(default_factory=set)


def blanked(text: str) -> str:
    """`text` with blanks for comments and literals; each line stays the line that it was."""

    def blanks(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    return _BLANKED.sub(blanks, text)


def tokens(text: str, first: int = 1) -> list[Token]:
    """The tokens of a text that is blanked, whose first line is line `first`."""
    return [
        Token(match[0], number, match.start() + 1)
        for number, line in enumerate(text.split("\n"), first)
        for match in _TOKEN.finditer(line)
    ]


def split_directives(text: str) -> tuple[str, list[tuple[int, str]]]:
    """
    A text that is blanked, without its directives, and these with their lines.

    Of the branches of an ``#if`` only the first that has code opens braces: so what stays is
    balanced, and the definitions in the others count as they stand.
    """
    lines = text.split("\n")
    directives = []
    at = 0
    while at < len(lines):
        if lines[at].lstrip().startswith("#"):
            first = at
            while lines[at].endswith("\\") and at + 1 < len(lines):
                at += 1
            directives.append((first + 1, "\n".join(lines[first : at + 1])))
            lines[first : at + 1] = [""] * (at + 1 - first)
        at += 1
    return "\n".join(lines), directives


class CFile:
    """One file of C."""

    def __init__(self, path: Path, name: str) -> None:
        #: Its name from the folder of all sources, such as ``loop/timers.c``.
        self.name = name
        self.text = path.read_text(encoding="utf-8")
        self.code, self._directives = split_directives(blanked(self.text))

    @property
    def is_header(self) -> bool:
        """Whether others include it."""
        return self.name.endswith(".h")

    @property
    def concept(self) -> str:
        """Its name without ``.c`` or ``.h``, which a header shares with its code."""
        return self.name[:-2]

    @property
    def length(self) -> int:
        """Its number of lines."""
        return self.text.count("\n")

    @cached_property
    def includes(self) -> list[tuple[int, str]]:
        """The files that it includes by quotes, with the lines of that."""
        return [
            (self.text.count("\n", 0, match.start()) + 1, match[1])
            for match in _INCLUDE.finditer(self.text)
        ]

    @cached_property
    def tokens(self) -> list[Token]:
        """Those of its code, directives left out."""
        return tokens(self.code)

    @cached_property
    def macro_tokens(self) -> list[Token]:
        """Those of what its macros stand for."""
        found = []
        for line, text in self._directives:
            words = tokens(text, line)
            if [word.text for word in words[:2]] == ["#", "define"]:
                found += words[3:]
        return found

    @cached_property
    def _parsed(self) -> Parsed:
        return _parse(self.tokens, self._restarts)

    @cached_property
    def _restarts(self) -> dict[int, int]:
        """By line of an ``#else`` or ``#elif``: the line of its ``#if``."""
        found, open_ifs = {}, []
        for line, text in self._directives:
            word = text.lstrip(" \t#").split(None, 1)[0]
            if word.startswith("if"):
                open_ifs.append(line)
            elif word.startswith("el") and open_ifs:
                found[line] = open_ifs[-1]
            elif word == "endif" and open_ifs:
                open_ifs.pop()
        return found

    @property
    def definitions(self) -> list[Definition]:
        """The functions and variables that it defines."""
        return self._parsed.definitions

    @cached_property
    def uses(self) -> dict[str, int]:
        """The names that it uses, each with the first line of that."""
        found: dict[str, int] = {}
        for token in [*self.tokens, *self.macro_tokens]:
            if token.is_name and (token.line, token.column) not in self._parsed.no_use:
                found[token.text] = min(found.get(token.text, token.line), token.line)
        return found


def _with_depth(words: list[Token], restarts: dict[int, int]) -> list[tuple[Token, int]]:
    """Each token and how many braces are open before it; each branch of an #if begins alike."""
    depth = 0
    at_line: list[tuple[int, int]] = []
    pending = sorted(restarts.items())
    found = []
    for word in words:
        while pending and pending[0][0] < word.line:
            start = pending.pop(0)[1]
            depth = next((then for line, then in reversed(at_line) if line < start), 0)
        if word.text == "}":
            depth -= 1
        found.append((word, depth))
        if word.text == "{":
            depth += 1
        at_line.append((word.line, depth))
    return found


def _parse(words: list[Token], restarts: dict[int, int]) -> Parsed:
    """Go through the units of the file: each ends with a ``;``, or the ``}`` of a function."""
    parsed = Parsed()
    unit: list[Token] = []
    for word, depth in _with_depth(words, restarts):
        unit.append(word)
        if depth == 0 and (word.text == ";" or (word.text == "}" and _is_function(unit))):
            _take_unit(unit, parsed)
            unit = []
    for before, word in zip(words, words[1:], strict=False):
        if before.text in (".", "->"):
            parsed.no_use.add((word.line, word.column))
    return parsed


def _head(unit: list[Token]) -> list[Token]:
    """What comes before the first brace or initializer of a unit."""
    for at, word in enumerate(unit):
        if word.text in ("{", "=", ";"):
            return unit[:at]
    return unit


def _is_function(unit: list[Token]) -> bool:
    """Whether a unit that has come to a ``}`` defines a function (and no type or variable)."""
    head = _head(unit)
    return bool(head) and head[-1].text == ")" and unit[len(head)].text == "{"


def _without_macros(unit: list[Token]) -> list[Token]:
    """
    A unit from behind the uses of macros that stand alone before it, without ``;``.

    Such a use begins a line, and what follows its parenthesis does so, too.
    """
    while len(unit) > 2 and unit[0].column == 1 and unit[1].text == "(":
        end = _closing(unit, 1)
        if end + 1 >= len(unit) or unit[end + 1].column != 1 or unit[end + 1].text in "{;":
            break
        unit = unit[end + 1 :]
    return unit


def _closing(unit: list[Token], at: int) -> int:
    """Where the parenthesis or bracket that opens at `at` is closed."""
    depth = 0
    for place in range(at, len(unit)):
        depth += (unit[place].text in _OPEN) - (unit[place].text in _CLOSE)
        if depth == 0:
            return place
    return len(unit) - 1


def _take_unit(whole: list[Token], parsed: Parsed) -> None:
    unit = _without_macros(whole)
    head = _head(unit)
    words = [word.text for word in head]
    if not words or words[0] in ("typedef", "_Static_assert", "static_assert"):
        return
    name = _declared(head)
    if name is None:
        return
    parsed.no_use.add((name.line, name.column))
    function = "(" in words and words[-1] == ")"
    defines = _is_function(unit) if function else "extern" not in words
    if not defines:
        # What a prototype says of its parameters uses nothing.
        parsed.no_use.update((word.line, word.column) for word in head)
        return
    parsed.definitions.append(
        Definition(
            name=name.text,
            line=name.line,
            end=unit[-1].line,
            static="static" in words,
            inline="inline" in words,
            function=function,
        )
    )


def _declared(head: list[Token]) -> Token | None:
    """The name that a head declares: before its ``(`` or ``[``, or the last one."""
    at = 0
    name = None
    while at < len(head):
        word = head[at]
        if word.text == "(" and name is not None and name.text not in ("__attribute__", "_Alignas"):
            following = head[at + 1] if at + 1 < len(head) else word
            if following.text != "*":
                return name
            # A pointer to a function: int (*name)(void)
            names = [one for one in head[at : _closing(head, at)] if one.is_name]
            return names[0] if names else name
        if word.text in "([":
            if word.text == "[":
                return name
            at = _closing(head, at)
        elif word.is_name:
            name = word
        at += 1
    if head[0].text in ("struct", "enum", "union") and len(head) < 3:
        return None  # a type alone
    return name
