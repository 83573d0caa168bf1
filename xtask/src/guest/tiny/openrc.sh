#!/sbin/openrc-run
description="Runs the boot script from cidata"

start() {
    LIMA_CIDATA_MNT=/mnt/lima-cidata sh /mnt/lima-cidata/boot.sh >/var/log/boot.log 2>&1
}
