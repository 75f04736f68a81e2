#!/usr/bin/env bash
# bind_nic.sh - gives network cards to user space (vfio-pci, behind the IOMMU) and back to the
# kernel. Says what it changes, keeps what it needs for the way back in /run/pinnacle/bind, and
# leaves alone whatever carries the default route or an ssh connection. Works on sysfs alone.
set -euo pipefail

records=/run/pinnacle/bind
pci=/sys/bus/pci
profiles=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/hw/nics

usage() {
    cat <<'TEXT'
usage: scripts/bind_nic.sh [--dry-run] [--allow-noiommu] [--profile NAME] [NIC...]
       scripts/bind_nic.sh --unbind [--dry-run] [NIC...]
       scripts/bind_nic.sh --status [NIC...]

A NIC is a PCI address (0000:03:00.0 or 03:00.0) or the name of its interface (eth1).
Without any, binding takes the only NIC that is not in use, and asks to choose where there are
several; --unbind takes all that this script has bound.

  --profile NAME    the NICs that hw/nics/NAME.yaml is about
  --unbind          gives them back to the driver that they had
  --status          shows NICs, drivers, IOMMU groups and what they are used for
  --dry-run         prints exactly what would be written, changes nothing
  --allow-noiommu   also without IOMMU: the device can then overwrite any memory

examples: sudo scripts/bind_nic.sh eth1        sudo scripts/bind_nic.sh --unbind 0000:03:00.0

exit codes: 0 done, 1 failed, 2 wrong usage, 3 several to choose from or none, 4 refused: in use,
5 no IOMMU
TEXT
}

say() { printf 'bind_nic: %s\n' "$*"; }
fail() { # fail CODE TEXT
    printf 'bind_nic: %s\n' "$2" >&2
    exit "$1"
}

# Name that a link leads to; nothing where there is none.
link_name() {
    local to
    to=$(readlink "$1" || true)
    [ -z "$to" ] || printf '%s\n' "${to##*/}"
}

driver_of() { link_name "$pci/devices/$1/driver"; }
group_of() { link_name "$pci/devices/$1/iommu_group"; }
ids_of() {
    printf '%s:%s' "$(<"$pci/devices/$1/vendor")" "$(<"$pci/devices/$1/device")" | sed 's/0x//g'
}
is_nic() { [[ $(<"$pci/devices/$1/class") == 0x0200* ]]; }

# Interfaces on a PCI device, those of a virtio device below it included.
interfaces_of() {
    local path
    for path in "$pci/devices/$1"/net/* "$pci/devices/$1"/virtio*/net/*; do
        [ -e "$path" ] && printf '%s\n' "${path##*/}"
    done
    return 0
}

# An interface and all that is built on it: bonds, bridges, VLANs.
with_uppers() {
    local upper
    printf '%s\n' "$1"
    for upper in "/sys/class/net/$1"/upper_*; do
        [ -e "$upper" ] && with_uppers "${upper##*/upper_}"
    done
    return 0
}

# PCI address of what the user has named.
resolve() {
    local name=$1 path
    [[ $name =~ ^[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]$ ]] && name=0000:$name
    if [ -d "$pci/devices/${name,,}" ]; then
        is_nic "${name,,}" || fail 2 "$name is a PCI device but no Ethernet card"
        printf '%s\n' "${name,,}"
        return
    fi
    [[ $name == *:*.* ]] && fail 2 "no PCI device $name; --status lists the NICs"
    [ -e "/sys/class/net/$name" ] || fail 2 "no interface $name; --status lists the NICs"
    path=$(readlink -f "/sys/class/net/$name/device" || true)
    while [ -n "$path" ] && [ ! -e "$pci/devices/${path##*/}" ]; do path=${path%/*}; done
    [ -n "$path" ] || fail 2 "$name has no PCI device; the af_xdp port takes any interface"
    printf '%s\n' "${path##*/}"
}

all_nics() {
    local path
    for path in "$pci/devices"/*; do
        [ -e "$path" ] && is_nic "${path##*/}" && printf '%s\n' "${path##*/}"
    done
    return 0
}

nics_of_profile() {
    local file=$profiles/$1.yaml ids nic
    [ -f "$file" ] || fail 2 "no profile $1; there are: $(cd "$profiles" 2>/dev/null &&
        echo *.yaml | sed 's/\.yaml//g')"
    ids=$(sed -nE 's/^ *"?([0-9a-fA-F]{4}:[0-9a-fA-F]{4})"?:.*/\1/p' "$file")
    for nic in $(all_nics); do
        grep -qixF "$(ids_of "$nic")" <<<"$ids" && printf '%s\n' "$nic"
    done
    return 0
}

