#!/usr/bin/env python3
"""
Check how the project is built: rooms and arrows, sizes, names, and what is said of functions.

    structure.py            one line for each finding; fails if there is one
    structure.py --draw     the rooms, the files in each, and on which rooms each stands
    structure.py --write    the same into docs/architecture.md, between its two marks

A room is a folder of ``csrc`` or a package of ``pyreactor``.  An arrow leads from one file to
another: an include or import, or a name of the other's functions and variables, wherever it
stands (so a table of functions has arrows to all that it lists).  Arrows go down only.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from c_source import CFile

#: The rooms of csrc, and on which others each may stand, lowest first.
C_ROOMS: dict[str, tuple[str, ...]] = {
    "core": (),
    "loop": ("core",),
    "framing": ("core",),
    "transport": ("core", "loop"),
    "tls": ("core", "loop"),
    "log": ("core",),
    "deferred": ("core", "loop"),
    "web": ("core",),
    "module.c": ("core", "loop", "framing", "transport", "tls", "log", "deferred", "web"),
}

#: The same of pyreactor: packages, and modules that are no package's.
PYTHON_ROOMS: dict[str, tuple[str, ...]] = {
    "core": (),
    "_loop": ("core",),
    "_framing": ("core",),
    "_transport": ("core", "_loop"),
    "_tls": ("core", "_loop"),
    "_log": ("core",),
    "_deferred": ("core", "_loop"),
    "_web": ("core",),
    "_watch": ("core",),
    "public": ("core", "_loop", "_framing", "_transport", "_tls", "_deferred", "_watch"),
    "_activation": (
        *("core", "_loop", "_framing", "_transport", "_tls", "_log", "_deferred", "_web"),
        "public",
    ),
    "package": ("_activation", "_watch"),
    "_bench": ("package",),
    "_command": ("core", "_activation", "package", "_bench", "_watch"),
}
#: The modules of pyreactor that are in no package, and the rooms that they are counted to.
MODULE_ROOMS = {
    "_core": "core",
    "_code": "core",
    "_standin": "core",
    "_untouched": "core",
    "_versions": "core",
    "reactor": "public",
    "asyncioreactor": "public",
    "defer": "public",
    "basic": "public",
    "__init__": "package",
    "_activate": "package",
    "__main__": "_command",
}

#: Folders of pyreactor that have no modules of it.
NO_MODULES = ("_dropin/", "_bench/programs/")

MOST_FILE_LINES = 800
MOST_FUNCTION_LINES = 60
MOST_INLINES = 15

#: Where private names of CPython may be.
COMPAT = "core/compat.h"
PRIVATE = re.compile(
    r"_Py[A-Z_]\w*|PyUnstable_\w+|Py_BUILD_CORE\w*|tp_version_tag|tp_subclasses|tp_cache"
    r"|ma_version_tag|ma_keys|ma_values|ob_shash|ob_sval|ob_digit|ht_module|ht_cached_keys"
    r"|mallopt|malloc_trim"
)
#: What looks private and is documented as public, and so may be used by any file.
DOCUMENTED = {
    "_PyBytes_Resize": "the C API reference, Bytes Objects",
    "_PyObject_GetDictPtr": "the same, Object Protocol",
    "_PyCFunctionFast": "the type's name up to 3.12, with METH_FASTCALL in the C API reference",
    "_PyCFunctionFastWithKeywords": "the same with METH_KEYWORDS",
}
#: Fields of types that the C API lets one read and not write.
_FIELDS = "(tp_flags|tp_basicsize|tp_base|tp_bases|tp_mro|tp_dict)"
READ_ONLY = re.compile(
    rf"(?:->|\.)\s*{_FIELDS}\s*(?:[|&^+-]|<<|>>)?=(?!=)|PyDict_(?:Set|Del)\w*\([^,;]*->\s*{_FIELDS}"
)
FIRST_INCLUDE = re.compile(r"^#include (\S+)", re.MULTILINE)
INTERNAL_HEADER = re.compile(r'#[ \t]*include[ \t]+[<"]((?:internal|cpython)/[^>"]*|pycore_[^>"]*)')

PAGE = "docs/architecture.md"
BEGIN = "<!-- drawn by .ci/structure.py -->"
END = "<!-- end of what is drawn -->"
TABLE = "| to change | go to |"

#: Where the files are that pages name.
SOURCES = ("csrc", "pyreactor", "tests", "benchmarks", "examples", ".ci")
#: How they name a file of C, or one of Python that is in a folder or private.
NAMED_FILE = re.compile(
    r"`((?:[\w.-]+/)*(?!Python\.h)\w+\.[ch]|(?:[\w.-]+/)+\w+\.pyi?|_\w+\.pyi?)`"
)


@dataclass(frozen=True, order=True)
class Finding:
    """Something that the project is not to have."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


