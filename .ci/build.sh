#!/usr/bin/env bash
# build.sh VENV [release|debug|plain|coverage]: installs the checkout there, in editable form; warnings
# are errors.  release is optimized; debug is not, and has C's assertions on; coverage is a debug
# build that counts for gcov which lines ran; plain is one that has, on Linux, the kernel's queue by
# libuv, as other systems have it.
source "$(dirname "$0")/common.sh"

venv=$1
export PYREACTOR_WERROR=1 PYREACTOR_BUILD=${2:-release}
# The virtual environments of one version of Python have one extension module, which is compiled
# anew if it was built otherwise.
mkdir -p build
force=
kind=build/kind-$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"))')
if [[ $(cat "$kind" 2>/dev/null || echo release) != "$PYREACTOR_BUILD" ]]; then
    force=--force
    echo unfinished >"$kind"
fi
"$venv/bin/python" setup.py -q build_ext --inplace $force
printf '%s\n' "$PYREACTOR_BUILD" >"$kind"
# The console script and the plugin for --reactor=pyreactor.
if ! grep -qs 'from pyreactor.__main__ import main' "$venv/bin/pyreactor"; then
    # pip writes into the checkout: not for two environments at the same time.  It would compile the
    # extension once more.
    export PYREACTOR_BUILD=none
    alone=()
    ! command -v flock >/dev/null || alone=(flock build/editable)
    "${alone[@]}" "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
        --no-build-isolation --no-deps --editable .
fi
