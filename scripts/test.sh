#!/usr/bin/env bash
# test.sh - sets the machine up and runs every test: sanitizer build, fuzz targets, then pytest
# (which runs the C tests, lint, types, format and tidy checks too). Any failure makes it fail, but
# all parts run first, and the last line is pytest's own summary.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

usage() {
    cat <<'TEXT'
usage: scripts/test.sh [--fuzz-runs N]

  --fuzz-runs N   inputs for each fuzz target (default 20000; 0 leaves fuzzing out)
TEXT
}

fuzz_runs=20000
case ${1:-} in
"") ;;
--fuzz-runs) fuzz_runs=${2:?--fuzz-runs needs a number} ;;
-h | --help) usage && exit ;;
*) usage >&2 && exit 2 ;;
esac

failed=()
began=$SECONDS

part() {
    local name=$1 from=$SECONDS
    shift
    printf '\n=== %s\n' "$name"
    if "$@"; then
        printf '=== %s: passed in %d s\n' "$name" $((SECONDS - from))
    else
        printf '=== %s: FAILED after %d s\n' "$name" $((SECONDS - from))
        failed+=("$name")
    fi
}

scripts/dev.sh build
# The stages of the engine; tests of commands and documents show no other C code.
part "sanitizers" scripts/dev.sh sanitize -q tests/unit tests/io tests/book tests/feed tests/shm \
    tests/replay
if [ "$fuzz_runs" != 0 ]; then
    part "fuzz targets, $fuzz_runs inputs each" scripts/dev.sh fuzz --runs "$fuzz_runs"
fi
mkdir -p build
part "pytest" scripts/dev.sh test --color=no | tee build/pytest.txt
# The pipe ran that part in a subshell, so its verdict is read from the text.
grep -q '^=== pytest: passed' build/pytest.txt || failed+=("pytest")

printf '\n=== summary, %d s in all\n' $((SECONDS - began))
skips=$(grep -c '^SKIPPED' build/pytest.txt || true)
printf 'skipped for %d reasons (counts in brackets):\n' "$skips"
grep '^SKIPPED' build/pytest.txt || true
if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${failed[*]}"
else
    echo "all parts passed"
fi
grep -E '^=+ .*(passed|failed|error|no tests ran).* in .*=+$' build/pytest.txt | tail -n 1
[ ${#failed[@]} -eq 0 ]
