#!/usr/bin/env bash
# What tells most in the least time: style, build, the tests on one Python, and Twisted's own suite.
source "$(dirname "$0")/common.sh"

.ci/prepare.sh test
.ci/lint.sh
say "building, warnings are errors"
# Failing system calls and allocations take minutes, most of them asleep, and so do a hundred thousand
# wrong calls: test-all.sh has them.
unit_tests .venv "CPython $(version_of .venv/bin/python)" --ignore=tests/trust \
    --ignore=tests/misuse/test_calls.py --ignore=tests/misuse/test_types.py

say "Twisted's own suite, on stock and on pyreactor"
rm -f build/conformance-stock.json
PYREACTOR_CONFORMANCE_STOCK=build/conformance-stock.json \
    .venv/bin/python -m pytest -p no:cacheprovider tests/conformance
