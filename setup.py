"""Build pyreactor._core from csrc/ against the system's libuv (found by pkg-config)."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from glob import glob
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

LIBUV_MINIMUM = "1.40"

NO_LIBUV = f"""
pyreactor: libuv >= {LIBUV_MINIMUM} was not found by pkg-config.
Install its development package (and pkg-config), then build again:
  Debian, Ubuntu:  apt-get install libuv1-dev pkg-config
  Fedora:          dnf install libuv-devel pkgconf
  Alpine:          apk add libuv-dev pkgconf
  macOS:           brew install libuv pkg-config
"""


def libuv(flag: str) -> list[str]:
    """Ask pkg-config for libuv's compiler (--cflags) or linker (--libs) options."""
    command = [os.environ.get("PKG_CONFIG", "pkg-config"), flag, f"libuv >= {LIBUV_MINIMUM}"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(NO_LIBUV)
    return shlex.split(result.stdout)


def needs_libuv() -> bool:
    """Metadata-only commands (sdist, egg_info) must work where libuv is absent."""
    building = {"build", "build_ext", "bdist_wheel", "install", "develop", "editable_wheel"}
    return bool(building & set(sys.argv))


class BuildPython(build_py):
    """
    Has an editable install put the plugin for ``--reactor=pyreactor`` where Twisted looks.

    Twisted looks below the folders of ``sys.path``, and an editable install adds none that has
    the plugin.  So the wheel that pip makes for it gets a .pth file with the plugin's folder.
    """

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            # Where setuptools puts what becomes the content of that wheel.
            content = Path(self.get_finalized_command("install").install_lib)
            dropin = Path(__file__).resolve().parent / "pyreactor" / "_dropin"
            (content / "pyreactor-plugin.pth").write_text(f"{dropin}\n", encoding="utf-8")


warnings = [
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wstrict-prototypes",
    "-Wno-missing-field-initializers",
    # Since 3.14 CPython looks at the stack pointer to tell a recursion that goes too deep.
    "-Wframe-larger-than=8192",
]
if os.environ.get("PYREACTOR_WERROR") == "1":
    warnings.append("-Werror")


def compiler_takes(options: list[str]) -> bool:
    """Whether the compiler makes a shared library with these options, without a word."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    rest = ["-Werror", "-fPIC", "-shared", "-x", "c", "-", "-o", os.devnull]
    try:
        tried = subprocess.run(
            [*compiler, *options, *rest], input=b"int one(void);", capture_output=True, check=False
        )
    except OSError:
        return False
    return tried.returncode == 0


def known(*groups: list[str]) -> list[str]:
    """Those groups of options that the compiler knows; none where nothing is compiled."""
    return [
        option for group in groups if needs_libuv() and compiler_takes(group) for option in group
    ]


def whole_program() -> list[str]:
    """GCC's option to look at all files together: what is called in another one is inlined."""
    return known(["-flto=auto"])


def hardened() -> list[str]:
    """
    Options for the compiler that end the process where memory would be overwritten.

    Checked copies, a canary in frames with arrays or variables whose address is taken (GCC's option
    for arrays alone finds none when it looks at all files together), large frames that touch each
    page, and indirect jumps that end at marked places only.
    """
    return ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3"] + known(
        ["-fstack-protector-strong"], ["-fstack-clash-protection"], ["-fcf-protection"]
    )


def hardened_linking() -> list[str]:
    """
    Options for the linker: no code on the stack, and no pointer to a function that can be changed.

    All names are bound when the module is loaded, and the tables of them are read-only after it.
    """
    return known(["-Wl,-z,noexecstack"], ["-Wl,-z,relro", "-Wl,-z,now"])


# Options for the compiler and the linker.  CPython's own say -DNDEBUG and come first.
UNOPTIMIZED = ["-O0", "-g", "-UNDEBUG", "-U_FORTIFY_SOURCE"]
OPTIMIZED = ["-O3", *whole_program(), *hardened()]
# A checker's builds run with its library loaded first: see .ci/checked.sh.
CHECKED = ["-O1", "-g", "-UNDEBUG", "-U_FORTIFY_SOURCE", "-fno-omit-frame-pointer"]
MEMORY = ["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"]
THREADS = ["-fsanitize=thread"]
# Each block of code tells tests/fuzz/edges.c that it was reached.
EDGES = ["-fsanitize-coverage=trace-pc"]
BUILDS = {
    "release": (OPTIMIZED, [*OPTIMIZED, *warnings, *hardened_linking()]),
    "debug": (UNOPTIMIZED, hardened_linking()),
    # A debug build that has on Linux what csrc/loop/queue.c has for other systems.
    "plain": ([*UNOPTIMIZED, "-DPYREACTOR_PLAIN_QUEUE"], hardened_linking()),
    "coverage": ([*UNOPTIMIZED, "--coverage", "-fprofile-abs-path"], ["--coverage"]),
    # What they add to each frame is their own.
    "asan": ([*CHECKED, *MEMORY, "-Wno-frame-larger-than"], MEMORY),
    "fuzz": ([*CHECKED, *MEMORY, *EDGES, "-Wno-frame-larger-than"], MEMORY),
    "tsan": ([*CHECKED, *THREADS, "-Wno-frame-larger-than"], THREADS),
    # An editable install where the extension is in its place already (.ci/build.sh).
    "none": ([], []),
}
build = os.environ.get("PYREACTOR_BUILD", "release")
compiling, linking = BUILDS[build]

core = Extension(
    "pyreactor._core",
    sources=sorted(glob("csrc/**/*.c", recursive=True)),
    depends=sorted(glob("csrc/**/*.h", recursive=True)),
    extra_compile_args=[
        "-std=c17",
        "-Icsrc",
        "-D_GNU_SOURCE",
        "-fvisibility=hidden",
        *warnings,
        *compiling,
    ]
    + (libuv("--cflags") if needs_libuv() else []),
    extra_link_args=linking + (libuv("--libs") if needs_libuv() else []),
)

setup(ext_modules=[] if build == "none" else [core], cmdclass={"build_py": BuildPython})