@dataclass(frozen=True)
class Arrow:
    """One file needs another: where it says so, and what it needs there."""

    source: str
    line: int
    target: str
    what: str


class Rooms:
    """Files with their rooms, and the arrows between them."""

    def __init__(self, folder: str, allowed: dict[str, tuple[str, ...]]) -> None:
        #: The folder of all, for findings.
        self.folder = folder
        self.allowed = allowed
        self.room_of: dict[str, str] = {}
        #: By file: what it is a part of; arrows inside that are no circle.
        self.concept_of: dict[str, str] = {}
        self.arrows: list[Arrow] = []

    def add(self, file: str, room: str, concept: str) -> None:
        """Put a file into a room."""
        self.room_of[file] = room
        self.concept_of[file] = concept

    def findings(self) -> Iterator[Finding]:
        """Unknown rooms, arrows upward, circles."""
        for file, room in self.room_of.items():
            if room not in self.allowed:
                yield Finding(
                    f"{self.folder}/{file}", 1, f"no room {room} is in the table of rooms"
                )
        yield from self._upward()
        yield from self._circles()

    def _upward(self) -> Iterator[Finding]:
        for arrow in self.arrows:
            room, other = self.room_of[arrow.source], self.room_of[arrow.target]
            if room != other and other not in self.allowed.get(room, ()):
                where = f"{self.folder}/{arrow.source}"
                yield Finding(where, arrow.line, f"{room} may not use {other}: {arrow.what}")

    def _circles(self) -> Iterator[Finding]:
        graph: dict[str, dict[str, Arrow]] = {file: {} for file in self.room_of}
        for arrow in self.arrows:
            graph[arrow.source].setdefault(arrow.target, arrow)
        seen = set()
        for file in sorted(graph):
            way = self._way_back(graph, file)
            if way and (files := frozenset(arrow.source for arrow in way)) not in seen:
                seen.add(files)
                told = "; ".join(f"{one.source} -> {one.target} ({one.what})" for one in way)
                yield Finding(f"{self.folder}/{file}", way[0].line, f"circle: {told}")

    def _way_back(self, graph: dict[str, dict[str, Arrow]], start: str) -> list[Arrow]:
        """The shortest way from a file to itself that leaves its concept, or nothing."""
        ways: dict[tuple[str, bool], list[Arrow]] = {(start, False): []}
        queue = [(start, False)]
        while queue:
            at = queue.pop(0)
            for target, arrow in sorted(graph[at[0]].items()):
                left = at[1] or self.concept_of[target] != self.concept_of[start]
                if target == start and left:
                    return [*ways[at], arrow]
                if (target, left) not in ways:
                    ways[target, left] = [*ways[at], arrow]
                    queue.append((target, left))
        return []

    def stands_on(self, room: str) -> list[str]:
        """The rooms to which there are arrows, lowest first."""
        others = {
            self.room_of[arrow.target]
            for arrow in self.arrows
            if self.room_of[arrow.source] == room
        }
        return [name for name in self.allowed if name in others and name != room]

    def concepts(self, room: str) -> list[str]:
        """The names of what is in a room, in order."""
        concepts = {self.concept_of[file] for file, its in self.room_of.items() if its == room}
        return sorted({concept.rsplit("/", 1)[-1] for concept in concepts})


# C


