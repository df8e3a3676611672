#!/usr/bin/env bash
# Style and types; quick, so it comes first.
source "$(dirname "$0")/common.sh"

bin=.venv/bin
say "ruff"
$bin/ruff check .
$bin/ruff format --check .
say "mypy --strict"
$bin/mypy --strict
$bin/mypy --strict .ci/*.py
say "clang-format"
find csrc benchmarks -name '*.[ch]' -print0 2>/dev/null | xargs -0 $bin/clang-format --dry-run -Werror
say "the kernel's queue on systems other than Linux: does it compile?"
read -ra libuv < <(pkg-config --cflags libuv)
include=$($bin/python -c 'import sysconfig; print(sysconfig.get_path("include"))')
"${CC:-cc}" -std=c17 -Icsrc -D_GNU_SOURCE -DPYREACTOR_PLAIN_QUEUE -fsyntax-only -Wall -Wextra -Wshadow \
    -Wstrict-prototypes -Wno-missing-field-initializers -Werror "-I$include" "${libuv[@]}" \
    csrc/loop/{queue,engine,watch,sleep,guest}.c
say "rooms, arrows, sizes, names"
$bin/python .ci/structure.py
