#!/bin/busybox sh
# First process: loads the modules that reach the root disk, and hands over to the system on it.
bb=/bin/busybox
$bb mount -t devtmpfs dev /dev
$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys

while read -r module; do
    $bb insmod "/modules/$module" || echo "limekiln: cannot load $module"
done </modules/order

root=/dev/vda
read -r words </proc/cmdline
for word in $words; do
    case $word in root=*) root=${word#root=} ;; esac
done

# Disks are probed in the background.
tries=0
until [ -b "$root" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 500 ]; then
        echo "limekiln: no root disk $root"
        $bb poweroff -f
    fi
    $bb usleep 10000
done

if ! $bb mount -t ext4 -o noatime "$root" /root; then
    echo "limekiln: cannot mount $root"
    $bb poweroff -f
fi
$bb mount --move /dev /root/dev
$bb mount --move /proc /root/proc
$bb mount --move /sys /root/sys
exec $bb switch_root /root /sbin/init