def c_files(root: Path) -> list[CFile]:
    """All of csrc."""
    folder = root / "csrc"
    return [
        CFile(path, path.relative_to(folder).as_posix()) for path in sorted(folder.rglob("*.[ch]"))
    ]


def c_rooms(files: list[CFile]) -> Rooms:
    """The rooms of csrc, with the arrows."""
    rooms = Rooms("csrc", C_ROOMS)
    owners: dict[str, str] = {}
    for file in files:
        rooms.add(file.name, file.name.split("/")[0], file.concept)
        for one in file.definitions:
            if file.is_header or not one.static:
                owners[one.name] = file.name
    for file in files:
        for line, name in file.includes:
            if name in rooms.room_of:
                rooms.arrows.append(Arrow(file.name, line, name, f"#include {name}"))
        for name, line in file.uses.items():
            owner = owners.get(name, file.name)
            if owner != file.name:
                rooms.arrows.append(Arrow(file.name, line, owner, name))
    return rooms


def check_c_sizes(file: CFile) -> Iterator[Finding]:
    """Files and functions that are too long, headers with too much code."""
    where = f"csrc/{file.name}"
    if file.length > MOST_FILE_LINES:
        yield Finding(where, 1, f"{file.length} lines, more than {MOST_FILE_LINES}")
    functions = [one for one in file.definitions if one.function]
    for one in functions:
        if one.length > MOST_FUNCTION_LINES:
            what = f"{one.name} has {one.length} lines, more than {MOST_FUNCTION_LINES}"
            yield Finding(where, one.line, what)
    inlines = sum(one.inline for one in functions)
    if file.is_header and inlines > MOST_INLINES:
        yield Finding(where, 1, f"{inlines} inline functions, more than {MOST_INLINES}")


def check_first_include(file: CFile) -> Iterator[Finding]:
    """Python.h sets what the system's headers look at, so nothing of theirs comes before it."""
    first = FIRST_INCLUDE.search(file.text)
    if first is not None and first[1].startswith("<") and first[1] != "<Python.h>":
        where = f"csrc/{file.name}"
        yield Finding(where, _line(file.text, first), f"{first[1]} is included before Python.h")


def check_private(file: CFile) -> Iterator[Finding]:
    """Names and fields of CPython's that its C API does not offer."""
    if file.name == COMPAT:
        return
    where = f"csrc/{file.name}"
    for token in [*file.tokens, *file.macro_tokens]:
        if PRIVATE.fullmatch(token.text) and token.text not in DOCUMENTED:
            yield Finding(where, token.line, f"{token.text} is private, outside of {COMPAT}")
    for match in READ_ONLY.finditer(file.code):
        field = match[1] or match[2]
        yield Finding(where, _line(file.code, match), f"{field} is written, outside of {COMPAT}")
    for match in INTERNAL_HEADER.finditer(file.text):
        yield Finding(where, _line(file.text, match), f"{match[1]} is a private header")


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


def check_static_names(files: Iterable[CFile]) -> Iterator[Finding]:
    """Static names that two files define."""
    first: dict[str, str] = {}
    for file in files:
        for one in file.definitions:
            if one.static and first.setdefault(one.name, file.name) != file.name:
                what = f"static {one.name} is defined in csrc/{first[one.name]}, too"
                yield Finding(f"csrc/{file.name}", one.line, what)


# Python


