#!/bin/sh
# Run by mmdebstrap with the new system's root as argument, after its packages are installed.
set -eu
root=$1

printf 'LABEL=limekiln-root / ext4 defaults,noatime,errors=remount-ro 0 1\n' >"$root/etc/fstab"
echo localhost >"$root/etc/hostname"
# Empty: each VM makes its own at its first boot.
: >"$root/etc/machine-id"
rm -f "$root"/var/lib/dbus/machine-id "$root"/etc/ssh/ssh_host_*

cat >"$root/etc/cloud/cloud.cfg.d/90-limekiln.cfg" <<'CFG'
datasource_list: [NoCloud, None]
# An RSA key takes seconds under emulation, and no client needs it.
ssh_genkeytypes: [ed25519, ecdsa]
# The image's own packages suffice; a guest may have no network.
apt: {preserve_sources_list: true}
# C.UTF-8 is the only locale there is; cloud-init would ask for an American one, and fail.
locale: false
CFG
echo LANG=C.UTF-8 >"$root/etc/default/locale"

mkdir -p "$root/boot/grub"
cat >"$root/boot/grub/grub.cfg" <<'CFG'
set timeout=0
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
# The links follow kernel updates.
linux /vmlinuz root=LABEL=limekiln-root ro console=tty0 console=ttyS0,115200 no_timer_check
initrd /initrd.img
boot
CFG

cat >"$root/boot/grub/early.cfg" <<'CFG'
search --no-floppy --label --set=root limekiln-root
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
CFG

# Both firmware kinds read one configuration; all modules that it needs are inside the images.
modules="part_gpt ext2 fat normal configfile linux search search_label serial terminal echo test boot"
chroot "$root" grub-mkimage -O i386-pc -p /boot/grub -c /boot/grub/early.cfg \
    -o /boot/grub/core.img biosdisk $modules
chroot "$root" grub-mkimage -O x86_64-efi -p /boot/grub -c /boot/grub/early.cfg \
    -o /boot/grub/bootx64.efi efi_gop $modules
cp "$root/usr/lib/grub/i386-pc/boot.img" "$root/boot/grub/boot.img"
test -e "$root/vmlinuz" && test -e "$root/initrd.img"

chroot "$root" systemctl enable systemd-networkd systemd-resolved ssh >/dev/null 2>&1
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
