#!/usr/bin/env bash
# setup_host.sh - brings a machine to what the live ports want: hugepages, quiet cores, interrupts
# elsewhere, full clock speed, limits, sysctls. It shows every change with its reason before it
# makes any, changes only what differs, notes the old state, and --undo puts that back.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/host_changes.sh
. "$here/host_changes.sh"

usage() {
    cat <<'TEXT'
usage: scripts/setup_host.sh [WHAT...] [--dry-run | --yes]
       scripts/setup_host.sh --undo [--dry-run | --yes]

Shows what it will change, then asks; without a terminal it wants --yes.

WHAT (without any: --hugepages 512 --governor --limits --sysctls, and --irq if --cores is given)
  --hugepages N     at least N hugepages of 2 MiB, and hugetlbfs mounted at /dev/hugepages
  --cores LIST      the cores that poll, such as 2-3,6; needed by --irq and for core isolation
  --irq             interrupts off those cores
  --governor        clock governor "performance" on all cores
  --limits          locked memory and open files for --user
  --sysctls         swapping, NUMA balancing, statistics timer, multicast groups, hugepage
                    compaction
  --device IFACE    busy polling and reverse path filter of one interface; repeatable
  --iommu           with --persist: IOMMU on the kernel command line
  --persist         also for the next boot: /etc/sysctl.d, /etc/tmpfiles.d, and the kernel command
                    line in /etc/default/grub.d (core isolation, IOMMU, sleep states); all named
                    90-pinnacle

  --dry-run         only show
  --yes             do not ask
  --undo            put back what was noted; leaves alone what someone else has changed since
  --user NAME       whom --limits is for, and who owns the hugetlbfs (default: who called sudo)
  --state DIR       where the old state is noted (default /var/lib/pinnacle/host-undo)
  --root DIR        works on the tree below DIR instead of this machine

Examples:
  scripts/setup_host.sh --dry-run
  sudo scripts/setup_host.sh --cores 2-3 --irq --persist
  sudo scripts/setup_host.sh --undo
TEXT
}

say() { printf '%s\n' "$*"; }
warn() { printf 'setup_host: %s\n' "$*" >&2; }
fail() {
    warn "$*"
    exit "${code:-1}"
}
usage_error() { code=2 fail "$* (see --help)"; }

prefix="" state="" mode=ask undo=no persist=no user=${SUDO_USER:-root}
hugepages="" cores="" devices=()
declare -A want=()
# The plan: one entry a change. kind: value, file, mount. new of a file is its whole text.
kinds=() paths=() olds=() news=() whys=()
advice=()
failed=0

