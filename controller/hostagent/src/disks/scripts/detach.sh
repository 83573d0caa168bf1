# Run as root. Arguments: the disk's serial number, where it is mounted. Takes the disk out of use, or
# says who uses it and fails.
serial=$1 point=$2
fail() { echo "$*" >&2; exit 1; }
sys=
for at in /sys/block/*; do
    [ "$(cat "$at/serial" 2>/dev/null)" = "$serial" ] && sys=$(readlink -f "$at")
done
# It is gone.
[ -n "$sys" ] || exit 0
volumes=$sys
for part in "$sys"/*/partition; do [ -e "$part" ] && volumes="$volumes ${part%/partition}"; done
users() {
    found= count=0
    for process in /proc/[0-9]*; do
        for link in "$process/cwd" "$process/root" "$process"/fd/*; do
            case $(readlink "$link" 2>/dev/null) in
            "$1" | "$1"/*)
                count=$((count + 1))
                [ "$count" -gt 3 ] || found="$found${found:+, }$(cat "$process/comm") (process ${process#/proc/})"
                break
                ;;
            esac
        done
    done
    [ "$count" -le 3 ] || found="$found and $((count - 3)) more"
    echo "${found:-it is mounted in another place, or shared}"
}
# What stands in the way is found before anything is taken away.
for volume in $volumes; do
    for holder in "$volume"/holders/*; do
        [ ! -e "$holder" ] || fail "${holder##*/} is built on it"
    done
    numbers=$(cat "$volume/dev")
    while read -r _ _ dev _ at _; do
        [ "$dev" != "$numbers" ] || [ "$at" = "$point" ] || fail "it is mounted at $at, too"
    done </proc/self/mountinfo
done
for volume in $volumes; do
    numbers=$(cat "$volume/dev") name=/dev/${volume##*/}
    if grep -q "^$name " /proc/swaps; then
        swapoff "$name" || fail "the guest has no room for what is swapped out to it"
    fi
    while grep -q "^[0-9]* [0-9]* $numbers .* $point " /proc/self/mountinfo; do
        umount "$point" 2>/dev/null || fail "it is in use by $(users "$point")"
    done
done
rmdir "$point" 2>/dev/null
exit 0
