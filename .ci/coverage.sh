#!/usr/bin/env bash
# coverage.sh [PYTEST OPTIONS]: runs the tests, and tells which lines of Python and C they ran: a
# table of each, and pages below build/coverage/.  What a process did that was killed is not counted.
source "$(dirname "$0")/common.sh"

venv=.venvs/coverage
pages=build/coverage
export COVERAGE_FILE=$PWD/$pages/data/python COVERAGE_RCFILE=$PWD/pyproject.toml

make_venv "$venv" "$(main_python)" tests/requirements.txt .ci/coverage-requirements.txt
rm -rf "$pages"
mkdir -p "$pages/data" "$pages/c"
find build -name '*.gc??' -delete
say "building with counters"
# The other virtual environment of this Python has the same extension module.
trap '.ci/build.sh .venv' EXIT
.ci/build.sh "$venv" coverage
say "running the tests"
failed=0
# Left out: the pools of multiprocessing and what coverage.py does in their processes wait for each other.
"$venv/bin/coverage" run -m pytest -q -p no:cacheprovider -n 3 --ignore=tests/conformance \
    --deselect tests/command/test_cli.py::TestMainModule::test_multiprocessing "$@" || failed=$?
say "Python"
"$venv/bin/coverage" combine -q
"$venv/bin/coverage" report
"$venv/bin/coverage" html -q -d "$pages/python"
say "C"
"$venv/bin/gcovr" --root . --filter csrc/ --txt - --html-details "$pages/c/index.html" build
say "line by line: $pages/python/index.html, $pages/c/index.html"
exit "$failed"
