#!/usr/bin/env bash
# checked.sh asan|fuzz|tsan|valgrind [ARGUMENTS...]: a copy of the checkout in build/KIND with a build for
# that checker, and there Python with ARGUMENTS.
#
# What a checker finds ends the process.  Programs that tests start are checked, too: they inherit
# the environment.  All that was found, in whatever process, is shown at the end, and is a failure.
source "$(dirname "$0")/common.sh"

kind=$1
shift
place=$PWD/build/$kind
reports=$place/reports
python=$PWD/${PYREACTOR_PYTHON:-.venv/bin/python}

# copy: brings the copy up to date.  A file that did not change keeps its time, so that only what
# did is compiled again.
copy() {
    local part
    mkdir -p "$place"
    for part in csrc pyreactor tests examples benchmarks docs .ci; do
        rm -rf "${place:?}/$part.old"
        [[ ! -e $place/$part ]] || mv "$place/$part" "$place/$part.old"
        cp -a "$part" "$place/$part"
        if [[ $part == pyreactor ]]; then
            rm -f "$place/$part"/_core*.so
            find "$place/$part.old" -name '_core*.so' -exec cp -a {} "$place/$part" \; 2>/dev/null || true
        fi
        rm -rf "${place:?}/$part.old"
    done
    cp -a ./*.py ./*.toml ./*.md LICENSE Makefile "$place"
}

# build BUILD: the extension in the copy.
build() {
    (cd "$place" && PYREACTOR_WERROR=1 PYREACTOR_BUILD=$1 "$python" setup.py -q build_ext --inplace)
}

# runtime NAME: the compiler's library of that name, which has to be loaded before Python's own.
runtime() {
    local file
    file=$("${CC:-cc}" -print-file-name="lib$1.so")
    [[ $file == /* ]] || fail "the compiler does not have lib$1"
    readlink -f "$file"
}

say "building for $kind, in ${place#"$PWD"/}"
copy
rm -rf "$reports"
mkdir -p "$reports"
# One allocator: what Python's own hands out is not looked at.
export PYTHONMALLOC=malloc PYTHONDONTWRITEBYTECODE=1 PYTHONFAULTHANDLER=
checker=()
failed=0
preloaded=
case $kind in
asan | fuzz)
    build "$kind"
    if [[ $kind == fuzz ]]; then
        # What asks the fuzzer's inputs where they lead.
        "${CC:-cc}" -O2 -shared -fPIC tests/fuzz/edges.c -o "$place/edges.so"
        preloaded=" $place/edges.so"
    fi
    # CPython does not free all at exit: what leaks has a search of its own (make leaks).
    export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16:abort_on_error=1:log_path=$reports/asan
    export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:abort_on_error=1:log_path=$reports/ubsan
    # The sanitizer has to find crypt's functions when it begins: Python loads them later.
    checker=(env "LD_PRELOAD=$(runtime asan) $(runtime stdc++) $(runtime crypt)$preloaded")
    ;;
tsan)
    build tsan
    # Python and libuv are not built for it: what they do among themselves is not judged.
    TSAN_OPTIONS=halt_on_error=1:abort_on_error=1:report_signal_unsafe=0:log_path=$reports/tsan
    export TSAN_OPTIONS=$TSAN_OPTIONS:ignore_noninstrumented_modules=1
    checker=(env "LD_PRELOAD=$(runtime tsan)")
    ;;
valgrind)
    build debug
    # Which has Python's memory from malloc by itself.
    unset PYTHONMALLOC
    "${CC:-cc}" -O1 -shared -fPIC -I"$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')" \
        tests/trust/memcheck.c -o "$place/memcheck.so"
    checker=(env "LD_PRELOAD=$place/memcheck.so" valgrind -q --error-exitcode=99 --num-callers=300)
    checker+=(--suppressions="$place/tests/trust/valgrind.supp" --log-file="$reports/valgrind.%p")
    ;;
*) fail "checked.sh asan|fuzz|tsan|valgrind [ARGUMENTS...]" ;;
esac
cd "$place"
((!$#)) || "${checker[@]}" "$python" "$@" || failed=$?
found=$(find "$reports" -type f -size +0 -print -quit)
[[ -z $found ]] || cat "$reports"/*
exit $((failed ? failed : ${#found} > 0))
