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
say "rooms, arrows, sizes, names"
$bin/python .ci/structure.py
