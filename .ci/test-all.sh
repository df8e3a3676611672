#!/usr/bin/env bash
# What test.sh leaves out: the other Pythons, the oldest Twisted, a debug build, long runs of random
# programs, and Twisted's own suite in every setup.
source "$(dirname "$0")/common.sh"

.ci/prepare.sh test

# What runs whole programs of Twisted's, the examples and the benchmarks takes minutes, and looks
# at the whole rather than at what differs between Pythons: once is enough.
ONCE=(--ignore-glob='tests/system/test_examples*' --ignore-glob='tests/system/test_programs_*'
    --ignore=tests/system/test_benchmarks.py --ignore=tests/system/test_twistd.py
    --ignore=tests/loop/test_clock.py --ignore=tests/activation/test_greenlets.py
    --ignore=tests/trust --ignore=tests/misuse/test_calls.py --ignore=tests/misuse/test_types.py)

# What looks closest at the interpreter: for the Pythons that do not get all but the above.  The newest
# gets that with the newest Twisted, and the oldest with the oldest.
INTERPRETER=(tests/core tests/activation/test_hook.py tests/command/test_cli.py
    tests/deferred/test_behaviour.py tests/framing/test_banana.py tests/framing/test_own_attributes.py
    tests/framing/test_more.py tests/framing/test_stock.py tests/loop/test_engine.py
    tests/loop/test_reactor.py tests/system/test_references.py tests/tls/test_records.py
    tests/transport/test_ports.py tests/web/test_server.py)

# make_and_build FOLDER PYTHON REQUIREMENTS: an environment, and the extension built for it.
make_and_build() {
    make_venv "$@"
    .ci/build.sh "$1"
}

# The oldest Python of those given.
oldest_of() {
    local python
    for python in "$@"; do
        printf '%s %s\n' "$(version_of "$python")" "$python"
    done | sort -V | sed -n '1s/^[^ ]* //p'
}

main=$(version_of .venv/bin/python)
.ci/build.sh .venv
others=$(other_pythons "$main")
oldest=$(oldest_of "$(main_python)" $others)
debug=$(.ci/private-python.sh 3.15d)
# pip and the compiler use one core most of the time.
for python in $others; do
    beside make_and_build ".venvs/$(version_of "$python")" "$python" tests/requirements.txt
done
# Its extension is that of the same Python above, which unit_tests has made sure of by then.
beside make_venv .venvs/oldest "$oldest" tests/requirements-oldest.txt
beside make_and_build .venvs/debug "$debug" tests/requirements.txt
all_done

for python in $others; do
    version=$(version_of "$python")
    those=("${INTERPRETER[@]}")
    [[ $version != "${SUPPORTED%% *}" ]] || those=("${ONCE[@]}")
    unit_tests ".venvs/$version" "CPython $version" "${those[@]}"
done

unit_tests .venvs/oldest "CPython $(version_of "$oldest") with the oldest supported Twisted" "${ONCE[@]}"

# Python's own assertions are on there, and it counts all references.
say "references, on a debug build of CPython $(version_of "$debug")"
.ci/build.sh .venvs/debug
.venvs/debug/bin/python -m pytest -q -p no:cacheprovider -n 3 \
    tests/system/test_references.py tests/deferred/test_leaks.py tests/deferred/test_behaviour.py \
    tests/framing tests/loop/test_reactor.py tests/transport/test_ports.py tests/tls/test_records.py \
    tests/web

# By plain chance, which is quick: 100,000 programs for Deferred, as many for framings and 25,000 for Banana, 20,000
# for the web's server and as many bodies in chunks.  By hypothesis: 1,000 of each of the others.  And a server is
# let use up the descriptors, as far as the machine's limit allows.
say "random programs, many of them"
.ci/build.sh .venv
PYREACTOR_EXAMPLES=50000 PYREACTOR_FRAMING_EXAMPLES=25000 PYREACTOR_WEB_EXAMPLES=20000 PYREACTOR_TEST_EXAMPLES=1000 \
    PYREACTOR_DESCRIPTORS=20000 .venv/bin/python -m pytest -q -p no:cacheprovider -n 3 \
    tests/*/test_differential.py tests/log/test_texts.py tests/web/test_client.py \
    tests/framing/test_banana.py::test_many_random_programs_see_the_same_events \
    tests/tls/test_records.py::test_random_programs_show_the_same \
    tests/web/test_chunked.py::test_many_are_the_same_as_stock \
    'tests/system/test_reactor_programs.py::test_same_on_both[descriptor_limit.py-20000]'

# The first are asleep for much of the time, and of the others the longest keep one core busy.
faults_and_misuse() {
    .venv/bin/python -m pytest -q -p no:cacheprovider -n 4 \
        tests/trust tests/misuse/test_calls.py tests/misuse/test_types.py >build/faults.log 2>&1
}
say "failing allocations and system calls, and wrong calls; beside them: searches for failures, a bounded share of each"
# The searches copy the checkout: a file of Python's cache that is being written would be gone before it is copied.
export PYTHONDONTWRITEBYTECODE=1
faults_and_misuse &
failing=$!
searched=0
.ci/trust.sh smoke || searched=$?
say "failing allocations and system calls, and wrong calls"
status=0
wait "$failing" || status=$?
cat build/faults.log
((status == 0 && searched == 0)) || fail "what was run beside each other failed"
unset PYTHONDONTWRITEBYTECODE

for version in $FETCHED; do
    if [[ $version != "$main" && -x .venvs/$version/bin/python ]]; then
        say "Twisted's own suite on CPython $version"
        ".venvs/$version/bin/python" -m pytest -p no:cacheprovider tests/conformance
        break # the newest: minutes for each
    fi
done

say "Twisted's own suite, with each part switched off, by trial -j2, on asyncio and on uvloop"
PYREACTOR_CONFORMANCE_SETUPS=other PYREACTOR_CONFORMANCE_STOCK=build/conformance-stock.json \
    .venv/bin/python -m pytest -p no:cacheprovider tests/conformance
