#!/bin/sh
# Run by cloud-init at every boot: mounts the seed volume and hands over to its boot script.
LIMA_CIDATA_MNT=/mnt/lima-cidata
export LIMA_CIDATA_MNT
if ! [ -f "$LIMA_CIDATA_MNT/boot.sh" ]; then
    mkdir -p "$LIMA_CIDATA_MNT"
    chmod 0700 "$LIMA_CIDATA_MNT"
    mount -t iso9660 -o ro,mode=0700,dmode=0700,overriderockperm,exec,uid=0 \
        /dev/disk/by-label/cidata "$LIMA_CIDATA_MNT" || exit 1
fi
exec sh "$LIMA_CIDATA_MNT/boot.sh"
