"""The extension module that runs here is hardened, and the check of that finds what is not."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from pyreactor import _core
from tests.support import CHECKOUT

CHECK = CHECKOUT / ".ci" / "hardening.py"
KIND = CHECKOUT / "build" / f"kind-{sysconfig.get_config_var('SOABI')}"

NOT_LINKED_SO = {"its tables of functions", "names are bound when they are used first"}
NOT_COMPILED_SO = {"no function looks at a canary", "no copy is checked", "indirect jumps may end"}

SOURCE = """
#include <string.h>
int PyInit__core(const char *text) { char copy[9]; strcpy(copy, text); return copy[strlen(copy)]; }
"""
HARDENED = [
    "-O2",
    "-U_FORTIFY_SOURCE",
    "-D_FORTIFY_SOURCE=3",
    "-fstack-protector-strong",
    "-fcf-protection",
    "-Wl,-z,relro,-z,now",
    "-Wl,-z,noexecstack",
]
PLAIN = [
    "-O0",
    "-U_FORTIFY_SOURCE",
    "-fno-stack-protector",
    "-fcf-protection=none",
    "-Wl,-z,norelro,-z,lazy",
    "-Wl,-z,execstack",
]


def check(path: Path | str) -> list[str]:
    """What the check says of a file, one line for each lack."""
    result = subprocess.run(
        [sys.executable, str(CHECK), str(path)], capture_output=True, text=True, check=False
    )
    assert (result.stderr, result.returncode) == ("", int(bool(result.stdout)))
    return [line.partition(": ")[2] for line in result.stdout.splitlines()]


def test_this_build_is_hardened() -> None:
    optimized = not KIND.exists() or KIND.read_text().strip() == "release"
    lacks = check(_core.__file__)
    if not optimized:  # a debug build has what the linker does
        lacks = [lack for lack in lacks if not lack.startswith(tuple(NOT_COMPILED_SO))]
    assert lacks == []


@pytest.mark.parametrize("options", [HARDENED, PLAIN], ids=["hardened", "plain"])
def test_what_lacks_is_told(options: list[str], tmp_path: Path) -> None:
    library = tmp_path / "library.so"
    command = ["cc", "-w", "-fPIC", "-shared", *options, "-x", "c", "-", "-o", str(library)]
    subprocess.run(command, input=SOURCE, text=True, check=True)
    lacks = check(library)
    if options is HARDENED:
        assert lacks == []
    else:
        expected = {"its stack can be executed", *NOT_LINKED_SO, *NOT_COMPILED_SO}
        assert {told for told in expected for lack in lacks if lack.startswith(told)} == expected
