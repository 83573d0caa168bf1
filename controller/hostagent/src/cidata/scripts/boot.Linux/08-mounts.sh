#!/bin/sh
# Host directories that come as devices of the machine, where cloud-init has not mounted them yet.
# What can't be mounted is no failure of the boot: the host looks, and says what is missing.
of_mount() { eval "printf %s \"\${LIMA_CIDATA_MOUNTS_${1}_${2}-}\""; }

# The names and places are the table's own, in which a space is \040.
mounted() {
    while read -r source at _; do
        [ "$source" = "$1" ] && [ "$at" = "$2" ] && return 0
    done </proc/mounts
    return 1
}

# With nothing to write, cloud-init leaves the lines that it wrote for an earlier configuration.
forget() {
    stale='^lima-[0-9a-f]\{16\}[[:space:]].*comment=cloudconfig'
    grep -q "$stale" /etc/fstab 2>/dev/null || return 0
    sed "/$stale/d" /etc/fstab >/etc/fstab.limekiln && cat /etc/fstab.limekiln >/etc/fstab
    rm -f /etc/fstab.limekiln
}
case ${LIMA_CIDATA_MOUNTTYPE-} in 9p | virtiofs) ;; *) forget ;; esac

index=0
while [ "$index" -lt "${LIMA_CIDATA_MOUNTS:-0}" ]; do
    tag=$(of_mount "$index" TAG) point=$(of_mount "$index" MOUNTPOINT)
    proc=$(of_mount "$index" PROC) options=$(of_mount "$index" OPTIONS)
    if [ -n "$tag" ] && ! mounted "$tag" "$proc"; then
        mkdir -p "$point"
        mount -t "$LIMA_CIDATA_MOUNTTYPE" -o "$options" "$tag" "$point"
    fi
    index=$((index + 1))
done
exit 0
