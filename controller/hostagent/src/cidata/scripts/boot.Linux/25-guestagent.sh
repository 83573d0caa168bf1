#!/bin/sh
# Installs the guest agent, ours or Lima's, and makes the guest's init run it. The host reaches it
# through SSH as the instance's user, so the socket is this user's.
new=$LIMA_CIDATA_MNT/lima-guestagent
[ -f "$new" ] || exit 0
program=${LIMA_CIDATA_GUEST_INSTALL_PREFIX:-/usr/local}/bin/lima-guestagent
changed=
if ! cmp -s "$new" "$program"; then
    mkdir -p "${program%/*}"
    # Renamed into place: the old one may run.
    cp "$new" "$program.new" && chmod 0755 "$program.new" && mv "$program.new" "$program" || exit
    if command -v restorecon >/dev/null; then restorecon "$program"; fi
    changed=1
fi

# Programs in the guest ask the host agent for names by way of ours.
set -- --socket-owner "$LIMA_CIDATA_UID"
if [ "${LIMA_CIDATA_UDP_DNS_LOCAL_PORT:-0}" != 0 ]; then
    case $("$program" --version 2>/dev/null) in limekiln-*)
        ports=$LIMA_CIDATA_UDP_DNS_LOCAL_PORT:$LIMA_CIDATA_TCP_DNS_LOCAL_PORT
        set -- "$@" --dns "$LIMA_CIDATA_SLIRP_DNS=$LIMA_CIDATA_SLIRP_GATEWAY:$ports"
        ;;
    esac
fi

# Started again by the loop, whatever it ends with.
by_hand() {
    log=/var/log/lima-guestagent.log
    loop='while :; do "$0" daemon "$@"; sleep 1; done'
    if command -v setsid >/dev/null; then
        setsid sh -c "$loop" "$program" "$@" </dev/null >"$log" 2>&1 &
    else
        sh -c "$loop" "$program" "$@" </dev/null >"$log" 2>&1 &
    fi
}

openrc() {
    cat >/etc/init.d/lima-guestagent <<SERVICE
#!/sbin/openrc-run
description="Guest agent of Lima and Limekiln"
supervisor=supervise-daemon
respawn_delay=1
respawn_max=0
command="$program"
command_args="daemon $*"
output_log=/var/log/lima-guestagent.log
error_log=/var/log/lima-guestagent.log
SERVICE
    chmod 0755 /etc/init.d/lima-guestagent
    rc-update add lima-guestagent default >/dev/null
    if [ -n "$changed" ] || [ $# -gt 2 ]; then
        rc-service --ifstarted lima-guestagent restart
    fi
    rc-service --ifstopped lima-guestagent start
}

if [ -d /run/systemd/system ]; then
    "$program" install-systemd "$@"
elif command -v rc-service >/dev/null; then
    openrc "$@"
else
    by_hand "$@"
fi
