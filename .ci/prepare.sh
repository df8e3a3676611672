#!/usr/bin/env bash
# Installs what building and testing need on a bare Debian machine with python3, git and make.
source "$(dirname "$0")/common.sh"

python=$(main_python)
missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v pkg-config >/dev/null || missing+=(pkg-config)
pkg-config --exists 'libuv >= 1.40' 2>/dev/null || missing+=(libuv1-dev)
has_headers "$python" || missing+=("python$(version_of "$python")-dev")
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=("python$(version_of "$python")-venv")

if ((${#missing[@]})); then
    if ! command -v apt-get >/dev/null; then
        fail "please install what Debian calls: ${missing[*]}"
    elif ((EUID == 0)); then
        as_root=()
    elif command -v sudo >/dev/null; then
        as_root=(sudo)
    else
        fail "please install, as root: apt-get install ${missing[*]}"
    fi
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

make_venv .venv "$python" tests/requirements.txt
