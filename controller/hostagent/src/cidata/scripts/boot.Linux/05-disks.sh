#!/bin/sh
# Additional disks: makes a file system where there is none, mounts it, and grows it with the disk.
of_disk() { eval "printf %s \"\${LIMA_CIDATA_DISK_${1}_${2}-}\""; }

# One partition over the whole disk, as Lima makes it, if the guest has a tool for that.
partition() {
    if command -v sfdisk >/dev/null; then
        echo 'type=linux' | sfdisk --quiet --label gpt "$1" || return
        command -v udevadm >/dev/null && udevadm settle
        tries=0
        until [ -b "${1}1" ] || [ "$tries" -ge 50 ]; do
            tries=$((tries + 1))
            sleep 0.1
        done
    fi
    volume=$1
    [ -b "${1}1" ] && volume=${1}1
    return 0
}

# The disk with that serial number. Names change when disks are plugged in and out; numbers do not.
by_serial() {
    tries=0 numbered=$patience
    # One that is plugged in just now takes a moment.
    while [ "$tries" -lt "${patience:-1}" ]; do
        for at in /sys/block/vd*/serial; do
            serial=$(cat "$at" 2>/dev/null)
            at=${at%/serial}
            case $serial in
            "$1") echo "/dev/${at##*/}" && return ;;
            lk-*) numbered=1 ;;
            esac
        done
        tries=$((tries + 1))
        sleep 0.1
    done
    [ -z "$numbered" ] || echo "with the serial number $1"
}

type_of() { blkid -p -s TYPE -o value "$1" 2>/dev/null || blkid "$1" | sed -n 's/.* TYPE="\([^"]*\)".*/\1/p'; }

make() {
    case $fstype in
    swap) mkswap -L "$label" "$volume" ;;
    ext?) "mkfs.$fstype" -q -F -L "$label" $fsargs "$volume" ;;
    *) "mkfs.$fstype" -L "$label" $fsargs "$volume" ;;
    esac
}

grow() {
    if [ "$volume" != "$disk" ] && command -v growpart >/dev/null; then
        # It fails when there is nothing to grow.
        growpart "$disk" 1 >/dev/null 2>&1
    fi
    case $fstype in
    ext?) resize2fs "$volume" >/dev/null 2>&1 ;;
    xfs) xfs_growfs "$mountpoint" >/dev/null ;;
    btrfs) btrfs filesystem resize max "$mountpoint" >/dev/null ;;
    esac
}

attach() {
    name=$(of_disk "$1" NAME) fstype=$(of_disk "$1" FSTYPE) fsargs=$(of_disk "$1" FSARGS)
    disk=$(by_serial "$(of_disk "$1" SERIAL)")
    # Machines whose disks have no serial number number them as the names go.
    : "${disk:=/dev/$(of_disk "$1" DEVICE)}"
    label=lima-$name mountpoint=/mnt/lima-$name
    : "${fstype:=ext4}"
    [ -b "$disk" ] || { echo "no disk $disk"; return 1; }
    volume=$disk
    [ -b "${disk}1" ] && volume=${disk}1
    if [ -z "$(type_of "$volume")" ]; then
        [ "$(of_disk "$1" FORMAT)" = true ] || return 0
        # A disk whose partitions we can't read is not ours to write.
        if [ "$volume" = "$disk" ]; then partition "$disk" || return; fi
        make || return
    fi
    if [ "$fstype" = swap ]; then
        grep -q "^$volume " /proc/swaps || swapon "$volume"
        return
    fi
    mkdir -p "$mountpoint"
    grep -q " $mountpoint " /proc/mounts || mount -t "$fstype" "$volume" "$mountpoint" || return
    grow
    return 0
}

code=0
index=0
while [ "$index" -lt "${LIMA_CIDATA_DISKS:-0}" ]; do
    attach "$index" || code=1
    index=$((index + 1))
done
exit $code
