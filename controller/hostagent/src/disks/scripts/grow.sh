# Run as root. Arguments: where the file system is mounted, bytes that its disk has now. Grows the
# partition and the file system to the disk's end. What it cannot grow and cannot be expected to, it
# says in a line that begins with `note: `; an error is for what should have worked.
set -f
point=$1 bytes=$2 number= up=
note() { echo "note: $*"; exit 0; }
fail() { echo "$*" >&2; exit 1; }
# The last mount at a place covers the others (proc(5): mountinfo).
while read -r _ _ dev_ _ at_ rest; do
    [ "$at_" = "$point" ] || continue
    dev=$dev_
    set -- ${rest#*- }
    fstype=$1 source=$2
done </proc/self/mountinfo
[ -n "${dev-}" ] || note "nothing is mounted at $point: it is grown when it is mounted"
case $dev in
# btrfs has no device number of its own.
0:*)
    [ -b "$source" ] || note "$point is on $source, which has no size"
    set -- $(stat -Lc '0x%t 0x%T' "$source")
    dev=$(($1)):$(($2))
    ;;
esac
sys=$(readlink -f "/sys/dev/block/$dev") || fail "no device $dev"
volume=/dev/${sys##*/}
if [ -e "$sys/partition" ]; then
    number=$(cat "$sys/partition") up=${sys%/*}
elif [ -d "$sys/dm" ] || [ -d "$sys/md" ]; then
    note "$point is on $volume, which the guest puts together itself: grow it there"
else
    up=$sys
fi
disk=/dev/${up##*/}
tries=0
# The guest hears of the new size a moment later.
until [ "$(($(cat "$up/size") * 512))" -ge "$bytes" ]; do
    [ "$tries" -lt 100 ] || fail "the guest does not see that $disk has grown"
    tries=$((tries + 1))
    sleep 0.1
done
if [ -n "$number" ]; then
    end=$(($(cat "$sys/start") + $(cat "$sys/size")))
    set +f
    for other in "$up"/*/start; do
        [ "$(cat "$other")" -lt "$end" ] || note "another partition follows $volume"
    done
    set -f
    # A GPT ends with a copy of itself, and partitions end at even places.
    if [ "$(($(cat "$up/size") - end))" -gt 4096 ]; then
        if command -v growpart >/dev/null; then
            said=$(growpart "$disk" "$number" 2>&1)
        elif command -v sfdisk >/dev/null && command -v partx >/dev/null; then
            said=$(echo ', +' | sfdisk --no-reread --force -N "$number" "$disk" 2>&1 &&
                partx --update --nr "$number" "$disk" 2>&1)
        else
            fail "neither growpart nor sfdisk is in the guest"
        fi
        now=$(($(cat "$sys/start") + $(cat "$sys/size")))
        [ "$now" -gt "$end" ] || fail "the partition $volume did not grow: $said"
    fi
fi
case $fstype in
ext?) said=$(resize2fs "$volume" 2>&1) || fail "$said" ;;
xfs) said=$(xfs_growfs "$point" 2>&1) || fail "$said" ;;
btrfs) said=$(btrfs filesystem resize max "$point" 2>&1) || fail "$said" ;;
*) note "$fstype at $point is for you to grow" ;;
esac
