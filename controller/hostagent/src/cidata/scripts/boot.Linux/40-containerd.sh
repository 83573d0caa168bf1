#!/bin/sh
# containerd with all that belongs to it, from nerdctl-full on the seed volume: for the whole guest,
# for the user without root, or both. What was set up here and is no longer wanted is stopped;
# programs, settings, images and containers stay.
exec </dev/null
# Wanted, and this start brought no archive: what is there goes on.
[ "${LIMA_CIDATA_CONTAINERD_UNKNOWN-}" != 1 ] || exit 0
system=${LIMA_CIDATA_CONTAINERD_SYSTEM-} user=${LIMA_CIDATA_CONTAINERD_USER-}
wanted_prefix=${LIMA_CIDATA_GUEST_INSTALL_PREFIX:-/usr/local}
# What was done here: `archive` has the id of the one that was unpacked, and below which prefix.
# `system` and `user` are there from before the first step of setting these up until they are
# stopped: what was half done runs, too.
state=/var/lib/limekiln/containerd
[ -n "$system$user" ] || [ -d "$state" ] || exit 0

# Says what is wrong, also to the host.
tell() {
    echo "$1" >&2
    echo "$1" >/run/limekiln-boot-why
}

if [ ! -d /run/systemd/system ]; then
    [ -n "$system$user" ] || exit 0
    tell "containerd needs systemd, and this guest has another init"
    exit 1
fi
(umask 077 && mkdir -p "$state") || exit
path=$PATH:/usr/sbin:/sbin

use_prefix() {
    prefix=$1
    PATH=$prefix/bin:$path
    export PATH
}
use_prefix "$wanted_prefix"

# Where what was set up here is.
prefix_before() {
    before=$(sed -n 2p "$state/archive" 2>/dev/null)
    echo "${before:-$wanted_prefix}"
}

has() { command -v "$1" >/dev/null; }

# Programs that containers need, and the archive does not have.
lacking() {
    has iptables || echo iptables
    [ -n "$user" ] || return 0
    has newuidmap || echo newuidmap
    has fusermount3 || echo fusermount3
    [ -e /usr/lib/systemd/user/dbus.socket ] || echo dbus.socket
}

bring() {
    more=
    if has apt-get; then
        [ -z "$user" ] || more="uidmap fuse3 dbus-user-session"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update && apt-get install -y --no-install-recommends iptables $more
    elif has dnf; then
        [ -z "$user" ] || more="shadow-utils fuse3"
        dnf install -y iptables $more
    elif has zypper; then
        [ -z "$user" ] || more="shadow fuse3"
        zypper --non-interactive install iptables $more
    elif has pacman; then
        [ -z "$user" ] || more="shadow fuse3"
        pacman -Sy --noconfirm iptables $more
    fi
}

bring_what_is_lacking() {
    [ -n "$(lacking)" ] && [ "${LIMA_CIDATA_SKIP_DEFAULT_DEPENDENCY_RESOLUTION-}" != 1 ] || return 0
    bring
    left=$(lacking | tr '\n' ' ')
    [ -z "$left" ] || { tell "not in the guest, and could not be installed: $left"; return 1; }
}

# The services that the archive has.
units() {
    for unit in containerd buildkit stargz-snapshotter; do
        [ ! -f "$prefix/lib/systemd/system/$unit.service" ] || echo "$unit.service"
    done
}

# systemd looks nowhere else than below /usr/local, and the services name their programs there.
place_units() {
    [ "$prefix" = /usr/local ] && return 0
    for unit in $(units); do
        sed "s|/usr/local/|$prefix/|g" "$prefix/lib/systemd/system/$unit" \
            >"/etc/systemd/system/$unit" || return
    done
}

wanted_archive() { printf '%s\n%s\n' "$LIMA_CIDATA_CONTAINERD_ARCHIVE_ID" "$prefix"; }

