#!/usr/bin/env bash
# build.sh VENV: installs the checkout there, in editable form; warnings are errors.
source "$(dirname "$0")/common.sh"

venv=$1
PYREACTOR_WERROR=1 "$venv/bin/python" setup.py -q build_ext --inplace
# The console script and the plugin for --reactor=pyreactor.
if [[ ! -x $venv/bin/pyreactor ]]; then
    PYREACTOR_WERROR=1 "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
        --no-build-isolation --no-deps --editable .
fi
