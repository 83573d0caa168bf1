#!/bin/sh
# The host under its usual name, and the instance's own names where no name server tells them.
new=/etc/hosts.limekiln
[ -e /etc/hosts ] || echo '127.0.0.1 localhost' >/etc/hosts
sed -e '/ host\.lima\.internal$/d' -e '/^#LIMEKILN-START$/,/^#LIMEKILN-END$/d' /etc/hosts >"$new" ||
    exit
echo "$LIMA_CIDATA_SLIRP_GATEWAY host.lima.internal" >>"$new"
if [ -s "$LIMA_CIDATA_MNT/etc_hosts" ]; then
    {
        echo '#LIMEKILN-START'
        cat "$LIMA_CIDATA_MNT/etc_hosts"
        echo '#LIMEKILN-END'
    } >>"$new"
fi
# Copied, not renamed: the file may be a mount point.
cmp -s "$new" /etc/hosts || cat "$new" >/etc/hosts
rm -f "$new"