# Interfaces that ssh connections to this machine go through.
ssh_interfaces() {
    local peer client=${SSH_CONNECTION:-}
    command -v ip >/dev/null || return 0
    {
        printf '%s\n' "${client%% *}"
        ss -Htn state established '( sport = :22 )' 2>/dev/null | awk '{print $4}' |
            sed -E 's/:[0-9]+$//; s/^\[(::ffff:)?//; s/\]$//; s/%.*//'
    } | sort -u | while read -r peer; do
        [ -n "$peer" ] && ip -o route get "$peer" 2>/dev/null | sed -nE 's/.* dev (\S+).*/\1/p'
    done
    return 0
}

# Interfaces of the default routes.
route_interfaces() {
    awk '$2 == "00000000" && $8 == "00000000" {print $1}' /proc/net/route 2>/dev/null || true
    awk '$1 == "00000000000000000000000000000000" && $2 == "00" && $10 != "lo" {print $10}' \
        /proc/net/ipv6_route 2>/dev/null || true
}

# Why a NIC must not be taken; nothing when it may.
used_for() {
    local nic=$1 interface name
    for interface in $(interfaces_of "$nic"); do
        for name in $(with_uppers "$interface"); do
            if grep -qxF "$name" <<<"$default_routes"; then
                echo "$name carries the default route" && return
            elif grep -qxF "$name" <<<"$ssh_routes"; then
                echo "an ssh connection goes through $name" && return
            fi
        done
    done
    return 0
}

# Processes that have a bound NIC open.
users_of() {
    local group
    group=$(group_of "$1")
    [ -n "$group" ] || return 0
    find /proc/[0-9]*/fd -lname "/dev/vfio/*$group" 2>/dev/null | cut -d/ -f3 | sort -un | xargs
}

# Writes a value into a file of sysfs, or says that it would.
put() {
    if $dry; then
        printf "bind_nic: would run: echo %s > %s\n" "${1:-\"\"}" "$2"
        return
    fi
    printf '%s\n' "$1" >"$2" 2>/dev/null
}

load() {
    [ -d "$pci/drivers/$1" ] && return
    if $dry; then
        say "would run: modprobe $1"
        return
    fi
    modprobe "$1" 2>/dev/null || true
    [ -d "$pci/drivers/$1" ] ||
        fail 1 "the kernel has no driver $1; modprobe $1 says why (package linux-image)"
}

check_iommu() {
    local nic=$1 other group
    group=$(group_of "$nic")
    if [ -z "$group" ]; then
        $noiommu || fail 5 "$nic is behind no IOMMU: enable VT-d or AMD-Vi in the firmware and \
boot with intel_iommu=on iommu=pt; --allow-noiommu does without, and without its protection"
        load vfio-pci
        put 1 /sys/module/vfio/parameters/enable_unsafe_noiommu_mode ||
            fail 1 "this kernel's vfio has no no-IOMMU mode"
        return
    fi
    for other in "$pci/devices/$nic/iommu_group/devices"/*; do
        other=${other##*/}
        [ "$other" = "$nic" ] && continue
        [[ $(<"$pci/devices/$other/class") == 0x06* ]] && continue # bridges go with the group
        case $(driver_of "$other") in
        "" | vfio-pci | pci-stub) continue ;;
        esac
        [[ " $wanted " == *" $other "* ]] && continue
        fail 4 "IOMMU group $group of $nic also holds $other, which $(driver_of "$other") drives; \
the group moves as a whole: name both, or unbind the other first"
    done
}

bind() {
    local nic=$1 old interfaces why
    old=$(driver_of "$nic")
    if [ "$old" = vfio-pci ]; then
        say "$nic is bound to vfio-pci already"
        return
    fi
    why=$(used_for "$nic")
    [ -z "$why" ] || fail 4 "$nic is in use: $why; choose another NIC"
    check_iommu "$nic"
    load vfio-pci
    # A full modprobe loads this one with it, a small one does not.
    [ -d /sys/module/vfio_iommu_type1 ] || $dry || modprobe vfio_iommu_type1 2>/dev/null || true
    interfaces=$(interfaces_of "$nic" | xargs)
    if ! $dry; then
        mkdir -p "$records"
        printf 'driver=%s\ninterfaces=%s\n' "$old" "$interfaces" >"$records/$nic"
    else
        say "would write driver=$old interfaces=$interfaces to $records/$nic"
    fi
    put vfio-pci "$pci/devices/$nic/driver_override" || fail 1 "$nic: no permission; run as root"
    [ -z "$old" ] || put "$nic" "$pci/drivers/$old/unbind" || fail 1 "$old does not let go of $nic"
    put "$nic" "$pci/drivers_probe" || true
    $dry && return
    if [ "$(driver_of "$nic")" != vfio-pci ]; then
        put "" "$pci/devices/$nic/driver_override"
        put "$nic" "$pci/drivers_probe" || true
        rm -f "$records/$nic"
        fail 1 "vfio-pci did not take $nic, which went back to ${old:-no driver}; dmesg says why"
    fi
    say "$nic: ${old:-no driver}${interfaces:+ ($interfaces)} -> vfio-pci," \
        "IOMMU group $(group_of "$nic")"
}

