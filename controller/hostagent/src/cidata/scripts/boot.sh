#!/bin/sh
# Sets the guest up at every boot, from the seed volume mounted at LIMA_CIDATA_MNT.
#
# A failed step does not stop the others. Its name goes to /run/limekiln-boot-failed, with what the
# step left in /run/limekiln-boot-why, and the host reads it when /run/lima-boot-done appears.
: "${LIMA_CIDATA_MNT:=/mnt/lima-cidata}"
export LIMA_CIDATA_MNT
failed=/run/limekiln-boot-failed
why=/run/limekiln-boot-why
rm -f /run/lima-boot-done "$failed"

# KEY=VALUE without quotes: the value is the rest of the line, and no shell may expand it.
load() {
    while IFS= read -r line; do
        case $line in [A-Za-z_]*=*) export "${line?}" ;; esac
    done <"$1"
}
. "$LIMA_CIDATA_MNT/environment.sh"
load "$LIMA_CIDATA_MNT/lima.env"
load "$LIMA_CIDATA_MNT/param.env"

# For probes, which run as the user.
(umask 077 && cat "$LIMA_CIDATA_MNT/param.env" >/run/limekiln-params &&
    chown "$LIMA_CIDATA_UID" /run/limekiln-params)

step() {
    name=$1
    shift
    echo "limekiln: $name"
    rm -f "$why"
    "$@" || echo "$name ended with $?$(sed 's/^/: /' "$why" 2>/dev/null)" >>"$failed"
}

# Sessions may start now: nothing later ends them.
echo "$LIMA_CIDATA_IID" >/run/lima-ssh-ready

if [ "$LIMA_CIDATA_PLAIN" != true ]; then
    for script in "$LIMA_CIDATA_MNT/boot.$(uname -s)"/*.sh; do
        [ -f "$script" ] && step "${script#"$LIMA_CIDATA_MNT/"}" sh "$script"
    done
fi
. "$LIMA_CIDATA_MNT/provision.sh"
if [ -z "$LIMA_CIDATA_PASSWORDLESS_SUDO" ]; then
    step password.sh sh "$LIMA_CIDATA_MNT/password.sh"
fi

# Renamed into place: who sees the file sees all of it.
echo "$LIMA_CIDATA_IID" >/run/lima-boot-done.tmp
mv /run/lima-boot-done.tmp /run/lima-boot-done
! [ -s "$failed" ]
