# Sourced by the other scripts.  shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Settings of whoever calls must not switch anything off in what is tested.
unset PYREACTOR PYREACTOR_DISABLE PYTHONPATH

SUPPORTED="3.13 3.12 3.11 3.10"

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

# The Python to use: $PYTHON, or python3 if it is supported, or the newest that is.
main_python() {
    local name
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
        if is_supported "$(version_of "$name" || true)"; then
            command -v "$name"
            return
        fi
    done
    fail "no CPython among ${SUPPORTED// /, } found (PYTHON=... names one)"
}

# Every Python with headers on this machine, one per minor version.
other_pythons() {
    local version candidate
    for version in $SUPPORTED; do
        [[ $version == "$1" ]] && continue
        for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
            if [[ $(version_of "$candidate" || true) == "$version" ]] && has_headers "$candidate"; then
                command -v "$candidate"
                break
            fi
        done
    done
}

has_headers() {
    "$1" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'
}

# make_venv FOLDER PYTHON REQUIREMENTS...: a virtual environment, made or brought up to date.
make_venv() {
    local folder=$1 python=$2 stamp
    shift 2
    stamp=$( ("$python" -VV && cat "$@") | sha256sum)
    if [[ $(cat "$folder/.stamp" 2>/dev/null) == "$stamp" ]]; then
        return
    fi
    say "making $folder ($("$python" -V))"
    rm -rf "$folder"
    "$python" -m venv "$folder"
    "$folder/bin/python" -m pip install -qq --disable-pip-version-check "${@/#/--requirement=}"
    printf '%s\n' "$stamp" >"$folder/.stamp"
}