# Waits for the interface of a NIC, which a driver makes a little later.
new_interface() {
    local tries=30 found=""
    while [ -z "$found" ] && [ $((tries--)) -gt 0 ]; do
        sleep 0.1
        found=$(interfaces_of "$1" | xargs)
    done
    printf '%s' "$found"
}

unbind() {
    local nic=$1 old="" pids
    [ -f "$records/$nic" ] && old=$(sed -n 's/^driver=//p' "$records/$nic")
    if [ "$(driver_of "$nic")" != vfio-pci ]; then
        say "$nic is not bound to vfio-pci; it has ${old:-$(driver_of "$nic")}"
        $dry || rm -f "$records/$nic"
        return
    fi
    pids=$(users_of "$nic")
    [ -z "$pids" ] || fail 4 "$nic is in use by process $pids; stop it first"
    [ -z "$old" ] || load "$old"
    put "" "$pci/devices/$nic/driver_override" || fail 1 "$nic: no permission; run as root"
    put "$nic" "$pci/drivers/vfio-pci/unbind" || fail 1 "vfio-pci does not let go of $nic"
    put "$nic" "$pci/drivers_probe" || true
    $dry && return
    if [ -n "$old" ] && [ "$(driver_of "$nic")" != "$old" ]; then
        put "$nic" "$pci/drivers/$old/bind" || true
        [ "$(driver_of "$nic")" = "$old" ] ||
            fail 1 "$nic is off vfio-pci, but $old did not take it; dmesg says why"
    fi
    rm -f "$records/$nic"
    rmdir --ignore-fail-on-non-empty "$records" 2>/dev/null || true
    say "$nic: vfio-pci -> $(driver_of "$nic") ($(new_interface "$nic"))"
}

status() {
    local nic why
    [ $# -gt 0 ] || say "no Ethernet cards on PCI here"
    for nic in "$@"; do
        why=$(used_for "$nic")
        [ -n "$why" ] || why=$(users_of "$nic" | sed 's/..*/in use by process &/')
        printf '%s  %s  driver %-12s group %-4s %-10s %s\n' "$nic" "$(ids_of "$nic")" \
            "$(driver_of "$nic" | grep . || echo none)" "$(group_of "$nic" | grep . || echo none)" \
            "$(interfaces_of "$nic" | xargs | grep . || echo -)" "${why:-free}"
    done
}

# The only NIC that nothing uses: no default route, no ssh, no address.
choose() {
    local nic interface free=() bound=0
    for nic in $(all_nics); do
        [ "$(driver_of "$nic")" = vfio-pci ] && bound=1 && continue
        [ -z "$(used_for "$nic")" ] || continue
        for interface in $(interfaces_of "$nic"); do
            [ -n "$(ip -o address show dev "$interface" scope global 2>/dev/null)" ] && continue 2
        done
        free+=("$nic")
    done
    if [ ${#free[@]} -eq 1 ]; then
        say "${free[0]} is the only NIC that is not in use"
        wanted=${free[0]}
    elif [ ${#free[@]} -eq 0 ]; then
        # shellcheck disable=SC2046  # addresses are words
        status $(all_nics)
        [ $bound = 1 ] && say "nothing left to bind" && exit 0
        fail 3 "no NIC is free; free one, or use the af_xdp port, which leaves it to the kernel"
    else
        status "${free[@]}"
        fail 3 "${#free[@]} NICs are free; name one: sudo scripts/bind_nic.sh ${free[0]}"
    fi
}

verb=bind dry=false noiommu=false wanted="" chosen=false
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help) usage && exit ;;
    --dry-run) dry=true ;;
    --allow-noiommu) noiommu=true ;;
    --unbind) verb=unbind ;;
    --status) verb=status ;;
    --profile)
        found=$(nics_of_profile "${2:?--profile needs a name}") || exit $?
        [ -n "$found" ] || fail 3 "no NIC of profile $2 is in this machine"
        wanted+=" $found" chosen=true
        shift
        ;;
    -*) usage >&2 && exit 2 ;;
    *)
        found=$(resolve "$1") || exit $?
        wanted+=" $found" chosen=true
        ;;
    esac
    shift
done
wanted=$(xargs <<<"$wanted")
default_routes=$(route_interfaces)
ssh_routes=$(ssh_interfaces)

if ! $chosen; then
    case $verb in
    bind) choose ;;
    unbind)
        wanted=$(cd "$records" 2>/dev/null && echo *) || wanted=""
        if [ -z "$wanted" ] || [ "$wanted" = "*" ]; then
            say "nothing is bound" && exit 0
        fi
        ;;
    status) wanted=$(all_nics | xargs) ;;
    esac
fi
if [ "$verb" != status ] && ! $dry && [ "$(id -u)" != 0 ]; then
    fail 1 "must be root: sudo scripts/bind_nic.sh ...; --dry-run shows what it would do"
fi
# shellcheck disable=SC2086  # addresses are words
if [ "$verb" = status ]; then
    status $wanted
else
    for nic in $wanted; do "$verb" "$nic"; done
fi
