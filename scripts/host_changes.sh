#!/usr/bin/env bash
# host_changes.sh - the part of setup_host.sh that changes things, notes what was there before, and
# puts it back. Sourced, never run; uses prefix, state, mode, user, failed and warn of that script.
#
# The notes are lines of kind, path, old and new state, with tabs between, in $state/changes:
# "value" for files of /proc and /sys, "mount", and "file", whose new state is its hash and whose
# old state is "absent" or the name of a copy in $state/files. The oldest state of a path is kept.
# shellcheck disable=SC2154,SC2034  # set and read by setup_host.sh
set -euo pipefail

read_value() {
    local text
    text=$(cat "$prefix$1" 2>/dev/null) || return 1
    # Choices of sysfs: "always [madvise] never"
    case $text in *"["*"]"*) text=${text#*[} text=${text%%]*} ;; esac
    printf '%s' "$text"
}

# Notes a change before it is made. What is noted already keeps the oldest state.
note() {
    local kind=$1 path=$2 old=$3 new=$4 file=$state/changes
    mkdir -p "$state/files"
    touch "$file"
    if cut -f1,2 "$file" | grep -qxF "$kind"$'\t'"$path"; then
        awk -F'\t' -v OFS='\t' -v k="$kind" -v p="$path" -v n="$new" \
            '$1 == k && $2 == p { $4 = n } { print }' "$file" >"$file.new"
        mv "$file.new" "$file"
        return
    fi
    if [ "$kind" = file ] && [ "$old" = other ]; then
        old=$(wc -l <"$file")
        cp -p "$prefix$path" "$state/files/$old"
    fi
    printf '%s\t%s\t%s\t%s\n' "$kind" "$path" "$old" "$new" >>"$file"
}

# Strikes a note out, if it says that the old state was OLD: forget KIND PATH OLD
forget() {
    local file=$state/changes
    awk -F'\t' -v k="$1" -v p="$2" -v o="$3" '!($1 == k && $2 == p && $3 == o)' "$file" >"$file.new"
    mv "$file.new" "$file"
}

write_value() { printf '%s\n' "$2" 2>/dev/null >"$prefix$1"; }

apply_value() {
    local path=$1 old=$2 new=$3 got
    note value "$path" "$old" "$new"
    if ! { write_value "$path" "$new"; } 2>/dev/null; then
        case $path in
        /proc/irq/*) warn "$path: the kernel places this one itself (isolcpus=managed_irq)" ;;
        *)
            warn "$path: the kernel refuses $new"
            failed=1
            ;;
        esac
    fi
    got=$(read_value "$path")
    [ "$got" != "$old" ] || forget value "$path" "$old"
    if [ "$path" = /proc/sys/vm/nr_hugepages ] && [ "$got" -lt "$new" ]; then
        warn "only $got of $new hugepages: memory is too fragmented; restart with --persist"
        note value "$path" "$old" "$got"
        failed=1
    fi
}

apply_mount() {
    if [ -n "$prefix" ]; then
        say "  (nothing is mounted below --root)"
        return
    fi
    note mount "$1" "" ""
    mkdir -p "$1"
    mount -t hugetlbfs -o "uid=$(id -u "$user"),mode=0755" pinnacle "$1" || {
        forget mount "$1" ""
        warn "$1: hugetlbfs cannot be mounted"
        failed=1
    }
}

apply_file() {
    local path=$1 old=$2 text=$3
    note file "$path" "$old" "$(printf '%s\n' "$text" | sha256sum | cut -d' ' -f1)"
    mkdir -p "$(dirname "$prefix$path")"
    printf '%s\n' "$text" >"$prefix$path.new"
    mv "$prefix$path.new" "$prefix$path"
}

undo_one() {
    local kind=$1 path=$2 old=$3 new=$4 now
    case $kind in
    value)
        now=$(read_value "$path") || return 0
        if [ "$now" = "$new" ]; then
            write_value "$path" "$old" 2>/dev/null || warn "$path: the kernel refuses $old"
        elif [ "$now" != "$old" ]; then
            warn "$path is $now, not $new as it was left: not touched"
        fi
        ;;
    mount)
        ! grep -q " $path hugetlbfs " /proc/mounts || umount "$path" ||
            warn "$path is in use: not unmounted"
        ;;
    file)
        [ -e "$prefix$path" ] || return 0
        if [ "$(sha256sum <"$prefix$path" | cut -d' ' -f1)" != "$new" ]; then
            warn "$path was changed by someone else: not touched"
        elif [ "$old" = absent ]; then
            rm -f "$prefix$path"
        else
            cp -p "$state/files/$old" "$prefix$path"
        fi
        ;;
    esac
}

undo_all() {
    local file=$state/changes kind path old new touched=()
    if [ ! -s "$file" ]; then
        say "nothing is noted in $state: nothing to undo"
        return
    fi
    say "to be put back:"
    tac "$file" | awk -F'\t' '{ print "  " $2 ($1 == "value" ? ": " $4 " -> " $3 : "") }'
    [ "$mode" != dry ] || return 0
    agree
    need_root
    # A mark instead of the tab, which read would merge where a field is empty.
    while IFS=$'\x1f' read -r kind path old new; do
        undo_one "$kind" "$path" "$old" "$new"
        touched+=("$path")
    done < <(tac "$file" | tr '\t' '\037')
    rm -rf "$state/changes" "$state/files"
    rmdir "$state" 2>/dev/null || true
    after_files "${touched[@]}"
    say "done"
}
