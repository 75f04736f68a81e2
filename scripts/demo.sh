#!/usr/bin/env bash
# demo.sh - from a clone to books in one command: sets the machine up, generates the sample capture
# once, and replays it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

case ${1:-} in
"") ;;
-h | --help)
    echo "usage: scripts/demo.sh    set up, generate captures/sample*.pcap if missing, replay it"
    exit
    ;;
*)
    echo "demo.sh takes no arguments" >&2
    exit 2
    ;;
esac

scripts/setup.sh run
export PATH="$root/.venv/bin:$PATH"

# What is typed is shown, so that it can be typed again.
run() {
    printf '\n$ %s\n' "$*"
    "$@"
}

mkdir -p captures
if [ ! -s captures/sample.pcap ]; then
    run pinnacle-ctl capture make --seed 1 --lines 2 --loss-a 0.02 --dup 0.001 \
        --reorder 0.01 captures/sample.pcap
fi
run pinnacle-ctl capture info captures/sample.pcap
run pinnacle-ctl replay captures/sample.pcap

cat <<'TEXT'

Next:
  . .venv/bin/activate
  pinnacle-ctl replay --json captures/sample.pcap    the same as one JSON object
  pinnacle-ctl replay --help                         speed, filters, depth, export
  pinnacle-ctl replay FILE                           pcap, pcapng or raw ITCH; .gz and .zst too
  ./scripts/test.sh                                  all tests
TEXT
