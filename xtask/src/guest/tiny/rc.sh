#!/bin/sh
# Brings the tiny guest up and fulfils the cidata contract in place of cloud-init: network, user,
# SSH first, then the boot script from cidata.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mnt=/mnt/lima-cidata

say() { echo "limekiln: $*" >/dev/console; }

base() {
    mkdir -p /dev/pts /dev/shm
    mount -t devpts devpts /dev/pts
    mount -t tmpfs tmpfs /dev/shm
    mount -t tmpfs -o mode=0755 tmpfs /run
    mount -t tmpfs -o mode=1777 tmpfs /tmp
    mkdir -p /run/lock
    while read -r module; do
        insmod "/usr/lib/modules/$module" 2>/dev/null
    done </usr/lib/modules/order
}

# The label of an ISO 9660 volume stands at byte 32808 of it.
find_cidata() {
    tries=0
    while [ "$tries" -lt 200 ]; do
        for device in /dev/sr* /dev/vd?; do
            [ -b "$device" ] || continue
            label=$(dd if="$device" bs=4 skip=8202 count=2 2>/dev/null)
            case $label in cidata*) echo "$device"; return 0 ;; esac
        done
        tries=$((tries + 1))
        usleep 20000
    done
    return 1
}

mount_cidata() {
    device=$(find_cidata) || return 1
    mkdir -p -m 0700 "$mnt"
    mount -t iso9660 -o ro,mode=0700,dmode=0700,overriderockperm,exec,uid=0 "$device" "$mnt"
}

# KEY=VALUE lines without quoting: the value is the rest of the line, so no shell may read it.
read_env() {
    while IFS= read -r line; do
        case $line in LIMA_CIDATA_*=*) export "$line" ;; esac
    done <"$mnt/lima.env"
}

network() {
    ip link set lo up
    ip link set eth0 up
    if ! udhcpc -i eth0 -O mtu -n -q -f -t 4 -T 1 -s /etc/udhcpc.sh >/dev/null 2>&1; then
        # What QEMU's user network gives to its first client.
        ip addr add 192.168.5.15/24 dev eth0
        ip route add default via 192.168.5.2
        echo nameserver 192.168.5.3 >/etc/resolv.conf
    fi
    for path in /sys/class/net/eth[1-9]*; do
        [ -e "$path" ] || continue
        ip link set "${path##*/}" up
        udhcpc -i "${path##*/}" -O mtu -b -t 4 -T 1 -s /etc/udhcpc.sh >/dev/null 2>&1 &
    done
}

name_host() {
    name=$(sed -n 's/^local-hostname: *//p' "$mnt/meta-data" | tr -d \"\')
    [ -n "$name" ] || return 0
    hostname "$name"
    echo "$name" >/etc/hostname
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >/etc/hosts
}

make_user() {
    user=$LIMA_CIDATA_USER uid=$LIMA_CIDATA_UID home=$LIMA_CIDATA_HOME shell=$LIMA_CIDATA_SHELL
    [ -n "$user" ] || return 1
    [ -x "$shell" ] || shell=/bin/sh
    # Each file by itself: a VM that is killed may have kept some of them and not the others.
    grep -q "^$user:" /etc/passwd || echo "$user:x:$uid:$uid:${LIMA_CIDATA_COMMENT:-}:$home:$shell" >>/etc/passwd
    grep -q "^$user:" /etc/group || echo "$user:x:$uid:" >>/etc/group
    grep -q "^$user:" /etc/shadow || echo "$user:*:19000:0:99999:7:::" >>/etc/shadow
    if [ ! -s "/etc/sudoers.d/90-$user" ]; then
        echo "$user ALL=(ALL) NOPASSWD:ALL" >"/etc/sudoers.d/90-$user"
        chmod 0440 "/etc/sudoers.d/90-$user"
        sync
    fi
    mkdir -p "$home/.ssh"
    cat "$mnt/ssh_authorized_keys" >"$home/.ssh/authorized_keys"
    chmod 0700 "$home" "$home/.ssh"
    chmod 0600 "$home/.ssh/authorized_keys"
    chown "$uid:$uid" "$home" "$home/.ssh" "$home/.ssh/authorized_keys"
}

start_ssh() {
    key=/etc/dropbear/ed25519
    [ -s "$key" ] || dropbearkey -t ed25519 -f "$key" >/dev/null 2>&1
    # -s: no passwords. -E: the log goes to standard error.
    dropbear -s -r "$key" -E 2>/var/log/dropbear.log
}

# Growing ext4 works while it is mounted, and needs no check first.
grow_root() {
    root=$(sed -n 's|^\(/dev/[^ ]*\) / .*|\1|p' /proc/mounts | tail -n 1)
    size=$(blockdev --getsize64 "$root")
    [ "$size" = "$(cat /var/lib/root-size 2>/dev/null)" ] && return 0
    resize2fs "$root" >/var/log/resize.log 2>&1 && echo "$size" >/var/lib/root-size
}

base
acpid
if mount_cidata; then
    read_env
    name_host
    make_user || say "lima.env names no user"
else
    say "no cidata volume"
fi
network
start_ssh && say "ssh is up"
grow_root
if [ -x /sbin/openrc ]; then
    # One of its services runs the boot script.
    for level in sysinit boot default; do
        openrc "$level" >>/var/log/openrc.log 2>&1
    done
elif [ -f "$mnt/boot.sh" ]; then
    LIMA_CIDATA_MNT=$mnt sh "$mnt/boot.sh" >/var/log/boot.log 2>&1
    say "boot.sh ended with $?"
fi