class Module:
    """One file of Python."""

    def __init__(self, path: Path, name: str) -> None:
        #: Its name from the package's folder, such as ``_loop/reports.py``.
        self.name = name
        self.tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        parts = name.rsplit(".", 1)[0].split("/")
        self.is_package = parts[-1] == "__init__"
        #: Its name for import, such as ``pyreactor._loop.reports``.
        self.dotted = ".".join(["pyreactor", *(parts[:-1] if self.is_package else parts)])
        self.room = parts[0] if len(parts) > 1 else MODULE_ROOMS.get(parts[0], parts[0])

    def imports(self) -> Iterator[tuple[int, list[str]]]:
        """What it imports, wherever: each time the names it may be, the longest first."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, [alias.name]
            elif isinstance(node, ast.ImportFrom):
                package = self._package(node.level)
                base = ".".join(part for part in (package, node.module) if part)
                for alias in node.names:
                    yield node.lineno, [f"{base}.{alias.name}", base]
            elif isinstance(node, ast.Call) and (name := _imported_by_call(node)):
                yield node.lineno, [name]

    def _package(self, level: int) -> str:
        """What the dots of a relative import stand for."""
        if level == 0:
            return ""
        parts = self.dotted.split(".")
        return ".".join(parts[: len(parts) - level + self.is_package])


def _imported_by_call(node: ast.Call) -> str:
    """The module in ``import_module("name")``, or nothing."""
    if node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        name = called.id if isinstance(called, ast.Name) else called
        if name in ("import_module", "__import__"):
            return str(node.args[0].value)
    return ""


def modules(root: Path) -> list[Module]:
    """All of pyreactor but what is Twisted's package in it, and scripts that nothing imports."""
    folder = root / "pyreactor"
    return [
        Module(path, name)
        for path in sorted([*folder.rglob("*.py"), folder / "_core.pyi"])
        if path.exists()
        and not (name := path.relative_to(folder).as_posix()).startswith(NO_MODULES)
    ]


def python_rooms(files: list[Module]) -> Rooms:
    """The rooms of pyreactor, with the arrows."""
    rooms = Rooms("pyreactor", PYTHON_ROOMS)
    by_name = {}
    for module in files:
        rooms.add(module.name, module.room, module.name.rsplit(".", 1)[0])
        by_name[module.dotted] = module.name
    for module in files:
        for line, names in module.imports():
            target = next((by_name[name] for name in names if name in by_name), module.name)
            if target != module.name:
                rooms.arrows.append(Arrow(module.name, line, target, f"import {names[0]}"))
    return rooms


def check_public(module: Module) -> Iterator[Finding]:
    """Public functions and classes without types or docstring."""
    for owner, node in _public(module.tree.body, ""):
        where, name = f"pyreactor/{module.name}", owner + node.name
        if isinstance(node, ast.ClassDef):
            if ast.get_docstring(node) is None:
                yield Finding(where, node.lineno, f"class {name} has no docstring")
            continue
        if missing := _without_type(node, bool(owner)):
            yield Finding(where, node.lineno, f"{name} has no type for {', '.join(missing)}")
        if ast.get_docstring(node) is None:
            yield Finding(where, node.lineno, f"{name} has no docstring")


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _public(body: list[ast.stmt], owner: str) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """The public functions and classes in a body, and those in these classes."""
    for node in body:
        if isinstance(node, (ast.If, ast.Try)):
            # What is for type checkers alone tells of types that are documented elsewhere.
            typing = isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
            yield from _public([*([] if typing else node.body), *node.orelse], owner)
        elif (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and not node.name.startswith("_")
            and not _says_no_more(node)
        ):
            yield owner, node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body, f"{owner}{node.name}.")


def _says_no_more(node: Function | ast.ClassDef) -> bool:
    """Whether it is another signature, or the setter, of what has its docstring elsewhere."""
    names = {
        one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "")
        for one in node.decorator_list
    }
    return bool(names & {"overload", "setter", "deleter"})


def _without_type(node: Function, method: bool) -> list[str]:
    """The parameters, and "return", that have no annotation."""
    given = node.args
    static = any(getattr(one, "id", "") == "staticmethod" for one in node.decorator_list)
    positional = [*given.posonlyargs, *given.args]
    if method and not static:
        positional = positional[1:]
    rest = [one for one in (given.vararg, given.kwarg) if one is not None]
    missing = [one.arg for one in [*positional, *given.kwonlyargs, *rest] if one.annotation is None]
    return missing if node.returns is not None else [*missing, "return"]


# The picture


def draw(root: Path) -> str:
    """The rooms as text: what is in each, and on which others it stands."""
    parts = []
    for title, rooms in (
        ("csrc/", c_rooms(c_files(root))),
        ("pyreactor/", python_rooms(modules(root))),
    ):
        lines = [title]
        for room in reversed(rooms.allowed):
            lines += _draw_room(room, rooms)
        parts.append("\n".join(lines))
    return "```\n" + "\n\n".join(parts) + "\n```\n"


