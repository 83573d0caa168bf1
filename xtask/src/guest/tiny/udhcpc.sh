#!/bin/sh
# Applies a DHCP lease. See udhcpc(8) of busybox for the variables.
case $1 in
bound | renew)
    # Routes follow the link's MTU.
    [ -n "$mtu" ] && ip link set dev "$interface" mtu "$mtu"
    ip addr flush dev "$interface"
    ip addr add "$ip/${mask:-24}" dev "$interface"
    [ "$interface" = eth0 ] || exit 0
    [ -n "$router" ] && ip route add default via "${router%% *}"
    for server in $dns; do echo "nameserver $server"; done >/etc/resolv.conf
    ;;
esac