# 0-2,5 -> 0 1 2 5, one a line
expand() {
    local part
    for part in ${1//,/ }; do
        seq "${part%%-*}" "${part##*-}"
    done
}

# one number a line -> 0-2,5
collapse() {
    sort -n -u | awk '
        NR == 1 { first = last = $1; next }
        $1 == last + 1 { last = $1; next }
        { out = out sep (first == last ? first : first "-" last); sep = ","; first = last = $1 }
        END { if (NR) print out sep (first == last ? first : first "-" last) }'
}

plan() {
    kinds+=("$1") paths+=("$2") olds+=("$3") news+=("$4") whys+=("$5")
}

# plan_value PATH VALUE WHY: a file of /proc or /sys that should hold VALUE
plan_value() {
    local now
    now=$(read_value "$1") || return 0
    [ "$now" = "$2" ] || plan value "$1" "$now" "$2" "$3"
}

# plan_file PATH TEXT WHY: a file that should have exactly this text
plan_file() {
    local now="" # with a mark behind it, so that line ends at its end count
    [ ! -e "$prefix$1" ] || now=$(cat "$prefix$1" && echo x)
    [ "$now" = "$2"x ] || [ "$now" = "$2"$'\n'x ] ||
        plan file "$1" "$([ -e "$prefix$1" ] && echo other || echo absent)" "$2" "$3"
}

# hex_mask LIST: cores as the kernel writes masks, 32 at a time
hex_mask() {
    local chunks=(0) cpu i out=""
    for cpu in $(expand "$1"); do
        chunks[cpu / 32]=$((${chunks[cpu / 32]:-0} | 1 << cpu % 32))
    done
    for ((i = $(printf '%s\n' "${!chunks[@]}" | tail -n 1); i >= 0; i--)); do
        out+=$(printf '%08x' "${chunks[i]:-0}"),
    done
    printf '%s' "${out%,}"
}

online() { read_value /sys/devices/system/cpu/online || echo 0; }

# every core that is not to poll
housekeeping() {
    comm -23 <(expand "$(online)" | sort) <(expand "$cores" | sort) | collapse
}

plan_hugepages() {
    local path=/proc/sys/vm/nr_hugepages now
    now=$(read_value "$path") || {
        advice+=("this kernel has no hugepages")
        return
    }
    if [ "$now" -lt "$hugepages" ]; then
        plan value "$path" "$now" "$hugepages" "books and frame buffers lie in hugepages of 2 MiB"
    fi
    grep -q ' hugetlbfs ' "$prefix/proc/mounts" 2>/dev/null ||
        plan mount /dev/hugepages "" "" "segments that processes share are files on hugetlbfs"
}

plan_governor() {
    local path
    for path in "$prefix"/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor; do
        [ ! -e "$path" ] ||
            plan_value "${path#"$prefix"}" performance \
                "a clock that rises in a burst rises too late"
    done
}

plan_irq() {
    [ -n "$cores" ] || usage_error "--irq needs --cores LIST, the cores to keep interrupts off"
    local house path now each
    house=$(housekeeping)
    [ -n "$house" ] || usage_error "--cores $cores leaves no core for interrupts"
    for path in "$prefix"/proc/irq/[0-9]*/smp_affinity_list; do
        [ -e "$path" ] || continue
        now=$(cat "$path" 2>/dev/null) || continue
        for each in $(expand "$now"); do
            if expand "$cores" | grep -qx "$each"; then
                plan value "${path#"$prefix"}" "$now" "$(keep_off "$now" "$house")" \
                    "an interrupt on a polling core stops it for microseconds"
                break
            fi
        done
    done
    plan_value /proc/irq/default_smp_affinity "$(mask_like "$house")" \
        "the same for interrupts to come"
    if pgrep -x irqbalance >/dev/null 2>&1 && [ -z "$prefix" ]; then
        advice+=("irqbalance moves interrupts back: sudo systemctl disable --now irqbalance")
    fi
}

# keep_off NOW HOUSE: the part of NOW that is in HOUSE, or HOUSE if there is none
keep_off() {
    local both
    both=$(comm -12 <(expand "$1" | sort) <(expand "$2" | sort) | collapse)
    printf '%s' "${both:-$2}"
}

# The kernel writes the default mask without leading zeros on small machines.
mask_like() {
    local mask now
    mask=$(hex_mask "$1")
    now=$(read_value /proc/irq/default_smp_affinity) || now=$mask
    while [ ${#mask} -gt ${#now} ] && [ "${mask:0:1}" = 0 ]; do mask=${mask#0}; done
    printf '%s' "$mask"
}

limits_text() {
    printf '# Made by setup_host.sh; --undo removes it.\n'
    printf '%s - memlock unlimited\n%s - nofile 65536\n' "$user" "$user"
}

plan_limits() {
    plan_file /etc/security/limits.d/90-pinnacle.conf "$(limits_text)" \
        "frame buffers and segments are locked memory; counts from the next login of $user"
}

# path below /proc/sys, at most or at least, value, why
sysctls="\
vm/swappiness <= 1 a page that was swapped out is a late risk check
vm/stat_interval >= 10 the statistics timer interrupts every core each second
kernel/numa_balancing <= 0 it unmaps pages to see who uses them
net/ipv4/igmp_max_memberships >= 128 a feed has more groups than the 20 of the kernel
net/core/rmem_max >= 8388608 answers to re-requests come in bursts"

plan_sysctls() {
    local path way value why now
    while read -r path way value why; do
        now=$(read_value "/proc/sys/$path") || continue
        if [ "$way" = ">=" ]; then
            [ "$now" -ge "$value" ] || plan value "/proc/sys/$path" "$now" "$value" "$why"
        else
            [ "$now" -le "$value" ] || plan value "/proc/sys/$path" "$now" "$value" "$why"
        fi
    done <<<"$sysctls"
    case $(read_value /sys/kernel/mm/transparent_hugepage/enabled || true) in
    always) plan_value /sys/kernel/mm/transparent_hugepage/enabled madvise \
        "always lets the kernel move pages while the path runs" ;;
    esac
}

plan_device() {
    local name=$1 base=/sys/class/net/$1
    [ -e "$prefix$base" ] || fail "$name: no such interface; see: ip link"
    plan_value "$base/napi_defer_hard_irqs" 2 "a queue that is busy polled leaves its interrupt off"
    plan_value "$base/gro_flush_timeout" 200000 "and takes it back after this many ns without polls"
    # The larger of the two counts; 1 is strict.
    for path in all "$name"; do
        [ "$(read_value "/proc/sys/net/ipv4/conf/$path/rp_filter" || true)" != 1 ] ||
            plan_value "/proc/sys/net/ipv4/conf/$path/rp_filter" 0 \
                "strict filtering drops multicast that comes over another way than its route"
    done
}

cmdline_text() {
    local words=""
    if [ -n "$cores" ]; then
        words+=" isolcpus=managed_irq,domain,$cores nohz_full=$cores rcu_nocbs=$cores"
        words+=" irqaffinity=$(housekeeping) processor.max_cstate=1 intel_idle.max_cstate=1"
    fi
    if [ -n "${want[iommu]:-}" ]; then
        # Intel's only, emulated ones on AMD processors too; AMD's own is on by itself.
        words+=" intel_iommu=on iommu=pt"
    fi
    printf '%s' "${words# }"
}

plan_persist() {
    local words text="" path way value why
    words=$(cmdline_text)
    if [ -n "$words" ]; then
        # shellcheck disable=SC2016  # grub expands it
        plan_file /etc/default/grub.d/90-pinnacle.cfg "$(
            printf '# Made by setup_host.sh; --undo removes it.\n'
            printf 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX %s"\n' "$words"
        )" "cores are isolated, and the IOMMU is on, from boot only: needs a restart"
    fi
    if [ -n "${want[hugepages]:-}" ]; then text+="vm.nr_hugepages = $hugepages"$'\n'; fi
    if [ -n "${want[sysctls]:-}" ]; then
        # shellcheck disable=SC2034  # way and why are for the eye
        while read -r path way value why; do text+="${path//\//.} = $value"$'\n'; done <<<"$sysctls"
    fi
    [ -z "$text" ] || plan_file /etc/sysctl.d/90-pinnacle.conf \
        "# Made by setup_host.sh; --undo removes it."$'\n'"${text%$'\n'}" "the same after a restart"
    text=""
    if [ -n "${want[governor]:-}" ]; then
        text+="w /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor - - - - performance"$'\n'
    fi
    if [ -n "${want[sysctls]:-}" ]; then
        text+="w /sys/kernel/mm/transparent_hugepage/enabled - - - - madvise"$'\n'
    fi
    [ -z "$text" ] || plan_file /etc/tmpfiles.d/90-pinnacle.conf \
        "# Made by setup_host.sh; --undo removes it."$'\n'"${text%$'\n'}" "the same after a restart"
}

show_plan() {
    local i line
    if [ ${#kinds[@]} -eq 0 ]; then
        say "nothing to change: all is as it should be"
    else
        say "to be changed${prefix:+ below $prefix}:"
    fi
    for ((i = 0; i < ${#kinds[@]}; i++)); do
        case ${kinds[i]} in
        value) say "  ${paths[i]}: ${olds[i]} -> ${news[i]}" ;;
        mount) say "  mount hugetlbfs at ${paths[i]}" ;;
        file)
            say "  ${paths[i]}, now ${olds[i]}:"
            while read -r line; do say "      | $line"; done <<<"${news[i]}"
            ;;
        esac
        # One reason for a run of changes.
        [ "${whys[i]}" = "${whys[i + 1]:-}" ] || say "      ${whys[i]}"
    done
    for i in "${!advice[@]}"; do say "not done here: ${advice[i]}"; done
}

agree() {
    [ "$mode" != yes ] || return 0
    [ -t 0 ] || usage_error "not a terminal, so nothing is asked; say --yes to do it or --dry-run"
    local answer
    read -r -p "Do it? [y/N] " answer
    case $answer in y | Y | yes) ;; *) fail "nothing was changed" ;; esac
}

apply_plan() {
    local i
    for ((i = 0; i < ${#kinds[@]}; i++)); do
        case ${kinds[i]} in
        value) apply_value "${paths[i]}" "${olds[i]}" "${news[i]}" ;;
        mount) apply_mount "${paths[i]}" ;;
        file) apply_file "${paths[i]}" "${olds[i]}" "${news[i]}" ;;
        esac
    done
    after_files "${paths[@]}"
    say "done; --undo puts back what is noted in $state"
}

# The boot loader reads its snippets only when it is told to.
after_files() {
    case " $* " in
    *" /etc/default/grub.d/"*)
        if [ -n "$prefix" ] || ! command -v update-grub >/dev/null; then
            say "the kernel command line counts after: sudo update-grub, then a restart"
        else
            update-grub >/dev/null 2>&1 || warn "update-grub failed; run it by hand"
            say "the kernel command line counts after a restart"
        fi
        ;;
    esac
}

