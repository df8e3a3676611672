#!/usr/bin/env bash
# trust.sh asan|valgrind|tsan|leaks|faults|fuzz|soak|smoke: the searches for failures that
# docs/reliability.md tells of.  smoke is a bounded share of each: minutes in all.
source "$(dirname "$0")/common.sh"

python=.venv/bin/python
test=(-m pytest -q -p no:cacheprovider)

# What a checker's run of the whole unit suite leaves out: what looks at the checkout, what the
# checker's own frames leave no room for, and programs that are not this project's to check.
UNCHECKED=(--ignore=tests/conformance --ignore=tests/system --ignore=tests/command
    --ignore=tests/trust --ignore=tests/core/test_depth.py --ignore=tests/activation/test_greenlets.py)

# Twisted's own tests of what is in C.
TWISTEDS=(twisted.internet twisted.protocols twisted.test.test_defer twisted.test.test_defgen
    twisted.test.test_tcp twisted.test.test_udp twisted.test.test_protocols twisted.web twisted.spread
    twisted.conch)

# twisteds KIND NAMES...: Twisted's own tests on pyreactor under a checker.  What fails of them is for
# tests/conformance to tell; here only what the checker finds counts.
twisteds() {
    local kind=$1 status=0
    shift
    say "Twisted's own tests: $*"
    .ci/checked.sh "$kind" -m pyreactor -m twisted.trial --temp-directory="$PWD/build/$kind/trial" "$@" \
        >"build/$kind/trial.log" 2>&1 || status=$?
    tail -n 3 "build/$kind/trial.log"
    if ((status > 1)) || grep -q 'SUMMARY: \|==ERROR: ' "build/$kind/trial.log"; then
        tail -n 200 "build/$kind/trial.log"
        return 1
    fi
}

for_asan() {
    # Random programs are fewer: each takes ten times as long.
    export PYREACTOR_EXAMPLES=50 PYREACTOR_FRAMING_EXAMPLES=50 PYREACTOR_TEST_EXAMPLES=20
    .ci/checked.sh asan "${test[@]}" -n 2 "${UNCHECKED[@]}" tests
    twisteds asan "${TWISTEDS[@]}"
}

for_valgrind() {
    .ci/checked.sh valgrind "${test[@]}" tests/framing/test_stock.py tests/loop/test_engine.py
}

for_tsan() {
    .ci/checked.sh tsan "${test[@]}" tests/loop/test_wake.py tests/loop/test_engine.py
    twisteds tsan twisted.test.test_threads twisted.internet.test.test_threads twisted.test.test_threadpool
}

for_leaks() {
    .ci/build.sh .venv
    "$python" -m tests.trust.leaks --times "${LEAKS:-1000000}"
    if [[ -x .venvs/debug/bin/python ]]; then
        say "references, on a debug build of CPython"
        .ci/build.sh .venvs/debug
        .venvs/debug/bin/python -m tests.trust.leaks --times "$((${LEAKS:-1000000} / 20))"
    fi
}

for_faults() {
    .ci/build.sh .venv
    "$python" "${test[@]}" tests/trust
}

for_fuzz() {
    .ci/build.sh .venv
    "$python" -m tests.fuzz --seconds "${FUZZ_SECONDS:-60}"
}

for_soak() {
    .ci/build.sh .venv
    "$python" -m tests.trust.soak --minutes "${MINUTES:-30}" --connections "${CONNECTIONS:-10000}"
}

for_smoke() {
    export PYREACTOR_EXAMPLES=20 PYREACTOR_FRAMING_EXAMPLES=20 PYREACTOR_TEST_EXAMPLES=10
    .ci/checked.sh asan "${test[@]}" -n 2 tests/framing/test_hostile.py tests/framing/test_stock.py \
        tests/deferred/test_behaviour.py tests/loop/test_reactor.py tests/transport/test_flush.py \
        tests/tls/test_records.py
    twisteds asan twisted.test.test_defer twisted.test.test_protocols twisted.internet.test.test_tcp
    "$python" "${test[@]}" -n 6 tests/trust
    LEAKS=100000 for_leaks
    FUZZ_SECONDS=40 for_fuzz
    MINUTES=1.5 CONNECTIONS=1000 for_soak
}

[[ $# == 1 && $(type -t "for_$1") == function ]] ||
    fail "trust.sh asan|valgrind|tsan|leaks|faults|fuzz|soak|smoke"
say "$1"
"for_$1"
