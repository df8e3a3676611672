#!/usr/bin/env bash
# trust.sh asan|valgrind|tsan|leaks|faults|fuzz|corpus|lives|analyze|soak|smoke: the searches for
# failures that docs/reliability.md tells of.  smoke is a bounded share of each: minutes in all.
source "$(dirname "$0")/common.sh"

python=.venv/bin/python
test=(-m pytest -q -p no:cacheprovider)

# What a checker's run of the whole unit suite leaves out: what looks at the checkout, what the
# checker's own frames leave no room for, and programs that are not this project's to check.
UNCHECKED=(--ignore=tests/conformance --ignore=tests/system --ignore=tests/command
    --ignore=tests/trust --ignore=tests/core/test_depth.py --ignore=tests/activation/test_greenlets.py
    --ignore=tests/web/test_clients.py --ignore=tests/bench/test_browser.py -k 'not greenlet')

# Twisted's own tests of what is in C.
TWISTEDS=(twisted.internet twisted.protocols twisted.test.test_defer
    twisted.test.test_tcp twisted.test.test_udp twisted.test.test_protocols twisted.web twisted.spread
    twisted.conch)

# unit KIND ARGUMENTS...: the tests under a checker.
unit() {
    .ci/checked.sh "$1" "${test[@]}" "${@:2}" || failed=1
}

# twisteds KIND NAMES...: Twisted's own tests on pyreactor under a checker.  What fails of them is for
# tests/conformance to tell; here only what the checker finds counts, and that they end.
twisteds() {
    local kind=$1 log=build/$1/trial.log status=0
    shift
    say "Twisted's own tests: $*"
    mkdir -p "build/$kind"
    .ci/checked.sh "$kind" -m pyreactor -m twisted.trial --temp-directory="$PWD/build/$kind/trial" "$@" \
        >"$log" 2>&1 || status=$?
    grep -a '^Ran \|^PASSED\|^FAILED' "$log" | tail -n 2 || true
    if ((status > 1)) || ! grep -aq '^Ran ' "$log" ||
        [[ -n $(find "build/$kind/reports" -type f -size +0 -print -quit) ]]; then
        tail -n 200 "$log"
        failed=1
    fi
}

# All of a search is run, whatever a part of it finds.
failed=0

for_asan() {
    # Random programs are fewer: each takes ten times as long.
    export PYREACTOR_EXAMPLES=50 PYREACTOR_FRAMING_EXAMPLES=50 PYREACTOR_TEST_EXAMPLES=20 PYREACTOR_WEB_EXAMPLES=50
    unit asan -n 2 "${UNCHECKED[@]}" tests
    twisteds asan "${TWISTEDS[@]}"
}

for_valgrind() {
    unit valgrind tests/framing/test_stock.py tests/loop/test_engine.py
}

for_tsan() {
    # Debian's sh does not live with that checker's library loaded first.
    unit tsan --deselect=tests/loop/test_engine.py::test_closed_standard_descriptors \
        tests/loop/test_wake.py tests/loop/test_engine.py
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
    .ci/checked.sh fuzz -m tests.fuzz --seconds "${FUZZ_SECONDS:-60}" ${FUZZ_SEED:+--seed "$FUZZ_SEED"} \
        --found "$PWD/build/found"
}

# Not a search: what is worth keeping of what the last ones found.
for_corpus() {
    .ci/checked.sh fuzz -m tests.fuzz --minimise "$PWD/tests/fuzz/corpus" --found "$PWD/build/found"
}

# lives KIND SECONDS [--seed N] [--rounds N]: random lives of connections under a checker.
lives() {
    .ci/checked.sh "$1" -m pyreactor -m tests.trust.lives --seconds "${@:2}" || failed=1
}

for_lives() {
    lives asan "${FUZZ_SECONDS:-60}"
}

for_analyze() {
    "$python" -m tests.trust.analyze
}

for_soak() {
    .ci/build.sh .venv
    "$python" -m tests.trust.soak --minutes "${MINUTES:-30}" --connections "${CONNECTIONS:-10000}"
}

# With one build for the sanitizers and the fuzzer.  What is random begins with the same seed each time, so that a
# failure is more likely to tell of the change that is tried; `make fuzz` and `make lives` have another seed each time.
for_smoke() {
    export PYREACTOR_EXAMPLES=20 PYREACTOR_FRAMING_EXAMPLES=20 PYREACTOR_TEST_EXAMPLES=10
    unit fuzz -n 2 tests/framing/test_hostile.py tests/framing/test_stock.py \
        tests/deferred/test_behaviour.py tests/loop/test_reactor.py tests/transport/test_flush.py \
        tests/transport/test_states.py tests/tls/test_records.py
    twisteds fuzz twisted.test.test_defer twisted.test.test_protocols twisted.internet.test.test_tcp
    lives fuzz 120 --seed 1 --rounds 60
    .ci/build.sh .venv
    # Each of these two uses one core.
    FUZZ_SECONDS=60 FUZZ_SEED=1 beside for_fuzz
    LEAKS=100000 beside for_leaks
    all_done
    MINUTES=2 CONNECTIONS=1000 for_soak
}

[[ $# == 1 && $(type -t "for_$1") == function ]] ||
    fail "trust.sh asan|valgrind|tsan|leaks|faults|fuzz|corpus|lives|analyze|soak|smoke"
say "$1"
"for_$1"
exit "$failed"