unpack() {
    [ "$(cat "$state/archive" 2>/dev/null)" = "$(wanted_archive)" ] && return 0
    # Those of an earlier archive, or of another place, must not go on beside the new programs.
    stop system && stop user || return
    # Half unpacked, it is neither that one nor this one.
    rm -f "$state/archive"
    mkdir -p "$prefix" || return
    tar -C "$prefix" -xof "$LIMA_CIDATA_MNT/$LIMA_CIDATA_CONTAINERD_ARCHIVE" || return
    if has restorecon; then restorecon -R "$prefix/bin" "$prefix/lib/systemd"; fi
    wanted_archive >"$state/archive"
}

# Settings of containerd whose sockets are below $1.
containerd_settings() {
    echo 'version = 2'
    [ "$1" != /run ] || echo 'imports = ["/etc/containerd/conf.d/*.toml"]'
    printf '\n[plugins."io.containerd.grpc.v1.cri"]\nenable_cdi = true\n'
    if has containerd-stargz-grpc; then
        printf '\n[proxy_plugins.stargz]\ntype = "snapshot"\naddress = "%s"\n' \
            "$1/containerd-stargz-grpc/containerd-stargz-grpc.sock"
    fi
    if [ "$1" != /run ] && has containerd-fuse-overlayfs-grpc; then
        printf '\n[proxy_plugins.fuse-overlayfs]\ntype = "snapshot"\naddress = "%s"\n' \
            "$1/containerd-fuse-overlayfs.sock"
    fi
}

# BuildKit makes its images where nerdctl looks for them.
buildkit_settings() {
    printf '[worker.oci]\nenabled = false\n\n[worker.containerd]\nenabled = true\n'
    printf 'namespace = "default"\nsnapshotter = "overlayfs"\n'
}

# Makes a file of what comes in, unless there is one.
new_file='[ -e "$1" ] || { mkdir -p "${1%/*}" && cat >"$1"; }'

start_system() {
    : >"$state/system" || return
    containerd_settings /run | sh -c "$new_file" sh /etc/containerd/config.toml || return
    if has buildkitd; then
        buildkit_settings | sh -c "$new_file" sh /etc/buildkit/buildkitd.toml || return
    fi
    place_units || return
    systemctl daemon-reload
    # One word each.
    systemctl enable --now $(units)
}

stop_system() {
    for unit in $(units); do
        # What systemd does not know was not set up.
        systemctl cat "$unit" >/dev/null 2>&1 || continue
        systemctl disable --now "$unit" || return
        # It would go before one below /usr/local.
        [ "$prefix" = /usr/local ] || rm -f "/etc/systemd/system/$unit" || return
    done
    systemctl daemon-reload
}

# Stops what was set up for `system` or `user`, with the programs that it was set up with.
stop() {
    [ -e "$state/$1" ] || return 0
    use_prefix "$(prefix_before)"
    "stop_$1" && rm -f "$state/$1"
    code=$?
    use_prefix "$wanted_prefix"
    [ $code -eq 0 ] || tell "the containerd of the $1 could not be stopped"
    return $code
}

as_user() {
    sudo -n -u "$LIMA_CIDATA_USER" env "HOME=$LIMA_CIDATA_HOME" "PATH=$PATH" \
        "XDG_RUNTIME_DIR=/run/user/$LIMA_CIDATA_UID" CONTAINERD_NAMESPACE=default "$@"
}

set_up() { as_user "CONTAINERD_SNAPSHOTTER=$snapshotter" containerd-rootless-setuptool.sh "$@"; }

# The user's own service manager.
wait_for_user() {
    loginctl enable-linger "$LIMA_CIDATA_USER" || return
    tries=0
    until [ -e "/run/user/$LIMA_CIDATA_UID/systemd/private" ]; do
        [ "$tries" -lt 600 ] || { tell "the user has no service manager"; return 1; }
        tries=$((tries + 1))
        sleep 0.1
    done
}

