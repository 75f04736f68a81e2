#!/usr/bin/env bash
# dev.sh - the developer commands, one verb each. Everything it writes is under build/ and .venv.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export PATH="$root/.venv/bin:$PATH"

usage() {
    cat <<'TEXT'
usage: scripts/dev.sh VERB [ARGUMENT...]

  build               C library and C tests into build/checks; the project into .venv
  test [PYTEST ARG]   build, then pytest
  lint                sizes, includes, dead files, clang-format, cppcheck, ruff, mypy, shellcheck
  format              rewrites C and Python files to the agreed layout
  sanitize [ARG]      everything under ASan and UBSan in build/asan, then pytest against that build
  sanitized COMMAND   runs a command with the package of build/asan, as it was last built
  valgrind            the C tests under valgrind: reads of memory that was never written
  fuzz [ARG]          short run of every fuzz target (scripts/fuzz.sh --help)
  bench [ARG]         pytest perf/: the speed figures; C programs in build/bench
  clean               removes build/ (not .venv, not captures/)

The whole test run of the project is scripts/test.sh.
TEXT
}

# A build directory, made once and brought up to date: build_dir NAME MESON-OPTION...
build_dir() {
    local dir=build/$1 log=build/$1.log
    shift
    mkdir -p build
    {
        [ -f "$dir/build.ninja" ] || meson setup "$dir" "$@"
        ninja -C "$dir"
    } >"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        printf 'dev: the build failed; the whole log is %s\n' "$log" >&2
        exit 1
    }
}

build() {
    scripts/setup.sh test
    build_dir checks -Dchecks=true -Dbench=false
    echo "dev: built build/checks"
}

# The sanitized package is installed under build/asan/root/site and shadows the one in .venv.
build_sanitized() {
    scripts/setup.sh test
    build_dir asan -Dchecks=true -Dbench=false -Dbuildtype=debugoptimized \
        -Db_sanitize=address,undefined -Db_lundef=false \
        -Dpython.platlibdir=/site -Dpython.purelibdir=/site
    meson install -C build/asan --destdir "$root/build/asan/root" --quiet >>build/asan.log
    echo "dev: built build/asan"
}

# Python itself is not sanitized, so the run-times come first; its own leaks are not ours to report.
# Findings go to files, since pytest keeps what a test prints and an abort loses it.
sanitized() {
    rm -f build/finding.*
    local result=0
    PYTHONPATH="$root/build/asan/root/site" PINNACLE_BUILD="$root/build/asan" \
        LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libstdc++.so)" \
        ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:log_path=$root/build/finding" \
        UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:log_path=$root/build/finding" \
        "$@" || result=$?
    cat build/finding.* 2>/dev/null >&2 || true
    return "$result"
}

verb=${1:-help}
[ $# -eq 0 ] || shift
case $verb in
build) build ;;
test)
    build
    PINNACLE_BUILD="$root/build/checks" exec pytest "$@"
    ;;
lint)
    scripts/setup.sh test
    exec pytest -q tests/tidy "$@"
    ;;
format)
    scripts/setup.sh test
    find bpf dataplane tests perf -name '*.[ch]' -exec clang-format -i {} +
    ruff check -q --fix-only bpf controlplane tests perf
    ruff format -q bpf controlplane tests perf
    ;;
sanitize)
    build_sanitized
    sanitized python -m pytest -p no:cacheprovider --ignore=tests/tidy --ignore=tests/docs "$@"
    ;;
sanitized) sanitized "${@:?what to run}" ;;
valgrind)
    scripts/setup.sh test
    # A plain x86-64 build: valgrind does not know the newest instructions.
    build_dir valgrind -Dchecks=true -Dbench=false -Dbuildtype=debugoptimized -Dmarch=
    find tests -name 'test_*.c' | sort | while read -r source; do
        echo "dev: ${source%.c}"
        (cd build && valgrind -q --error-exitcode=1 "valgrind/${source%.c}")
    done
    ;;
fuzz)
    scripts/setup.sh test
    exec scripts/fuzz.sh "$@"
    ;;
bench)
    # pytest builds the C programs itself, into build/bench.
    scripts/setup.sh test
    exec pytest perf/ "$@"
    ;;
clean) rm -rf build ;;
-h | --help | help) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
