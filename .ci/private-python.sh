#!/usr/bin/env bash
# private-python.sh VERSION...: a CPython that this machine does not have (3.14, 3.15; 3.15d is its
# debug build), with headers and venv.  Prints the path of each, one a line.
#
# They are Debian's packages of a newer release than the machine's, with all that they depend on
# down to the C library, unpacked below .venvs/pythons.  Nothing outside that folder is written, and
# nothing in it but the interpreters is run, so neither root nor a container is needed.
source "$(dirname "$0")/common.sh"

# Releases of Debian to look for the packages in, first the one that changes less.
SUITES=(${PYREACTOR_SUITES:-forky sid})
HOME_OF_ALL=$PWD/$PRIVATE_PYTHONS
WORK=$HOME_OF_ALL/.apt

# apt SUITE PROGRAM ARGUMENTS...: apt-get or apt-cache that knows this suite only, sees no package
# as installed, and keeps all its files in WORK/SUITE.
apt() {
    local suite=$1 program=$2 own=$WORK/$1
    shift 2
    "$program" -qq -o Dir::Etc::SourceList="$own/sources.list" -o Dir::Etc::SourceParts="$own/none" \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts="$own/none" \
        -o Dir::State::Lists="$own/lists" -o Dir::State::Status="$own/status" \
        -o Dir::State::extended_states="$own/extended" -o Dir::Cache="$own/cache" \
        -o Dir::Log="$own/log" -o Debug::NoLocking=1 -o Acquire::Languages=none -o Dpkg::Use-Pty=0 \
        -o APT::Sandbox::User="$(id -un)" -o APT::Update::Error-Mode=any \
        -o APT::Update::Post-Invoke::= -o APT::Update::Post-Invoke-Success::= "$@"
}

# Where this machine's own packages come from: not all of these need be Debian's.
mirrors() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v -- -security | sort -u
}

# read_suite SUITE: reads its list of packages, from the first mirror that has one.
read_suite() {
    local own=$WORK/$1 mirror keyring signed=
    [[ -e $own/read ]] && return
    mkdir -p "$own"/{lists/partial,cache/archives/partial,log,none}
    : >"$own/status"
    for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
        [[ -e $keyring ]] && signed="[signed-by=$keyring] "
    done
    for mirror in $(mirrors); do
        printf 'deb %s%s %s main\n' "$signed" "$mirror" "$1" >"$own/sources.list"
        if apt "$1" apt-get update >&2; then
            touch "$own/read"
            return
        fi
    done
    return 1
}

# packages_of VERSION: what is asked for by name.
packages_of() {
    local python=python${1%d}
    printf '%s\n' "$python-dev" "$python-venv" patchelf
    [[ $1 != *d ]] || printf '%s\n' "$python-dbg"
}

# archives_of SUITE VERSION: the file names of these packages and of all that they need; fails if
# the suite does not have them all.
archives_of() {
    local packages
    mapfile -t packages < <(packages_of "$2")
    apt "$1" apt-get install --simulate --no-install-recommends "${packages[@]}" |
        sed -nE 's/^Inst ([^ ]+) \(([^ ]+) .*\[([^] ]+)\]\).*/\1_\2_\3.deb/; T; s/:/%3a/g; p'
}

# suite_with VERSION: the first suite that has it.
suite_with() {
    local suite
    for suite in "${SUITES[@]}"; do
        if read_suite "$suite" >&2 && archives_of "$suite" "$1" >/dev/null; then
            printf '%s\n' "$suite"
            return
        fi
    done
    fail "no CPython $1 in Debian's ${SUITES[*]}, as far as the mirrors of this machine have them"
}

# unpack VERSION FOLDER: its packages and all they need, without documentation, symbols for
# debuggers and libraries for linking Python into a program.
unpack() {
    local suite packages archives archive
    suite=$(suite_with "$1")
    mapfile -t packages < <(packages_of "$1")
    mapfile -t archives < <(archives_of "$suite" "$1")
    apt "$suite" apt-get install --yes --no-install-recommends --download-only "${packages[@]}" >&2
    mkdir -p "$2"
    for archive in "${archives[@]}"; do
        dpkg-deb --fsys-tarfile "$WORK/$suite/cache/archives/$archive" |
            tar -x --no-same-owner --keep-directory-symlink -C "$2" \
                --exclude='./usr/share/doc*' --exclude=./usr/share/man --exclude=./usr/share/locale \
                --exclude=./usr/share/zoneinfo --exclude=./usr/lib/debug --exclude='libpython*.a'
    done
}

# own_loader FOLDER PROGRAM: has the program, a Python, use the loader and the libraries in the
# folder, and so all that it loads (DT_RPATH holds for the libraries of libraries, too).
own_loader() {
    local root=$1 program=$2 libraries loader patchelf
    libraries=$(dirname "$root"/usr/lib/*/libc.so.6)
    loader=$(echo "$root"/usr/lib64/ld-linux-*.so.? "$root"/usr/lib/ld-linux-*.so.? | tr ' ' '\n' | grep -vF '*')
    patchelf=("$loader" --library-path "$libraries" "$root/usr/bin/patchelf")
    # One by one: patchelf 0.18 spoils the program when it is told to do both at once.
    "${patchelf[@]}" --force-rpath --set-rpath "$libraries" "$program"
    "${patchelf[@]}" --set-interpreter "$loader" "$program"
}

# settle FOLDER: what Debian's Pythons look for below /usr, they find below the folder.
settle() {
    local root=$1 multiarch headers
    multiarch=$(basename "$(dirname "$root"/usr/lib/*/libc.so.6)")
    # pyconfig.h includes <MULTIARCH/pythonX.Y/pyconfig.h>.
    for headers in "$root"/usr/include/python3.*; do
        ln -sfn "../$multiarch" "$headers/$multiarch"
    done
    # The folder that venv takes pip from.
    sed -i "s#/usr/share/python-wheels#$root&#g" "$root"/usr/lib/python3.*/_sysconfig*
}

# fetch VERSION: into a folder of its own, which has the file .complete when it is.
fetch() {
    local root=$HOME_OF_ALL/$1 program=usr/bin/python$1
    say "fetching CPython $1 from Debian's packages into $root" >&2
    rm -rf "$root"
    unpack "$1" "$root"
    own_loader "$root" "$root/$program"
    settle "$root"
    [[ $(version_of "$root/$program") == "${1%d}" ]] || fail "$root/$program does not run"
    printf '%s\n' "$root" >"$root/.complete"
}

(($#)) || fail "private-python.sh VERSION..., for example 3.15"
for version; do
    [[ $version =~ ^3\.[0-9]+d?$ ]] || fail "private-python.sh: $version is no version such as 3.15 or 3.15d"
    # The file tells the folder, because what was moved with its checkout does not run.
    if [[ $(cat "$HOME_OF_ALL/$version/.complete" 2>/dev/null) != "$HOME_OF_ALL/$version" ]]; then
        command -v apt-get dpkg-deb >/dev/null ||
            fail "CPython $version is not installed, and only on Debian it can be fetched"
        trap 'rm -rf "$WORK"' EXIT
        fetch "$version"
    fi
    printf '%s\n' "$HOME_OF_ALL/$version/usr/bin/python$version"
done
