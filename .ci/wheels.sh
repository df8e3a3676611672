#!/usr/bin/env bash
# wheels.sh main|all: wheels that bring their own libuv, into wheelhouse/, for the main Python or
# for every one.  Each is tried in an empty environment (smoke.py).
#
# They are built from the source distribution by this machine's compiler and C library, whatever the
# Python, and have this machine's libuv.  So the oldest C library they run with, which the
# manylinux tag in their names tells, is not older than what those need.
source "$(dirname "$0")/common.sh"

tools=.venvs/release # sdist.sh makes it
source=build/wheel-source

# What goes into the wheel beside our own license.
libuv_license() {
    local file
    for file in /usr/share/doc/libuv1*/copyright /usr/share/licenses/libuv/LICENSE*; do
        if [[ -e $file ]]; then
            printf '%s\n' "$file"
            return
        fi
    done
    fail "the license of libuv, which a wheel has to bring with libuv, was not found"
}

# build PYTHON: its wheel, into dist/ and with libuv into wheelhouse/.
build() {
    local version venv license
    version=$(version_of "$1")
    venv=.venvs/wheel-$version
    make_venv "$venv" "$1" .ci/wheel-requirements.txt
    license=$(libuv_license)
    rm -rf "$source"
    mkdir -p "$source"
    tar -x --strip-components=1 -f dist/pyreactor-*.tar.gz -C "$source"
    cp "$license" "$source/LICENSE.libuv"
    say "building for CPython $version"
    "$venv/bin/python" -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation \
        --wheel-dir dist "./$source"
    PATH="$PWD/$tools/bin:$PATH" "$tools/bin/auditwheel" repair --wheel-dir wheelhouse \
        "dist/pyreactor-"*"-cp${version/./}-"*.whl
    "$tools/bin/python" .ci/hardening.py "wheelhouse/pyreactor-"*"-cp${version/./}-"*.whl
}

# try_out PYTHON: installs its wheel into an empty environment that finds no compiler, and nothing
# else of this machine's but the Python, and has it prove itself there.
try_out() {
    local version place smoke=$PWD/.ci/smoke.py wheel
    version=$(version_of "$1")
    wheel=$(echo "$PWD/wheelhouse/pyreactor-"*"-cp${version/./}-"*.whl)
    say "trying ${wheel##*/}"
    place=$(mktemp -d)
    "$1" -m venv "$place/env"
    PATH=$place/env/bin "$place/env/bin/python" -m pip install -qq --disable-pip-version-check \
        --only-binary :all: --constraint .ci/smoke-constraints.txt "$wheel"
    (cd "$place" && env -i HOME="$place" LANG=C.UTF-8 PATH="$place/env/bin" python "$smoke")
    rm -rf "$place"
}

python=$(main_python)
pythons=("$python")
case ${1:-} in
main) ;;
all)
    others=$(other_pythons "$(version_of "$python")")
    pythons+=($others)
    ;;
*) fail "wheels.sh main|all" ;;
esac

rm -rf wheelhouse
.ci/sdist.sh
for python in "${pythons[@]}"; do
    build "$python"
    try_out "$python"
done
rm -rf "$source"
"$tools/bin/twine" --no-color check --strict wheelhouse/*.whl
