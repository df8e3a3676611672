#!/usr/bin/env bash
# Builds a wheel that brings its own libuv, into wheelhouse/.
source "$(dirname "$0")/common.sh"

tools=.venvs/wheel
make_venv "$tools" "$(main_python)" .ci/wheel-requirements.txt
rm -rf dist wheelhouse
"$tools/bin/python" -m pip wheel -q --disable-pip-version-check --no-deps --wheel-dir dist .
PATH="$PWD/$tools/bin:$PATH" "$tools/bin/auditwheel" repair --wheel-dir wheelhouse dist/pyreactor-*.whl
ls wheelhouse
