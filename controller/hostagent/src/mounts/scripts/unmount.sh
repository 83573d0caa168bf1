# Run as root. Arguments: the mount point, the same as in /proc/mounts, and `detach` to take away also
# what is in use.
point=$1 proc=$2 how=$3
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
[ "$how" != detach ] || umount -l "$point"
