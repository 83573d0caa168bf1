#!/bin/sh
# The instance's environment variables, for every session.
new=/etc/environment.limekiln
touch /etc/environment
sed '/^#LIMA-START$/,/^#LIMA-END$/d' /etc/environment >"$new" || exit
cat "$LIMA_CIDATA_MNT/etc_environment" >>"$new"
cmp -s "$new" /etc/environment || cat "$new" >/etc/environment
rm -f "$new"
