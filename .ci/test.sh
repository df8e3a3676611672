#!/usr/bin/env bash
# Everything that CI runs, what fails quickest first.
source "$(dirname "$0")/common.sh"

.ci/prepare.sh test
.ci/lint.sh
say "building, warnings are errors"
.ci/build.sh .venv

# What runs whole programs of Twisted's, the examples and the benchmarks takes minutes, and looks
# at the whole rather than at what differs between Pythons: once is enough.
ONCE=(--ignore-glob='tests/test_examples*' --ignore-glob='tests/test_programs_*'
    --ignore=tests/test_benchmarks.py --ignore=tests/test_twistd.py)

# unit_tests VENV NAME OPTIONS...: the tests but for conformance.
unit_tests() {
    say "tests on $2"
    .ci/build.sh "$1"
    # Most tests wait for programs they started: three at a time fill two cores.
    "$1/bin/python" -m pytest -q -p no:cacheprovider -n 3 --ignore=tests/conformance "${@:3}"
}

main=$(version_of .venv/bin/python)
for python in $(other_pythons "$main"); do
    version=$(version_of "$python")
    make_venv ".venvs/$version" "$python" tests/requirements.txt
    unit_tests ".venvs/$version" "CPython $version" "${ONCE[@]}"
done

make_venv .venvs/oldest "$(main_python)" tests/requirements-oldest.txt
unit_tests .venvs/oldest "CPython $main with the oldest supported Twisted" "${ONCE[@]}"

# The random programs of the differential tests: 20,000 for Deferred, 50,000 for framing.
export PYREACTOR_EXAMPLES=10000 PYREACTOR_FRAMING_EXAMPLES=12500 PYREACTOR_TEST_EXAMPLES=1000
# The descriptors that a server is let use up, as far as the machine's limit allows.
export PYREACTOR_DESCRIPTORS=20000
unit_tests .venv "CPython $main"

say "Twisted's own suite, on stock and on pyreactor"
.venv/bin/python -m pytest -p no:cacheprovider tests/conformance