def _draw_room(room: str, rooms: Rooms) -> Iterator[str]:
    """A line of names for each so many, the arrows behind the first."""
    files = [name for name in rooms.concepts(room) if name != "__init__" or room == "package"]
    if not files:
        return
    names = _wrapped([] if room == "module.c" else files, 52)
    arrows = rooms.stands_on(room)
    below = f"-> {' '.join(arrows)}" if arrows else ""
    for at, line in enumerate(names or [""]):
        yield f"  {'' if at else room:<12} {line:<52} {'' if at else below}".rstrip()


def _wrapped(words: Iterable[str], width: int) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def page_with(picture: str, page: str) -> str:
    """The page with the picture between its marks."""
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"{PAGE} has not the marks {BEGIN} and {END}")
    return f"{before}{mark}\n{picture}{end}{after}"


def check_page(root: Path) -> Iterator[Finding]:
    """Whether the picture of the rooms is what the code says."""
    if not (root / PAGE).exists():
        return
    page = (root / PAGE).read_text(encoding="utf-8")
    line = page.count("\n", 0, max(page.find(BEGIN), 0)) + 1
    try:
        current = page_with(draw(root), page) == page
    except ValueError as error:
        yield Finding(PAGE, 1, str(error))
    else:
        if not current:
            yield Finding(PAGE, line, "the picture is out of date: .ci/structure.py --write")


def check_named_files(root: Path) -> Iterator[Finding]:
    """Files of the project that its pages for developers name, and that are not there."""
    there = ["/" + path.relative_to(root).as_posix() for path in root.glob("*")]
    for folder in SOURCES:
        there += ["/" + path.relative_to(root).as_posix() for path in (root / folder).rglob("*")]
    for page in sorted([*root.glob("docs/*.md"), *root.glob("CONTRIBUTING.md")]):
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            for name in NAMED_FILE.findall(line):
                if not any(path.endswith("/" + name) for path in there):
                    where = page.relative_to(root).as_posix()
                    yield Finding(where, number, f"there is no {name}")


def check_every_file_is_named(root: Path, files: Iterable[CFile]) -> Iterator[Finding]:
    """Files of C that no page for developers names: what one changes there, nobody would find."""
    pages = [page.read_text(encoding="utf-8") for page in root.glob("docs/*.md")]
    named = {name.removeprefix("csrc/") for page in pages for name in NAMED_FILE.findall(page)}
    sources = [file.name for file in files if not file.is_header]
    ends = Counter(name.rsplit("/", 1)[-1] for name in sources)
    for name in sources if any(TABLE in page for page in pages) else ():
        end = name.rsplit("/", 1)[-1]
        if name not in named and not (end in named and ends[end] == 1):
            yield Finding(f"csrc/{name}", 1, f"{PAGE} does not say what it is for")


def findings(root: Path) -> list[Finding]:
    """All that is wrong, in the order of the files."""
    found: list[Finding] = []
    files = c_files(root)
    for file in files:
        found += [*check_c_sizes(file), *check_first_include(file), *check_private(file)]
    found += [*check_static_names(files), *c_rooms(files).findings()]
    python = modules(root)
    for module in python:
        if not module.name.endswith(".pyi"):
            found += check_public(module)
    found += [*python_rooms(python).findings(), *check_page(root), *check_named_files(root)]
    found += check_every_file_is_named(root, files)
    return sorted(set(found))


def main(arguments: list[str] | None = None) -> int:
    """The command; gives back its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--draw", action="store_true", help="print the picture of the rooms")
    parser.add_argument("--write", action="store_true", help=f"put it into {PAGE}")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    options = parser.parse_args(arguments)
    root: Path = options.root
    if options.draw:
        print(draw(root), end="")
    elif options.write:
        path = root / PAGE
        path.write_text(page_with(draw(root), path.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        found = findings(root)
        for finding in found:
            print(finding)
        return 1 if found else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