# Unprivileged users may mount overlayfs since Linux 5.13.
choose_snapshotter() {
    release=$(uname -r)
    major=${release%%.*} minor=${release#*.}
    minor=${minor%%[!0-9]*}
    snapshotter=overlayfs
    if [ "$major" -lt 5 ] || { [ "$major" -eq 5 ] && [ "$minor" -lt 13 ]; }; then
        snapshotter=fuse-overlayfs
    fi
}

# Ids for the users of containers; of a length that leaves room for containers in containers.
give_ids() {
    first=524288
    [ "$LIMA_CIDATA_UID" -lt $first ] || first=$((LIMA_CIDATA_UID + 1))
    for file in /etc/subuid /etc/subgid; do
        grep -q "^$LIMA_CIDATA_USER:" "$file" 2>/dev/null ||
            echo "$LIMA_CIDATA_USER:$first:1073741824" >>"$file" || return
    done
}

# Namespaces, ports below 1024 and ping without root, and limits on containers.
allow_user() {
    file=/etc/sysctl.d/99-limekiln-containerd.conf
    {
        [ ! -e /proc/sys/kernel/unprivileged_userns_clone ] ||
            echo 'kernel.unprivileged_userns_clone = 1'
        echo 'net.ipv4.ping_group_range = 0 2147483647'
        echo 'net.ipv4.ip_unprivileged_port_start = 0'
    } >"$file" && sysctl -p "$file" || return
    mkdir -p /etc/systemd/system/user@.service.d || return
    printf '[Service]\nDelegate=yes\n' >/etc/systemd/system/user@.service.d/limekiln.conf
    systemctl daemon-reload
    allow_in_apparmor
}

# Ubuntu since 23.10 lets only programs with a profile have namespaces of users.
allow_in_apparmor() {
    [ -e /proc/sys/kernel/apparmor_restrict_unprivileged_userns ] && [ -e /etc/apparmor.d/abi/4.0 ] ||
        return 0
    file=/etc/apparmor.d/limekiln-rootlesskit
    printf 'abi <abi/4.0>,\nprofile limekiln-rootlesskit "%s" flags=(unconfined) {\n  userns,\n}\n' \
        "$prefix/bin/rootlesskit" >"$file"
    apparmor_parser --replace "$file"
}

# For sessions: iptables and mount.fuse3 are not on every user's path.
tell_sessions() {
    {
        printf 'PATH=$PATH:/usr/sbin:/sbin'
        [ "$prefix" = /usr/local ] || printf ':%s/bin' "$prefix"
        printf '\nexport PATH\n'
        [ "$snapshotter" = overlayfs ] || echo "export CONTAINERD_SNAPSHOTTER=$snapshotter"
    } >/etc/profile.d/limekiln-containerd.sh
}

install_for_user() {
    as_user systemctl --user start dbus.socket
    set_up install || return
    if has buildkitd; then set_up install-buildkit-containerd || return; fi
    if [ "$snapshotter" = fuse-overlayfs ]; then
        set_up install-fuse-overlayfs
    elif has containerd-stargz-grpc; then
        set_up install-stargz
    fi
}

start_user() {
    if [ -e "$state/user" ] && [ "$(cat "$state/user")" != begun ]; then
        wait_for_user
        return
    fi
    echo begun >"$state/user" || return
    # Before the user's manager starts, to which it is said here what it may do.
    give_ids && allow_user && tell_sessions || return
    wait_for_user || return
    config=$LIMA_CIDATA_HOME/.config/containerd/config.toml
    containerd_settings "/run/user/$LIMA_CIDATA_UID" |
        as_user sh -c "$new_file" sh "$config" || return
    # As Lima does: enforced, the set-up fails.
    enforced=
    if has getenforce && [ "$(getenforce)" = Enforcing ]; then enforced=1 && setenforce 0; fi
    install_for_user
    code=$?
    [ -z "$enforced" ] || setenforce 1
    [ $code -eq 0 ] && echo done >"$state/user"
}

stop_user() {
    wait_for_user || return
    # What the tool needs, it needs for each of these: the last one tells.
    for what in stargz fuse-overlayfs buildkit-containerd; do set_up "uninstall-$what"; done
    set_up uninstall && rm -f /etc/profile.d/limekiln-containerd.sh
}

choose_snapshotter
failed=0
[ -n "$system" ] || stop system || failed=1
[ -n "$user" ] || stop user || failed=1
[ -n "$system$user" ] || exit $failed
bring_what_is_lacking || failed=1
unpack || exit
[ -z "$system" ] || start_system || failed=1
[ -z "$user" ] || start_user || failed=1
exit $failed
