#!/usr/bin/env bash
# dpdk_path.sh - run in the guest by test_dpdk.py: from bare NICs to books and back, one step after
# the other. What a step prints goes to $OUT/STEP.out and .err, its exit code to $OUT/STEP.code.
set -euo pipefail

capture=$1
shift
steers=("$@")
programs=$PINNACLE_BUILD/tests/io
card=0000:00:03.0
virtio=0000:00:05.0
began=$SECONDS

step() { # step NAME COMMAND...
    local name=$1 code=0
    shift
    "$@" >"$OUT/$name.out" 2>"$OUT/$name.err" || code=$?
    echo "$code" >"$OUT/$name.code"
    echo "$((SECONDS - began)) s: $name: $code"
}

interface_of() { # the interface on a PCI device
    local path
    for path in "/sys/bus/pci/devices/$1"/net/* "/sys/bus/pci/devices/$1"/virtio*/net/*; do
        [ -e "$path" ] && echo "${path##*/}"
    done
    return 0
}

start_replay() { # start_replay NAME DEVICE: opens the port, runs the engine in the background
    step_name=$1
    "$programs/port_replay" --kind dpdk --device "$2" --eal "-m 64" "${steers[@]}" --rx-ring 512 \
        --rounds 1 --wait 300000 --idle 3000 >"$OUT/$1.out" 2>"$OUT/$1.err" &
    replay=$!
    while ! grep -q ready "$OUT/$1.out" && kill -0 $replay 2>/dev/null; do sleep 0.2; done
}

end_replay() {
    local code=0
    wait $replay || code=$?
    echo "$code" >"$OUT/$step_name.code"
    echo "$((SECONDS - began)) s: $step_name: $code"
}

write_config() { # of an instance on the card
    cat >"$OUT/live.yaml" <<YAML
instance: vm
ports:
  - {name: a, kind: dpdk, device: "$card", rx_ring: 1024}
shards:
  - {cpu: 1, idle_sleep_us: 50}
channels:
  - name: day
    feed: itch50
    lines:
      - {group: 233.54.12.111, port: 26477, port_name: a}
      - {group: 233.49.196.111, port: 26477, port_name: a}
engine: {max_orders: 262144, max_pages: 65536, hugepages: never}
dpdk:
  eal: ["-m 64"]
metrics: {listen: null}
YAML
}

print_books() { # digest and messages of the running instance
    python - /run/pinnacle/vm <<'PYTHON'
import json, sys
from pathlib import Path
from pinnacle.region import View

(path,) = Path(sys.argv[1]).glob("*.state.0")
with View.attach(path) as view:
    print(json.dumps({"digest": view.digest, "messages": view.counters.messages}))
PYTHON
}

# The card that stays with the kernel sends.
sender=$(interface_of 0000:00:04.0)
ip link set "$sender" up

step check_before pinnacle-ctl host check --json
step no_hugepages "$programs/port_replay" --kind dpdk --device $card
echo 192 >/proc/sys/vm/nr_hugepages
step not_bound "$programs/port_replay" --kind dpdk --device $card --eal "-m 64"
step dry_run scripts/bind_nic.sh --dry-run $card
step bind scripts/bind_nic.sh "$(interface_of $card)" $virtio
step bind_again scripts/bind_nic.sh $card
step check_after pinnacle-ctl host check --json
start_replay e1000 $card
step status scripts/bind_nic.sh --status
step in_use "$programs/port_replay" --kind dpdk --device $card --eal "-m 64"
step busy scripts/bind_nic.sh --unbind $card
step send "$programs/send_frames" "$capture" "$sender" 8000
end_replay
start_replay virtio $virtio
step send_virtio "$programs/send_frames" "$capture" "$sender" 8000
end_replay

# The same through the whole appliance.
write_config
step start pinnacle-ctl start --config "$OUT/live.yaml" --detach --timeout 120
step send_live "$programs/send_frames" "$capture" "$sender" 4000
sleep 1
step books print_books
step live_status pinnacle-ctl status --json
step stop pinnacle-ctl stop
step left find /run/pinnacle/vm /run/dpdk /dev/hugepages -type f
step file pinnacle-ctl replay --json "$capture"
step unbind scripts/bind_nic.sh --unbind
step unbind_again scripts/bind_nic.sh --unbind $card

# The kernel has its card back: a ping between the two, the second in a namespace of its own.
back=$(interface_of $card)
ip netns add far
ip link set "$sender" netns far
ip -n far address add 192.0.2.2/24 dev "$sender"
ip -n far link set "$sender" up
ip address add 192.0.2.1/24 dev "$back"
ip link set "$back" up
# Cards agree on their link for seconds, and the neighbour must be found before the first echo.
for _ in $(seq 60); do
    busybox ping -c 1 -W 1 192.0.2.2 >/dev/null 2>&1 && break
    sleep 1
done
step ping busybox ping -c 3 -W 5 192.0.2.2
echo "done"
