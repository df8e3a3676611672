#!/usr/bin/env bash
# prepare.sh [PURPOSE...]: installs what building needs on a bare Debian machine with python3, git
# and make, and what each PURPOSE below needs on top.
source "$(dirname "$0")/common.sh"

python=$(main_python)
missing=()

# need PROGRAM PACKAGE...: these packages of Debian, unless the program is there.
need() {
    command -v "$1" >/dev/null || missing+=("${@:2}")
}

for_build() {
    need cc gcc libc6-dev
    need pkg-config pkg-config
    pkg-config --exists 'libuv >= 1.40' 2>/dev/null || missing+=(libuv1-dev)
    has_headers "$python" || missing+=("python$(version_of "$python")-dev")
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=("python$(version_of "$python")-venv")
}

# What the tests let talk to Twisted's programs.
for_test() {
    need curl curl
    need wrk wrk
    [[ -x /usr/sbin/nginx ]] || need nginx nginx-light
    need dig bind9-dnsutils
    need ssh openssh-client
    [[ -x /usr/sbin/sshd ]] || need sshd openssh-server
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || need initdb postgresql
}

# Load generators and clients.
for_bench() {
    need wrk wrk
    need sftp openssh-client
}

for purpose in build "$@"; do
    [[ $(type -t "for_$purpose") == function ]] || fail "prepare.sh: unknown purpose $purpose"
    "for_$purpose"
done

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
    # What is installed is for programs that the tests start: no server is started now or later.
    no_start=/usr/sbin/policy-rc.d
    no_database=/etc/postgresql-common/createcluster.d/no-main-cluster.conf
    put_back=()
    trap '((${#put_back[@]} == 0)) || "${as_root[@]}" rm -f "${put_back[@]}"' EXIT
    if [[ ! -e $no_start ]]; then
        put_back+=("$no_start")
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$no_start" >/dev/null
        "${as_root[@]}" chmod 755 "$no_start"
    fi
    if [[ " ${missing[*]} " == *" postgresql "* ]]; then
        put_back+=("$no_database")
        "${as_root[@]}" mkdir -p "${no_database%/*}"
        echo 'create_main_cluster = false' | "${as_root[@]}" tee "$no_database" >/dev/null
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"
    if [[ " ${missing[*]} " == *" openssh-server "* ]]; then
        "${as_root[@]}" update-rc.d ssh disable
    fi
    if [[ " ${missing[*]} " == *" nginx-light "* ]]; then
        "${as_root[@]}" update-rc.d nginx disable
    fi
fi

make_venv .venv "$python" tests/requirements.txt
