#!/bin/sh
# sshfs, for host directories that come over SSH; the host waits for /run/lima-fuse-ready. With the
# word `install` it is for a mount that was added later.
if [ "${1-}" != install ]; then
    [ "${LIMA_CIDATA_MOUNTTYPE-}" = reverse-sshfs ] || exit 0
    [ "${LIMA_CIDATA_MOUNTS:-0}" -gt 0 ] || exit 0
fi

bring() {
    if command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get update && apt-get install -y --no-install-recommends sshfs
    elif command -v dnf >/dev/null; then
        # Red Hat's own packages do not have it; EPEL does.
        dnf install -y fuse-sshfs || { dnf install -y epel-release && dnf install -y fuse-sshfs; }
    elif command -v zypper >/dev/null; then
        zypper --non-interactive install sshfs
    elif command -v pacman >/dev/null; then
        pacman -Sy --noconfirm sshfs
    elif command -v apk >/dev/null; then
        apk add --no-cache sshfs
    else
        return 1
    fi
}

if ! command -v sshfs >/dev/null; then
    if [ "${LIMA_CIDATA_SKIP_DEFAULT_DEPENDENCY_RESOLUTION-}" != 1 ]; then
        bring </dev/null
    fi
    if ! command -v sshfs >/dev/null; then
        echo "sshfs is not installed in the guest, and could not be" >&2
        exit 1
    fi
fi
[ -e /dev/fuse ] || modprobe fuse
[ -z "${LIMA_CIDATA_IID-}" ] || echo "$LIMA_CIDATA_IID" >/run/lima-fuse-ready