need_root() {
    [ -n "$prefix" ] || [ "$(id -u)" = 0 ] || fail "needs root: run it with sudo"
}

parse() {
    local list='^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$'
    while [ $# -gt 0 ]; do
        case $1 in
        --hugepages | --cores | --device | --user | --state | --root)
            [ $# -ge 2 ] || usage_error "$1 needs a value"
            ;;
        esac
        case $1 in
        --hugepages) hugepages=$2 want[hugepages]=1 && shift ;;
        --cores) cores=$2 && shift ;;
        --device) devices+=("$2") want[device]=1 && shift ;;
        --user) user=$2 && shift ;;
        --state) state=$2 && shift ;;
        --root) prefix=${2%/} && shift ;;
        --irq | --governor | --limits | --sysctls | --iommu) want[${1#--}]=1 ;;
        --persist) persist=yes ;;
        --dry-run) mode=dry ;;
        --yes) mode=yes ;;
        --undo) undo=yes ;;
        -h | --help) usage && exit ;;
        *) usage_error "$1: unknown option" ;;
        esac
        shift
    done
    [[ -z $hugepages || $hugepages =~ ^[0-9]{1,7}$ ]] || usage_error "--hugepages wants a number"
    [[ -z $cores || $cores =~ $list ]] || usage_error "--cores wants a list such as 2-3,6"
    [[ $user =~ ^[A-Za-z_][A-Za-z0-9_.-]*$ ]] || usage_error "--user wants a user's name"
    [ -z "$prefix" ] || [ -d "$prefix" ] || usage_error "--root $prefix: no such folder"
    state=${state:-$prefix/var/lib/pinnacle/host-undo}
    if [ ${#want[@]} -eq 0 ]; then
        want=([hugepages]=1 [governor]=1 [limits]=1 [sysctls]=1)
        [ -z "$cores" ] || want[irq]=1
    fi
    hugepages=${hugepages:-512}
}

main() {
    parse "$@"
    if [ "$undo" = yes ]; then
        undo_all
        return
    fi
    local each
    if [ -n "$cores" ]; then
        each=$(comm -23 <(expand "$cores" | sort) <(expand "$(online)" | sort) | collapse)
        [ -z "$each" ] || usage_error "--cores $cores: core $each does not exist here ($(online))"
        [ "$persist" = yes ] || advice+=("core isolation is on the kernel command line only:" \
            "  $(cmdline_text)" "  --persist writes it to /etc/default/grub.d")
    fi
    for each in hugepages governor irq limits sysctls; do
        [ -z "${want[$each]:-}" ] || "plan_$each"
    done
    for each in "${devices[@]}"; do plan_device "$each"; done
    [ "$persist" = no ] || plan_persist
    show_plan
    [ "$mode" != dry ] && [ ${#kinds[@]} -gt 0 ] || return 0
    agree
    need_root
    apply_plan
    return "$failed"
}

main "$@"
