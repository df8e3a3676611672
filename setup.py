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


def whole_program() -> list[str]:
    """
    GCC's option to look at all files together, so that what is called in another file is inlined.

    Empty where the compiler does not know it, and where nothing is compiled.
    """
    option = "-flto=auto"
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    command = [*compiler, option, "-Werror", "-fPIC", "-shared", "-x", "c", "-", "-o", os.devnull]
    try:
        tried = subprocess.run(command, input=b"int one(void);", capture_output=True, check=False)
    except OSError:
        return []
    return [option] if tried.returncode == 0 else []


# Options for the compiler and the linker.  CPython's own say -DNDEBUG and come first.
UNOPTIMIZED = ["-O0", "-g", "-UNDEBUG", "-U_FORTIFY_SOURCE"]
OPTIMIZED = ["-O3", *(whole_program() if needs_libuv() else [])]
BUILDS = {
    "release": (OPTIMIZED, [*OPTIMIZED, *warnings]),
    "debug": (UNOPTIMIZED, []),
    "coverage": ([*UNOPTIMIZED, "--coverage", "-fprofile-abs-path"], ["--coverage"]),
}
compiling, linking = BUILDS[os.environ.get("PYREACTOR_BUILD", "release")]

core = Extension(
    "pyreactor._core",
    sources=sorted(glob("csrc/**/*.c", recursive=True)),
    depends=sorted(glob("csrc/**/*.h", recursive=True)),
    extra_compile_args=[
        "-std=c17",
        "-Icsrc",
        "-D_GNU_SOURCE",
        "-fvisibility=hidden",
        *compiling,
        *warnings,
    ]
    + (libuv("--cflags") if needs_libuv() else []),
    extra_link_args=linking + (libuv("--libs") if needs_libuv() else []),
)

setup(ext_modules=[core], cmdclass={"build_py": BuildPython})
