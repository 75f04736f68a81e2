#!/usr/bin/env bash
# fuzz.sh - builds the fuzz targets with clang, ASan and UBSan, and runs them: one line a target.
# Corpora grow in build/fuzz-corpus/<target>; an input that breaks something is left in
# build/fuzz-findings. Exit code: 0 no finding, 1 a finding, 2 could not run.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    echo "usage: scripts/fuzz.sh [--runs N] [--seconds S] [--jobs N] [target...]"
    echo "  --runs N      inputs a target (default 20000; 0: no limit)"
    echo "  --seconds S   time a target (default no limit)"
    echo "  --jobs N      targets at the same time (default 1)"
    echo "e.g. scripts/fuzz.sh --jobs 2 --runs 10000000: everything, within about an hour"
    echo "targets: $(all_targets | tr '\n' ' ')"
}

all_targets() {
    for source in tests/fuzz/fuzz_*.c; do
        name=${source##*/fuzz_}
        echo "${name%.c}"
    done
}

fail() {
    echo "fuzz.sh: $1" >&2
    exit 2
}

runs=20000 seconds=0 jobs=1 targets=()
while [ $# -gt 0 ]; do
    case $1 in
    --runs | --seconds | --jobs)
        [[ ${2:-} =~ ^[0-9]+$ ]] || fail "$1 wants a number"
        printf -v "${1#--}" %s "$2"
        shift 2
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    -*) fail "no option $1; see --help" ;;
    *)
        [ -f "tests/fuzz/fuzz_$1.c" ] || fail "no target $1; see --help"
        targets+=("$1")
        shift
        ;;
    esac
done
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(all_targets)
[ "$runs" -gt 0 ] || [ "$seconds" -gt 0 ] || fail "--runs 0 needs --seconds"
[ "$jobs" -gt 0 ] || fail "--jobs wants at least 1"

[ -x .venv/bin/meson ] && PATH=$PWD/.venv/bin:$PATH
for tool in clang meson ninja python3; do
    command -v "$tool" >/dev/null || fail "$tool is missing; scripts/setup.sh installs it"
done

build=build/fuzz corpus=build/fuzz-corpus findings=build/fuzz-findings
mkdir -p "$findings" build
if [ ! -f $build/build.ninja ]; then
    CC=clang meson setup $build -Dfuzz=true -Dchecks=true -Dbench=false -Dbuildtype=debugoptimized \
        -Db_sanitize=address,undefined -Db_lundef=false >build/fuzz-setup.log 2>&1 ||
        fail "meson setup failed, see build/fuzz-setup.log"
fi
ninja -C $build "${targets[@]/#/tests/fuzz/fuzz_}" >build/fuzz-build.log 2>&1 ||
    fail "the build failed, see build/fuzz-build.log"

# Little memory waits to be used again, and few frames are noted of who took it: the caches hold it.
export ASAN_OPTIONS=quarantine_size_mb=4:thread_local_quarantine_size_kb=64:malloc_context_size=4
export UBSAN_OPTIONS=print_stacktrace=1
limits=(-timeout=20 -rss_limit_mb=2560 -reload=0 -print_final_stats=1)
[ "$runs" -gt 0 ] && limits+=("-runs=$runs")
[ "$seconds" -gt 0 ] && limits+=("-max_total_time=$seconds")

# One target; its line is printed when it is done.
run_target() {
    local target=$1 log=build/fuzz-$1.log length result=ok bad=0 done_runs speed cov
    python3 tests/fuzz/make_seeds.py "$target" "$corpus/$target"
    case $target in # files need room for several records; a message is built from 2 or 3 bytes
    pcap* | raw_itch | source) length=4096 ;;
    deep | itch | tops) length=512 ;;
    *) length=1024 ;;
    esac
    if ! $build/tests/fuzz/fuzz_"$target" "${limits[@]}" -max_len=$length \
        -artifact_prefix="$findings/$target-" "$corpus/$target" >"$log" 2>&1; then
        result="FINDING, see $log and $findings" bad=1
    fi
    done_runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    cov=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
    printf '%-12s runs %9s  a second %7s  cov %5s  %s\n' \
        "$target" "${done_runs:-?}" "${speed:-?}" "${cov:-?}" "$result"
    return $bad
}

bad=0 running=0
for target in "${targets[@]}"; do
    if [ $running -eq "$jobs" ]; then
        wait -n || bad=1
        running=$((running - 1))
    fi
    run_target "$target" &
    running=$((running + 1))
done
while [ $running -gt 0 ]; do
    wait -n || bad=1
    running=$((running - 1))
done
exit $bad
