"""The check of how the project is built, on small trees that are built wrongly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import CHECKOUT

Tree = dict[str, str]

CHECK = CHECKOUT / ".ci" / "structure.py"

FUNCTION = "int\npyr_{0}(void)\n{{\n    return {1};\n}}\n"
STATIC = "static int\nfirst(void)\n{\n    return 0;\n}\n"
LONG = "int\npyr_long(void)\n{\n" + 57 * "    pyr_log();\n" + "}\n"

#: Nothing is wrong with this one.
RIGHT: Tree = {
    "csrc/module.c": '#include "loop/heap.h"\n' + FUNCTION.format("exec", "pyr_heap_pop(0)"),
    "csrc/core/compat.h": "#define pyr_new _Py_NewReference\n",
    "csrc/core/core.h": '#include "core/compat.h"\nint pyr_log(void);\n',
    "csrc/core/log.c": '#include "core/core.h"\n' + FUNCTION.format("log", "1"),
    "csrc/loop/heap.h": "int pyr_heap_pop(int at);\n",
    "csrc/loop/heap.c": """\
#include "loop/heap.h"
#include "core/core.h"

/* pyr_exec() and _PyType_Lookup are only told of here; so is "}". */
static const char brace = '{';
#if ONE
static int
deepest(int at) {
#else
static int
deepest(int at)
{
#endif
    return pyr_log("pyr_exec, _PyType_Lookup, {") + at + brace;
}

int
pyr_heap_pop(int at)
{
    entry one = {.pyr_exec = deepest(at)};
    return one.pyr_exec;
}
""",
    "pyreactor/__init__.py": '''\
"""The package."""


def install() -> None:
    """Do it."""
    from pyreactor._activation import hook

    hook.activate(1)
''',
    "pyreactor/_activation/__init__.py": "",
    "pyreactor/_activation/hook.py": '''\
"""Switches on."""

from pyreactor import _standin


def activate(count: int, *names: str) -> None:
    """Switch on."""
    _standin.put()


def _helper(x):
    return x


class Hook:
    """A hook."""

    def loseConnection(self, why: object = None) -> None:
        """Mirrors Twisted's."""

    def _later(self):
        pass
''',
    "pyreactor/_standin.py": "def put() -> None:\n    'Puts.'\n",
}

#: By name: what is put into the tree, or in the place of what is there; then what is found.
WRONG: dict[str, tuple[Tree, list[str]]] = {
    "a file that is too long": (
        {"csrc/core/long.c": 801 * "/* */\n"},
        ["csrc/core/long.c:1: 801 lines, more than 800"],
    ),
    "a function that is too long": (
        {"csrc/core/long.c": LONG.replace("{", "{\n")},
        ["csrc/core/long.c:2: pyr_long has 61 lines, more than 60"],
    ),
    "too much code in a header": (
        {
            "csrc/core/many.h": "".join(
                "static inline " + FUNCTION.format(at, 0) for at in range(16)
            )
        },
        ["csrc/core/many.h:1: 16 inline functions, more than 15"],
    ),
    "a room that is in no table": (
        {"csrc/attic/old.c": ""},
        ["csrc/attic/old.c:1: no room attic is in the table of rooms"],
    ),
    "an include upward": (
        {"csrc/core/up.c": '\n#include "loop/heap.h"\n'},
        ["csrc/core/up.c:2: core may not use loop: #include loop/heap.h"],
    ),
    "a call upward": (
        {"csrc/core/up.c": "int pyr_heap_pop(int);\n" + FUNCTION.format("up", "pyr_heap_pop(1)")},
        ["csrc/core/up.c:5: core may not use loop: pyr_heap_pop"],
    ),
    "a table with a function from above": (
        {"csrc/core/up.c": "int (*const pyr_table[])(int) = {\n    [1] = pyr_heap_pop,\n};\n"},
        ["csrc/core/up.c:2: core may not use loop: pyr_heap_pop"],
    ),
    "a macro with a function from above": (
        {"csrc/core/up.h": "#define POP(at) \\\n    pyr_heap_pop(at)\n"},
        ["csrc/core/up.h:2: core may not use loop: pyr_heap_pop"],
    ),
    "a room beside": (
        {
            "csrc/framing/line.c": "int pyr_lines = 1;\n",
            "csrc/transport/stream.c": FUNCTION.format("stream", "&pyr_lines"),
        },
        ["csrc/transport/stream.c:4: transport may not use framing: pyr_lines"],
    ),
    "a circle of calls": (
        {
            "csrc/core/a.c": FUNCTION.format("a", "pyr_b()"),
            "csrc/core/b.c": FUNCTION.format("b", "pyr_a()"),
        },
        ["csrc/core/a.c:4: circle: core/a.c -> core/b.c (pyr_b); core/b.c -> core/a.c (pyr_a)"],
    ),
    "a circle of includes": (
        {"csrc/core/a.h": '#include "core/b.h"\n', "csrc/core/b.h": '#include "core/a.h"\n'},
        [
            "csrc/core/a.h:1: circle: core/a.h -> core/b.h (#include core/b.h); "
            "core/b.h -> core/a.h (#include core/a.h)"
        ],
    ),
    "a private function": (
        {"csrc/core/private.c": "void *pyr_kept = _PyType_Lookup;\n"},
        ["csrc/core/private.c:1: _PyType_Lookup is private, outside of core/compat.h"],
    ),
    "an unstable function in a macro": (
        {"csrc/core/private.h": "#define pyr_tag PyUnstable_Type_AssignVersionTag\n"},
        [
            "csrc/core/private.h:1: PyUnstable_Type_AssignVersionTag is private, outside of "
            "core/compat.h"
        ],
    ),
    "a private field": (
        {"csrc/core/private.c": FUNCTION.format("tag", "type->tp_version_tag")},
        ["csrc/core/private.c:4: tp_version_tag is private, outside of core/compat.h"],
    ),
    "a field that is not to be written": (
        {
            "csrc/core/private.c": FUNCTION.format("read", "t->tp_flags == 1 || t->tp_flags & 2")
            + FUNCTION.format("flag", "t->tp_flags |= 3")
            + FUNCTION.format("set", "PyDict_SetItem(t->tp_dict, name, value)")
        },
        [
            "csrc/core/private.c:9: tp_flags is written, outside of core/compat.h",
            "csrc/core/private.c:14: tp_dict is written, outside of core/compat.h",
        ],
    ),
    "a header of the system's before Python.h": (
        {
            "csrc/core/early.c": "#include <errno.h>\n#include <Python.h>\n",
            "csrc/core/late.h": "#include <Python.h>\n#include <errno.h>\n",
        },
        ["csrc/core/early.c:1: <errno.h> is included before Python.h"],
    ),
    "a private header": (
        {"csrc/core/private.c": "#include <Python.h>\n#include <internal/pycore_dict.h>\n"},
        ["csrc/core/private.c:2: internal/pycore_dict.h is a private header"],
    ),
    "a static name twice": (
        {"csrc/core/a.c": STATIC, "csrc/loop/b.c": "\n" + STATIC},
        ["csrc/loop/b.c:3: static first is defined in csrc/core/a.c, too"],
    ),
    "a static variable twice, behind a macro": (
        {
            "csrc/core/a.c": "static int first[] = {1};\n",
            "csrc/core/b.c": "ACCESSORS(one)\nACCESSORS(two)\n\n" + STATIC,
        },
        ["csrc/core/b.c:5: static first is defined in csrc/core/a.c, too"],
    ),
    "an import upward, in a function": (
        {"pyreactor/_standin.py": "def _f():\n    from pyreactor._command import cli\n"}
        | {"pyreactor/_command/cli.py": ""},
        ["pyreactor/_standin.py:2: core may not use _command: import pyreactor._command.cli"],
    ),
    "an import upward, for types": (
        {
            "pyreactor/_standin.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            "    from . import reactor\n",
            "pyreactor/reactor.py": "",
        },
        ["pyreactor/_standin.py:3: core may not use public: import pyreactor.reactor"],
    ),
    "a circle of imports": (
        {
            "pyreactor/_loop/a.py": "import pyreactor._loop.b\n",
            "pyreactor/_loop/b.py": "import_module('pyreactor._loop.a')\n",
        },
        [
            "pyreactor/_loop/a.py:1: circle: _loop/a.py -> _loop/b.py (import pyreactor._loop.b); "
            "_loop/b.py -> _loop/a.py (import pyreactor._loop.a)"
        ],
    ),
    "a function without docstring and types": (
        {"pyreactor/_loop/a.py": "def put(one, two: int, *, three=1, **rest):\n    pass\n"},
        [
            "pyreactor/_loop/a.py:1: put has no docstring",
            "pyreactor/_loop/a.py:1: put has no type for one, three, rest, return",
        ],
    ),
    "a class and methods without docstring": (
        {
            "pyreactor/_loop/a.py": "class A:\n    def f(self) -> None:\n        pass\n",
            "pyreactor/basic.py": "class B:\n    'One.'\n    def f(self) -> None:\n        pass\n",
        },
        [
            "pyreactor/_loop/a.py:1: class A has no docstring",
            "pyreactor/_loop/a.py:2: A.f has no docstring",
            "pyreactor/basic.py:3: B.f has no docstring",
        ],
    ),
    "a picture that is out of date": (
        {
            "docs/architecture.md": "Text\n<!-- drawn by .ci/structure.py -->\nold\n"
            "<!-- end of what is drawn -->\n"
        },
        ["docs/architecture.md:2: the picture is out of date: .ci/structure.py --write"],
    ),
    "files that a page names and that are not there": (
        {
            "CONTRIBUTING.md": "`loop/heap.c`, `heap.c`, `heap/loop.c`\n`_loop/hook.py`, `hook.py`,"
            " `_hook.py`, `csrc/core/core.h`, `_activation/hook.py`, `Python.h`, `it.c()`\n"
        },
        [
            "CONTRIBUTING.md:1: there is no heap/loop.c",
            "CONTRIBUTING.md:2: there is no _hook.py",
            "CONTRIBUTING.md:2: there is no _loop/hook.py",
        ],
    ),
    "a file of C that no page names": (
        {"docs/architecture.md": "| to change | go to |\n`csrc/module.c`, `loop/heap.c`\n"},
        [
            "csrc/core/log.c:1: docs/architecture.md does not say what it is for",
            "docs/architecture.md:1: docs/architecture.md has not the marks "
            "<!-- drawn by .ci/structure.py --> and <!-- end of what is drawn -->",
        ],
    ),
    "no place for the picture": (
        {"docs/architecture.md": "Text\n"},
        [
            "docs/architecture.md:1: docs/architecture.md has not the marks "
            "<!-- drawn by .ci/structure.py --> and <!-- end of what is drawn -->"
        ],
    ),
}


def check(root: Path, tree: Tree, *options: str) -> tuple[int, str]:
    """What the command says of a tree, and its exit status."""
    for name, text in (RIGHT | tree).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, CHECK, "--root", root, *options], stdout=subprocess.PIPE, text=True
    )
    return done.returncode, done.stdout


def test_nothing_is_found_where_nothing_is_wrong(tmp_path: Path) -> None:
    assert check(tmp_path, {}) == (0, "")


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(tmp_path: Path, name: str) -> None:
    tree, findings = WRONG[name]
    assert check(tmp_path, tree) == (1, "".join(f"{one}\n" for one in findings))


def test_a_function_may_have_60_lines(tmp_path: Path) -> None:
    assert check(tmp_path, {"csrc/core/long.c": LONG}) == (0, "")


def test_the_picture_has_rooms_files_and_arrows(tmp_path: Path) -> None:
    status, picture = check(tmp_path, {}, "--draw")
    assert status == 0
    rows = [line.split() for line in picture.splitlines()]
    assert ["module.c", "->", "loop"] in rows
    assert ["loop", "heap", "->", "core"] in rows
    assert ["core", "compat", "core", "log"] in rows
    assert ["_activation", "hook", "->", "core"] in rows


def test_the_picture_is_written_into_its_page(tmp_path: Path) -> None:
    page, findings = WRONG["a picture that is out of date"]
    assert check(tmp_path, page, "--write") == (0, "")
    written = (tmp_path / "docs/architecture.md").read_text(encoding="utf-8")
    assert "loop" in written and "old" not in written
    assert check(tmp_path, {"docs/architecture.md": written}) == (0, "")
