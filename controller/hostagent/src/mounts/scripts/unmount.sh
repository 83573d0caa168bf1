# Run as root. Arguments: the mount point, and the same as in /proc/mounts.
point=$1 proc=$2
mounted() {
    while read -r _ at type _; do
        [ "$at $type" = "$proc fuse.sshfs" ] && return 0
    done </proc/mounts
    return 1
}
mounted || exit 0
umount "$point" 2>/dev/null && exit 0
mounted || exit 0
echo "in use"
umount -l "$point"
