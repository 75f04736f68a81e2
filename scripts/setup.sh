#!/usr/bin/env bash
# setup.sh - brings a Debian 12 machine to where the project builds and runs: packages, .venv, the
# project in it. Every step is skipped when its result is there; then nothing touches the
# network. It changes nothing outside the repository but what apt installs; sudo is for apt only.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv

usage() {
    cat <<'TEXT'
usage: scripts/setup.sh [run|live|test]

  run    what demo.sh needs: compiler, libraries, .venv with the project installed (default)
  live   also what ports on network cards need: libbpf and clang for AF_XDP, DPDK (250 MB)
  test   also what test.sh needs: linters, valgrind, an emulator, and the Python test packages

PYTHON=/path/to/python3 chooses the interpreter that .venv is made from.
TEXT
}

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

# Package, then why it is needed.
packages_run="\
gcc compiles the data plane
libc6-dev headers of the C library
pkg-config finds the libraries
ninja-build runs the build
zlib1g-dev reads .gz captures
libzstd-dev reads .zst captures
python3-venv makes .venv
python3-dev headers for the Python extension"
packages_live="\
clang builds the steering program of af_xdp ports, and the fuzzers
libbpf-dev loads that program; without it the build leaves af_xdp ports out
libelf-dev libbpf reads programs with it
dpdk-dev the DPDK ports (libdpdk) and the receiver they are compared with (250 MB)"
packages_test="\
iproute2 network namespaces and veth for the tests
libclang-rt-14-dev fuzzing and sanitizer run-time
clang-format checks the C layout
cppcheck checks the C code
shellcheck checks the scripts
valgrind checks memory in the C tests
qemu-system-x86 a machine with IOMMU and PCI network cards, emulated (80 MB)
busybox-static first programs of that machine
cpio packs them
ethtool what our ethtool ioctls are compared with
pci.ids what the PCI ids in hw/nics are compared with
vagrant checks the Vagrantfile (80 MB with Ruby; no virtual machine is started)
vagrant-libvirt likewise, for the provider that it is written for"

install_packages() {
    local wanted=$1 have missing="" name why
    if ! command -v dpkg-query >/dev/null; then
        say "not a Debian system; these must be there: $(cut -d' ' -f1 <<<"$wanted" | xargs)"
        return
    fi
    # shellcheck disable=SC2046  # package names are words
    have=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' $(cut -d' ' -f1 <<<"$wanted") \
        2>/dev/null | sed -n 's/ installed$//p' || true)
    while read -r name why; do
        grep -qxF "$name" <<<"$have" && continue
        [ -n "$missing" ] || say "installing with apt:"
        printf '    %-20s %s\n' "$name" "$why"
        missing="$missing $name"
    done <<<"$wanted"
    [ -n "$missing" ] || return 0

    local as_root=(env DEBIAN_FRONTEND=noninteractive)
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            fail "not root and no sudo; as root run: apt-get install$missing"
        say "apt needs root: sudo may ask for your password"
        as_root=(sudo "${as_root[@]}")
    fi
    # shellcheck disable=SC2086  # package names are words
    if ! "${as_root[@]}" apt-get install -y -qq --no-install-recommends $missing \
        >"$root/build/apt.log" 2>&1; then
        say "refreshing the package lists (apt-get update)"
        "${as_root[@]}" apt-get update -qq || fail "apt-get update failed; is the network there?"
        # shellcheck disable=SC2086
        "${as_root[@]}" apt-get install -y -qq --no-install-recommends $missing \
            >"$root/build/apt.log" 2>&1 || fail "apt-get install failed; see build/apt.log"
    fi
}

make_venv() {
    if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c '' 2>/dev/null &&
        [ -x "$venv/bin/pip" ]; then
        return
    fi
    # The interpreter that Debian's python3-dev has the headers for, unless told otherwise.
    local python=${PYTHON:-/usr/bin/python3}
    [ -x "$python" ] || python=python3
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$python is older than 3.11; set PYTHON to a newer one"
    say "making .venv"
    rm -rf "$venv"
    "$python" -m venv "$venv" || fail "python3 -m venv failed; is python3-venv installed?"
}

# Writes the requirements of a level, one a line, from pyproject.toml.
requirements() {
    "$venv/bin/python" - "$root/pyproject.toml" "$1" <<'PY'
import sys
import tomllib

with open(sys.argv[1], "rb") as file:
    conf = tomllib.load(file)
wanted = [*conf["build-system"]["requires"], "meson>=1.3", *conf["project"]["dependencies"]]
if sys.argv[2] == "test":
    wanted += conf["project"]["optional-dependencies"]["test"]
print("\n".join(wanted))
PY
}

hash_of_sources() {
    cd "$root"
    {
        find pyproject.toml meson.build meson.options bpf dataplane controlplane hw -type f \
            ! -name '*.pyc' ! -name '_pinnacle*.so' -print0 | sort -z | xargs -0 sha256sum
        # What the build takes in where it is there.
        pkg-config --modversion libbpf libdpdk 2>&1 || true
        command -v clang || true
    } | sha256sum
}

# Does a step only when the stamp differs: stamped NAME VALUE COMMAND...
stamped() {
    local stamp=$venv/stamp-$1 value=$2
    shift 2
    [ "$(cat "$stamp" 2>/dev/null)" = "$value" ] && return
    rm -f "$stamp"
    "$@"
    printf '%s\n' "$value" >"$stamp"
}

install_requirements() {
    say "installing Python packages into .venv (the first time they are downloaded)"
    requirements "$1" >"$venv/requirements-$1.txt"
    "$venv/bin/pip" install --disable-pip-version-check -r "$venv/requirements-$1.txt" \
        >"$root/build/pip.log" 2>&1 || {
        tail -n 20 "$root/build/pip.log" >&2
        fail "pip install failed; is the network there? The whole log is build/pip.log"
    }
}

install_project() {
    say "building and installing the project into .venv"
    local log=$root/build/install.log
    (cd "$root" && PATH="$venv/bin:$PATH" "$venv/bin/pip" install --disable-pip-version-check \
        --no-index --no-deps --no-build-isolation --force-reinstall \
        --config-settings=build-dir=build/wheel .) >"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        fail "the build failed; the whole log is build/install.log"
    }
}

main() {
    local level=${1:-run} wanted=$packages_run
    case $level in
    run) ;;
    live) wanted+=$'\n'$packages_live ;;
    test) wanted+=$'\n'$packages_live$'\n'$packages_test ;;
    -h | --help) usage && return ;;
    *) usage >&2 && exit 2 ;;
    esac
    mkdir -p "$root/build"
    install_packages "$wanted"
    make_venv
    stamped "packages-$level" "$(requirements "$level" | sha256sum)" install_requirements "$level"
    stamped project "$(hash_of_sources)" install_project
    say "ready (.venv, level $level)"
}

main "$@"
