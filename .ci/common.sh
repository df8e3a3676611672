# Sourced by the other scripts.  shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Settings of whoever calls must not switch anything off in what is tested.
unset PYREACTOR PYREACTOR_DISABLE PYTHONPATH

SUPPORTED="3.15 3.14 3.13 3.12 3.11 3.10"
# Those that private-python.sh fetches where a machine does not have them, and where it puts them.
FETCHED="3.15 3.14"
PRIVATE_PYTHONS=.venvs/pythons

say() {
    printf '\n==> %s\n' "$*"
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# X.Y of a Python, if it is a CPython that runs.
version_of() {
    "$1" -c 'import platform, sys
assert platform.python_implementation() == "CPython"
print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

is_supported() {
    [[ " $SUPPORTED " == *" $1 "* ]]
}

# A Python of that minor version that this machine has with headers, if any.
installed_python() {
    local candidate
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        if [[ $(version_of "$candidate" || true) == "$1" ]] && has_headers "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# The Python to use: $PYTHON (a path, or a name such as python3.14, which is fetched if this machine
# does not have it), or python3 if it is supported, or the newest that is.
main_python() {
    local name
    for name in ${PYTHON:-python3 ${SUPPORTED//3./python3.}}; do
        if is_supported "$(version_of "$name" || true)"; then
            command -v "$name"
            return
        fi
    done
    if [[ ${PYTHON:-} =~ ^python(3\.[0-9]+)(d?)$ ]] && is_supported "${BASH_REMATCH[1]}"; then
        name=${BASH_REMATCH[1]}${BASH_REMATCH[2]}
        installed_python "$name" || .ci/private-python.sh "$name"
        return
    fi
    fail "no CPython among ${SUPPORTED// /, } found (PYTHON=python3.14 fetches one)"
}

# other_pythons VERSION: a Python with headers of each other version: every one that this machine
# has, and those of FETCHED that it does not have.
other_pythons() {
    local version
    for version in $SUPPORTED; do
        if [[ $version == "$1" ]] || installed_python "$version"; then
            continue
        elif [[ " $FETCHED " == *" $version "* ]]; then
            .ci/private-python.sh "$version"
        fi
    done
}

has_headers() {
    "$1" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'
}

# beside COMMAND...: runs it while the next commands run, two at a time; all_done waits for them, and
# is an error if one failed.
beside() {
    while (($(jobs -rp | wc -l) >= 2)); do
        wait -n || fail "what was run beside failed"
    done
    "$@" &
}

all_done() {
    local job
    for job in $(jobs -p); do
        wait "$job" || fail "what was run beside failed"
    done
}

# unit_tests VENV NAME OPTIONS...: builds there, and runs the tests but for Twisted's own suite.
unit_tests() {
    say "tests on $2"
    .ci/build.sh "$1"
    # Most tests wait for programs they started, and most of that time no core works: five at a time
    # fill two.
    "$1/bin/python" -m pytest -q -p no:cacheprovider -n 5 --dist loadgroup \
        --ignore=tests/conformance "${@:3}"
}

# make_venv FOLDER PYTHON REQUIREMENTS...: a virtual environment, made or brought up to date.
make_venv() {
    local folder=$1 python=$2 stamp
    shift 2
    stamp=$( ("$python" -VV && command -v "$python" && cat "$@") | sha256sum)
    if [[ $(cat "$folder/.stamp" 2>/dev/null) == "$stamp" ]]; then
        return
    fi
    say "making $folder ($("$python" -V))"
    rm -rf "$folder"
    "$python" -m venv "$folder"
    "$folder/bin/python" -m pip install -qq --disable-pip-version-check "${@/#/--requirement=}"
    printf '%s\n' "$stamp" >"$folder/.stamp"
}
